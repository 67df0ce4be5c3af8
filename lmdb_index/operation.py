"""One operation: all of its mutations apply, or none; also across a kill.

It is a nested LMDB transaction and one journal record. The record is appended before the nested
transaction commits, so whoever got an answer will find the operation done after a restart.
"""

from typing import NamedTuple

import lmdb
import msgspec

from lmdb_index.environment import Environment
from lmdb_index.rows import Rows
from lmdb_index.schema import Record, Table


class Mutation(NamedTuple):
    """A row put or, with no value, deleted. Of a journal record, or on its way into one."""

    table: int
    key: bytes
    value: bytes | None


class Operation(Rows):
    """Reads and changes rows inside `Index.operation()`."""

    def __init__(
        self,
        environment: Environment,
        transaction: "lmdb.Transaction",
        counters: dict[str, int],
    ) -> None:
        super().__init__(environment, transaction)
        self._counters = counters
        self.mutations: list[Mutation] = []
        self.deltas: dict[str, int] = {}

    def put(self, table: Table[Record], key: bytes, record: msgspec.Struct) -> None:
        """Store a row."""
        value = self._codecs[table.number].seal(key, record)
        self.transaction.put(key, value, db=self._handles[table.number])
        self.mutations.append(Mutation(table.number, key, value))

    def delete(self, table: Table[Record], key: bytes) -> bool:
        """Delete a row; tell whether there was one."""
        found = self.transaction.delete(key, db=self._handles[table.number])
        if found:
            self.mutations.append(Mutation(table.number, key, None))
        return bool(found)

    def add(self, counter: str, delta: int) -> None:
        """Change a counter."""
        if delta:
            self.deltas[counter] = self.deltas.get(counter, 0) + delta

    def next_number(self, counter: str) -> int:
        """Raise a counter by one and return it: a number that was never given out before."""
        self.add(counter, 1)
        return self._counters.get(counter, 0) + self.deltas[counter]
