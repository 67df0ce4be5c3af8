"""Reading rows through whichever LMDB transaction is current."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import lmdb

from lmdb_index.environment import Database, Transaction, index_problem
from lmdb_index.errors import IndexProblem
from lmdb_index.keys import after_prefix
from lmdb_index.schema import Record, Table
from lmdb_index.values import CODECS, RowCodec

BATCH_ROWS_MIN: Final = 8
BATCH_ROWS_MAX: Final = 512


def table_problem(error: lmdb.Error, table: Table[Record]) -> IndexProblem:
    """What LMDB reports about a table, in the index's own words."""
    return index_problem(error, f"index table {table.name.decode()}")


class CurrentTransaction:
    """The transaction that rows are read through now; shared by an index and its operation.

    While an operation is open its nested transaction is the current one, because LMDB forbids
    using the parent meanwhile.
    """

    __slots__ = ("databases", "generation", "is_nested", "transaction")

    def __init__(self, transaction: Transaction, databases: dict[int, Database]) -> None:
        self.transaction = transaction
        self.databases = databases  # by the table's number
        self.generation = 0  # another number after each change of any row
        self.is_nested = False


class Rows:
    """The rows of all tables, decoded and verified.

    A scan holds no cursor while its consumer runs. It reads ahead in batches, and drops what it
    read ahead as soon as anything has changed. So a consumer may change what it scans, and may
    leave a scan at any time: each key comes at most once, in order, with the value that the row
    has at that moment.
    """

    def __init__(self, current: CurrentTransaction) -> None:
        self._current = current

    def get(self, table: Table[Record], key: bytes) -> Record | None:
        """The row of a key; None when there is none. Raises IndexCorrupt, IndexTooNew."""
        number = table.number
        current = self._current
        try:
            value = current.transaction.get(key, None, current.databases[number])
        except lmdb.Error as error:
            raise table_problem(error, table) from error
        if value is None:
            return None
        codec: RowCodec[Record] = CODECS[number]
        return codec.unseal(key, value)

    def scan(
        self,
        table: Table[Record],
        start: bytes = b"",
        stop: bytes | None = None,
        *,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, Record]]:
        """Rows with start <= key < stop in the order of their keys, or backwards.

        Raises IndexCorrupt, IndexTooNew.
        """
        unseal = CODECS[table.number].unseal
        for key, value in self.scan_values(table, start, stop, reverse=reverse):
            yield key, unseal(key, value)

    def scan_prefix(self, table: Table[Record], prefix: bytes) -> Iterator[tuple[bytes, Record]]:
        """Rows whose key begins with a prefix, in order. Raises IndexCorrupt, IndexTooNew."""
        return self.scan(table, prefix, after_prefix(prefix))

    def scan_values(
        self,
        table: Table[Record],
        start: bytes = b"",
        stop: bytes | None = None,
        *,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, bytes]]:
        """As `scan`, with values as they are stored, not verified."""
        read = self._read_before if reverse else self._read_from
        size, more = BATCH_ROWS_MIN, True
        while more:
            generation = self._current.generation
            try:
                batch = read(table, start, stop, size)
            except lmdb.Error as error:
                raise table_problem(error, table) from error
            more = len(batch) == size
            size = min(2 * size, BATCH_ROWS_MAX)
            for row in batch:
                yield row
                if self._current.generation != generation:
                    size, more = BATCH_ROWS_MIN, True
                    break
            if more and reverse:
                stop = row[0]
            elif more:
                start = row[0] + b"\0"

    def count(self, table: Table[Record]) -> int:
        """How many rows a table has."""
        current = self._current
        try:
            return current.transaction.stat(current.databases[table.number])["entries"]
        except lmdb.Error as error:
            raise table_problem(error, table) from error

    def _read_from(
        self, table: Table[Record], start: bytes, stop: bytes | None, size: int
    ) -> list[tuple[bytes, bytes]]:
        current = self._current
        with current.transaction.cursor(current.databases[table.number]) as cursor:
            if not cursor.set_range(start):
                return []
            batch = list(islice(cursor.iternext(), size))
        while stop is not None and batch and batch[-1][0] >= stop:
            batch.pop()
        return batch

    def _read_before(
        self, table: Table[Record], start: bytes, stop: bytes | None, size: int
    ) -> list[tuple[bytes, bytes]]:
        current = self._current
        with current.transaction.cursor(current.databases[table.number]) as cursor:
            behind = stop is not None and cursor.set_range(stop)
            if not (cursor.prev() if behind else cursor.last()):
                return []
            batch = list(islice(cursor.iterprev(), size))
        while batch and batch[-1][0] < start:
            batch.pop()
        return batch
