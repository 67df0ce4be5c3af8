"""What trees are made from: an index, or a snapshot of one."""

from collections.abc import Iterator
from typing import Protocol

from lmdb_index.schema import Record, Table


class ReadsRows(Protocol):
    """Reads rows; what it shows does not change while it is used."""

    def get(self, table: Table[Record], key: bytes) -> Record | None:
        """The row with this key."""
        ...

    def scan(
        self, table: Table[Record], start: bytes = b"", stop: bytes | None = None
    ) -> Iterator[tuple[bytes, Record]]:
        """Rows with start <= key < stop, in order."""
        ...

    def scan_prefix(self, table: Table[Record], prefix: bytes) -> Iterator[tuple[bytes, Record]]:
        """Rows whose keys start so, in order."""
        ...
