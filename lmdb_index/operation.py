"""An operation: changes of rows that are also one journal record. All of them, or nothing.

Rows are changed in the open transaction at once, and what they were is kept until the operation
ends. The record is appended last, so whoever got an answer finds the operation done after a kill.
If anything fails before, each row becomes again what it was.

(LMDB's nested transactions would do that, too. But when one of them commits, LMDB goes through the
list of all pages that the open transaction has changed: 20 us where these are a few thousand.)
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

import lmdb

from lmdb_index.environment import Environment, Transaction
from lmdb_index.errors import IndexProblem
from lmdb_index.journal import Journal
from lmdb_index.journal_format import encode_payload
from lmdb_index.rows import CurrentTransaction, Rows, place_of
from lmdb_index.schema import Record, Table
from lmdb_index.values import CODECS
from lmdb_index.waiting_rows import WAITING

Key = TypeVar("Key", bound=bytes)


class Mutation(NamedTuple):
    """A changed row of a journal record. `values.RowCodec` reads the value."""

    table: int
    key: bytes
    value: bytes | None  # None when the row is deleted


class Operation(Rows):
    """What one operation reads and changes. Use it only inside `with index.operation()`."""

    def __init__(
        self,
        current: CurrentTransaction,
        journal: Journal,
        counters: defaultdict[str, int],
        environment: Environment,
        begin_again: Callable[[], None],
    ) -> None:
        """`begin_again` gives up the open transaction, and makes another from the journal."""
        self._current = current
        self._journal = journal
        self._counters = counters
        self._environment = environment
        self._begin_again = begin_again
        self._changes: dict[str, int] = {}  # of counters
        self._mutations: list[tuple[int, bytes, bytes | None]] = []
        self._formers: list[bytes | None] = []  # what was there before each of them
        self._problem: IndexProblem | None = None
        self._transaction: Transaction | None = None  # while the operation is open
        self._databases = current.databases
        self._last = current.packed.last

    def __enter__(self) -> Self:
        """Begin. Raises JournalFailed when operations are not accepted any more."""
        current = self._current
        assert not current.has_operation, "operations do not nest"
        self._journal.check()
        current.has_operation = True
        self._transaction = current.transaction
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
        if kind is not None:
            self._give_up()
            return
        try:
            self._append_record()
        except BaseException:
            self._give_up()
            raise
        self._transaction = None
        self._current.has_operation = False

    def put(self, table: Table[Record], key: bytes, record: Record) -> None:
        """Store a row, in place of the one the key may have. Raises NoRoom, IndexProblem."""
        transaction, number = self._transaction, table.number
        assert transaction is not None, "the operation has ended"
        value = CODECS[number].seal(key, record)
        database, current = self._databases[number], self._current
        try:
            if number == WAITING:
                former = transaction.pop(key, database)
                current.waiting.put(key, value)
            else:
                former = transaction.replace(key, value, database)
            self._formers.append(former)
            self._mutations.append((number, key, value))
            if not former and key <= self._last.get(number, b""):
                current.packed.note_put(transaction, number, key, former)
        except lmdb.Error as error:
            raise self._refusal(error, table) from error
        current.generation += 1

    def put_new(self, table: Table[Record], records: Mapping[Key, Record]) -> None:
        """Store many rows of keys that have none, as `present` says, in fewer steps.

        Not of the table whose rows wait in memory. Raises as `put`.
        """
        transaction, number = self._transaction, table.number
        assert transaction is not None, "the operation has ended"
        assert number != WAITING
        seal, current = CODECS[number].seal, self._current
        rows = [(key, seal(key, record)) for key, record in records.items()]
        try:
            with transaction.cursor(self._databases[number]) as cursor:
                tombstones = dict(cursor.getmulti(list(records))) if number in self._last else {}
                self._formers += map(tombstones.get, records)
                self._mutations += [(number, key, value) for key, value in rows]
                cursor.putmulti(rows)
            for key, former in tombstones.items():
                current.packed.note_put(transaction, number, key, former)
        except lmdb.Error as error:
            raise self._refusal(error, table) from error
        current.generation += 1

    def delete(self, table: Table[Record], key: bytes) -> bool:
        """Remove a row; False when there is none. Raises NoRoom, IndexProblem."""
        transaction, number = self._transaction, table.number
        assert transaction is not None, "the operation has ended"
        database, packed = self._databases[number], self._current.packed
        try:
            if key <= self._last.get(number, b""):
                former = transaction.get(key, None, database)
                found = packed.delete(transaction, database, number, key, former)
            else:
                former = transaction.pop(key, database)
                found = former is not None
                if number == WAITING and not found:
                    found = self._current.waiting.delete(key)
        except lmdb.Error as error:
            raise self._refusal(error, table) from error
        if found:
            self._formers.append(former)
            self._mutations.append((number, key, None))
            self._current.generation += 1
        return found

    def changed_keys(self, table: Table[Record]) -> list[bytes]:
        """The keys of rows that were put or deleted so far, each as often as that was done."""
        return [key for number, key, _ in self._mutations if number == table.number]

    def add(self, counter: str, delta: int) -> None:
        """Change a counter; one that does not exist yet is 0."""
        if delta:
            changes = self._changes
            self._counters[counter] += delta
            changes[counter] = changes.get(counter, 0) + delta

    def next_number(self, counter: str) -> int:
        """Raise a counter by one and return it: a number that was never given out before."""
        self.add(counter, 1)
        return self._counters[counter]

    def _append_record(self) -> None:
        if self._problem is not None:
            raise self._problem
        changes = self._changes
        if 0 in changes.values():
            changes = {name: delta for name, delta in changes.items() if delta}
        mutations = self._mutations
        if mutations or changes:
            self._journal.append(encode_payload(changes, mutations), len(mutations) + len(changes))

    def _give_up(self) -> None:
        """Let everything be as before. Raises IndexProblem when nothing can go on."""
        current, self._transaction = self._current, None
        current.has_operation = False
        current.generation += 1
        current.packed.give_up()
        current.waiting.give_up()
        for name, delta in self._changes.items():
            self._counters[name] -= delta
        try:
            self._put_back()
        except lmdb.Error:  # as after its own errors: LMDB uses such a transaction no more
            self._begin_again()

    def _put_back(self) -> None:
        """Let changed rows be what they were. Raises lmdb.Error."""
        transaction = self._current.transaction
        if self._problem is not None:
            transaction.stat(self._current.databases[WAITING])  # is it of use at all?
        changed = zip(self._mutations, self._formers, strict=True)
        for (number, key, _), former in reversed(list(changed)):
            if former is None:
                transaction.delete(key, b"", self._databases[number])
            else:
                transaction.put(key, former, db=self._databases[number])

    def _refusal(self, error: lmdb.Error, table: Table[Record]) -> IndexProblem:
        """LMDB may have changed a part: whatever the caller does next, nothing is applied."""
        self._problem = self._environment.refusal(error, place_of(table))
        return self._problem
