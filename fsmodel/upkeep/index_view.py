"""What a check reads: the index as it was at one moment.

Either the open index of a store nobody else uses, or a snapshot of the last commit, which a worker
thread may read while requests go on.
"""

from collections.abc import Iterator
from typing import Protocol

from lmdb_index.schema import Record, Table


class IndexView(Protocol):
    """Reads rows and counters; what it shows does not change while it is used."""

    def get(self, table: Table[Record], key: bytes) -> Record | None:
        """The row with this key."""
        ...

    def scan(
        self, table: Table[Record], start: bytes = b"", stop: bytes | None = None
    ) -> Iterator[tuple[bytes, Record]]:
        """Rows from one key up to another, in order."""
        ...

    def scan_prefix(self, table: Table[Record], prefix: bytes) -> Iterator[tuple[bytes, Record]]:
        """Rows whose keys start so, in order."""
        ...

    def count(self, table: Table[Record]) -> int:
        """How many rows a table has."""
        ...

    def counter(self, name: str) -> int:
        """The value of a counter."""
        ...
