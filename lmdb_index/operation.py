"""An operation: a nested LMDB transaction that is also one journal record. All of it, or nothing.

The record is appended before the nested transaction commits, so whoever got an answer finds the
operation done after a kill. If appending fails, the nested transaction is given up and nothing
has changed.
"""

from collections import defaultdict
from types import TracebackType
from typing import NamedTuple, Self

import lmdb

from lmdb_index.environment import Environment, Transaction, index_problem
from lmdb_index.errors import IndexProblem
from lmdb_index.journal import Journal
from lmdb_index.journal_format import encode_payload
from lmdb_index.rows import CurrentTransaction, Rows, table_problem
from lmdb_index.schema import Record, Table
from lmdb_index.values import CODECS
from lmdb_index.waiting_rows import WAITING


class Mutation(NamedTuple):
    """A changed row of a journal record. `values.RowCodec` reads the value."""

    table: int
    key: bytes
    value: bytes | None  # None when the row is deleted


class Operation(Rows):
    """What one operation reads and changes. Use it only inside `with index.operation()`."""

    def __init__(
        self,
        environment: Environment,
        current: CurrentTransaction,
        journal: Journal,
        counters: defaultdict[str, int],
    ) -> None:
        self._current = current
        self._environment = environment
        self._journal = journal
        self._counters = counters
        self._changes: defaultdict[str, int] = defaultdict(int)  # of counters
        self._mutations: list[tuple[int, bytes, bytes | None]] = []
        self._problem: IndexProblem | None = None
        self._parent = current.transaction
        self._transaction: Transaction | None = None  # while the operation is open

    def __enter__(self) -> Self:
        """Begin. Raises JournalFailed when operations are not accepted any more."""
        current = self._current
        assert not current.is_nested, "operations do not nest"
        self._journal.check()
        try:
            self._transaction = current.transaction = self._environment.begin(self._parent)
        except lmdb.Error as error:
            raise index_problem(error, "index") from error
        current.is_nested = True
        current.packed.begin()
        current.waiting.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Apply all of it, or nothing if the block raised. Raises NoRoom, IndexProblem."""
        transaction = self._transaction
        assert transaction is not None
        if kind is None:
            self._apply(transaction)
        else:
            self._give_up(transaction)

    def put(self, table: Table[Record], key: bytes, record: Record) -> None:
        """Store a row, in place of the one the key may have. Raises NoRoom, IndexProblem."""
        transaction, current, number = self._transaction, self._current, table.number
        assert transaction is not None, "the operation has ended"
        value = CODECS[number].seal(key, record)
        database, last = current.databases[number], current.packed.last
        try:
            if number in last and key <= last[number]:
                current.packed.before_put(transaction, database, number, key)
            if number == WAITING:
                current.waiting.put(transaction, database, key, value)
            else:
                transaction.put(key, value, True, True, False, database)
        except lmdb.Error as error:
            raise self._refusal(error, table) from error
        current.generation += 1
        self._mutations.append((number, key, value))

    def delete(self, table: Table[Record], key: bytes) -> bool:
        """Remove a row; False when there is none. Raises NoRoom, IndexProblem."""
        transaction, current, number = self._transaction, self._current, table.number
        assert transaction is not None, "the operation has ended"
        database = current.databases[number]
        try:
            if key <= current.packed.last.get(number, b""):
                found = current.packed.delete(transaction, database, number, key)
            elif number == WAITING:
                found = current.waiting.delete(transaction, database, key)
            else:
                found = transaction.delete(key, b"", database)
        except lmdb.Error as error:
            raise self._refusal(error, table) from error
        if found:
            current.generation += 1
            self._mutations.append((number, key, None))
        return found

    def changed_keys(self, table: Table[Record]) -> list[bytes]:
        """The keys of rows that were put or deleted so far, each as often as that was done."""
        return [key for number, key, _ in self._mutations if number == table.number]

    def add(self, counter: str, delta: int) -> None:
        """Change a counter; one that does not exist yet is 0."""
        if delta:
            self._counters[counter] += delta
            self._changes[counter] += delta

    def next_number(self, counter: str) -> int:
        """Raise a counter by one and return it: a number that was never given out before."""
        self.add(counter, 1)
        return self._counters[counter]

    def _apply(self, transaction: Transaction) -> None:
        try:
            self._append_record()
        except BaseException:
            self._give_up(transaction)
            raise
        try:
            transaction.commit()
        except lmdb.Error as error:
            # The journal now says what the index does not: only a replay makes them agree.
            self._journal.fail(f"an operation was not applied: {error}")
            self._give_up(transaction)
            raise index_problem(error, "index") from error
        self._leave()

    def _append_record(self) -> None:
        if self._problem is not None:
            raise self._problem
        changes: dict[str, int] = self._changes
        if 0 in changes.values():
            changes = {name: delta for name, delta in changes.items() if delta}
        mutations = self._mutations
        if mutations or changes:
            self._journal.append(encode_payload(changes, mutations), len(mutations) + len(changes))

    def _give_up(self, transaction: Transaction) -> None:
        transaction.abort()
        self._current.generation += 1
        self._current.packed.give_up()
        self._current.waiting.give_up()
        for name, delta in self._changes.items():
            self._counters[name] -= delta
        self._leave()

    def _leave(self) -> None:
        self._transaction = None
        self._current.transaction = self._parent
        self._current.is_nested = False

    def _refusal(self, error: lmdb.Error, table: Table[Record]) -> IndexProblem:
        """LMDB may have changed a part: whatever the caller does next, nothing is applied."""
        self._problem = table_problem(error, table)
        return self._problem
