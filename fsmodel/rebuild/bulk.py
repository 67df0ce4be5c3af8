"""Many rows into a new index: large operations, a checkpoint now and then, bounded memory."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from lmdb_index.index import Index
from lmdb_index.operation import Operation
from lmdb_index.schema import Record, Table

OPERATION_MUTATIONS: Final = 5_000


def _nothing() -> None:
    """Nothing has to be durable before the index."""


class Bulk:
    """Changes rows one after the other. What it changed is seen in `index` at once."""

    def __init__(self, index: Index, before_commit: Callable[[], None] = _nothing) -> None:
        """`before_commit` is called each time before what was changed becomes durable."""
        self.index = index
        self._before_commit = before_commit
        self._stack = ExitStack()
        self._operation: Operation | None = None
        self._mutations = 0

    def put(self, table: Table[Record], key: bytes, record: Record) -> None:
        """Store a row. Raises NoRoom, IndexProblem."""
        self._opened().put(table, key, record)

    def delete(self, table: Table[Record], key: bytes) -> None:
        """Remove a row. Raises NoRoom, IndexProblem."""
        self._opened().delete(table, key)

    def raise_counter(self, name: str, value: int) -> None:
        """Give a counter at least this value."""
        lacking = value - self.index.counter(name)
        if lacking > 0:
            self._opened().add(name, lacking)

    def set_counter(self, name: str, value: int) -> None:
        """Give a counter this value."""
        change = value - self.index.counter(name)
        if change:
            self._opened().add(name, change)

    def commit(self) -> None:
        """Make everything so far part of the index's file. Raises NoRoom, IndexProblem."""
        self._end()
        self._checkpoint()

    def _opened(self) -> Operation:
        if self._mutations >= OPERATION_MUTATIONS:
            self._end()
            if self.index.needs_checkpoint:
                self._checkpoint()
        if self._operation is None:
            self._operation = self._stack.enter_context(self.index.operation())
        self._mutations += 1
        return self._operation

    def _checkpoint(self) -> None:
        self._before_commit()
        self.index.checkpoint()

    def _end(self) -> None:
        self._operation, self._mutations = None, 0
        self._stack.close()
