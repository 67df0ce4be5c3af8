"""Reading rows through one LMDB transaction."""

from collections.abc import Iterator

import lmdb

from lmdb_index.environment import Environment
from lmdb_index.keys import after_prefix
from lmdb_index.schema import Record, Table


class Rows:
    """The rows one transaction shows, decoded and verified.

    Scans may be left at any time, and rows may be changed while one runs: LMDB moves its cursor
    along.
    """

    def __init__(self, environment: Environment, transaction: "lmdb.Transaction") -> None:
        self.transaction = transaction
        self._handles = environment.handles
        self._codecs = environment.codecs

    def get(self, table: Table[Record], key: bytes) -> Record | None:
        """The row with this key. Raises IndexCorrupt."""
        value = self.transaction.get(key, db=self._handles[table.number])
        if value is None:
            return None
        assert isinstance(value, bytes)  # transactions are begun without buffers
        record: Record = self._codecs[table.number].unseal(key, value)  # type: ignore[assignment]
        return record  # its codec was made from this table

    def scan(
        self,
        table: Table[Record],
        start: bytes = b"",
        stop: bytes | None = None,
        *,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, Record]]:
        """Rows from `start` up to, not including, `stop`; or the same backwards."""
        codec = self._codecs[table.number]
        rows = self._backward(table, start, stop) if reverse else self._forward(table, start, stop)
        for key, value in rows:
            record: Record = codec.unseal(key, value)  # type: ignore[assignment]
            yield key, record

    def scan_prefix(self, table: Table[Record], prefix: bytes) -> Iterator[tuple[bytes, Record]]:
        """Rows whose keys begin with a prefix, in order."""
        return self.scan(table, prefix, after_prefix(prefix))

    def raw(self, table: Table[Record]) -> Iterator[tuple[bytes, bytes]]:
        """Keys and stored values of a whole table, not verified."""
        return self._forward(table, b"", None)

    def count(self, table: Table[Record]) -> int:
        """How many rows a table has."""
        return int(self.transaction.stat(self._handles[table.number])["entries"])

    def _forward(
        self, table: Table[Record], start: bytes, stop: bytes | None
    ) -> Iterator[tuple[bytes, bytes]]:
        cursor = self.transaction.cursor(db=self._handles[table.number])
        if not cursor.set_range(start):
            return
        for key, value in cursor:
            assert isinstance(key, bytes) and isinstance(value, bytes)
            if stop is not None and key >= stop:
                return
            yield key, value

    def _backward(
        self, table: Table[Record], start: bytes, stop: bytes | None
    ) -> Iterator[tuple[bytes, bytes]]:
        cursor = self.transaction.cursor(db=self._handles[table.number])
        beyond = stop is not None and cursor.set_range(stop)
        placed = cursor.prev() if beyond else cursor.last()
        if not placed:
            return
        for key, value in cursor.iterprev():
            assert isinstance(key, bytes) and isinstance(value, bytes)
            if key < start:
                return
            yield key, value
