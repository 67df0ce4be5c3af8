"""Rows that wait in memory for the next commit: the bytes of files, which seldom see it.

What is put into the table `extent` usually goes before a commit comes, as the file is settled by
then. In LMDB each such row would take pages of its own, which a long transaction does not use again
once they are free. The journal has them, as it has all rows: a kill takes none, and a replay puts
them into LMDB. So does a commit, with those that are left.

A key is either here or in the table's database.

Owner: the thread of the transaction.
"""

from collections import defaultdict
from collections.abc import Iterator

from lmdb_index.environment import Database, Transaction
from lmdb_index.keys import NUMBER_BYTES, after_prefix
from lmdb_index.schema import EXTENT

WAITING = EXTENT.number  # the table whose rows do


class WaitingRows:
    """Those of the open transaction, by the number their keys begin with, which is an inode's."""

    __slots__ = ("_groups", "_undo", "count")

    def __init__(self) -> None:
        self._groups: defaultdict[bytes, dict[bytes, bytes]] = defaultdict(dict)
        self._undo: list[tuple[bytes, bytes | None]] = []  # what keys had before the operation
        self.count = 0

    def begin(self) -> None:
        """An operation begins."""
        if self._undo:
            self._undo = []

    def give_up(self) -> None:
        """Be again as when the operation began."""
        for key, value in reversed(self._undo):
            self._set(key, value)
        self._undo = []

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, if it is here."""
        group = self._groups.get(key[:NUMBER_BYTES])
        return None if group is None else group.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        """Store a value here; the database must not have one."""
        self._undo.append((key, self.get(key)))
        self._set(key, value)

    def delete(self, key: bytes) -> bool:
        """Remove a value; False when there is none."""
        former = self.get(key)
        if former is None:
            return False
        self._undo.append((key, former))
        self._set(key, None)
        return True

    def merged(
        self, rows: list[tuple[bytes, bytes]], start: bytes, stop: bytes | None, size: int
    ) -> list[tuple[bytes, bytes]]:
        """The first rows with start <= key < stop, given as many of those in the database."""
        return sorted([*rows, *self._within(start, stop)])[:size]

    def merged_backwards(
        self, rows: list[tuple[bytes, bytes]], start: bytes, stop: bytes | None, size: int
    ) -> list[tuple[bytes, bytes]]:
        """The last of them, the highest key first."""
        return sorted([*rows, *self._within(start, stop)], reverse=True)[:size]

    def save(self, transaction: Transaction, database: Database) -> None:
        """Put all into the database, to be committed. Raises lmdb.Error."""
        for group in self._groups.values():
            for key, value in group.items():
                transaction.put(key, value, db=database)

    def clear(self) -> None:
        """They are in the database now."""
        self._groups.clear()
        self._undo = []
        self.count = 0

    def _set(self, key: bytes, value: bytes | None) -> None:
        prefix = key[:NUMBER_BYTES]
        group = self._groups[prefix]
        self.count -= len(group)
        if value is None:
            group.pop(key, None)
        else:
            group[key] = value
        self.count += len(group)
        if not group:
            del self._groups[prefix]

    def _within(self, start: bytes, stop: bytes | None) -> Iterator[tuple[bytes, bytes]]:
        if len(start) == NUMBER_BYTES and stop == after_prefix(start):  # as of one file
            yield from self._groups.get(start, {}).items()
            return
        for group in self._groups.values():
            for key, value in group.items():
                if key >= start and (stop is None or key < stop):
                    yield key, value
