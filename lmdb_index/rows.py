"""Reading rows through whichever LMDB transaction is current."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeVar

import lmdb

from lmdb_index.block_cache import PackedRow
from lmdb_index.block_format import Block
from lmdb_index.environment import Database, Transaction, index_problem
from lmdb_index.errors import IndexProblem
from lmdb_index.keys import after_prefix, number_key
from lmdb_index.outlines import PackedOutlines, outlines_from, outlines_in_a_row
from lmdb_index.packed import TOMBSTONE, Packed
from lmdb_index.schema import PACKED_DATABASE, Record, Table
from lmdb_index.values import CODECS, RowCodec
from lmdb_index.waiting_rows import WAITING, WaitingRows

BATCH_ROWS_MIN: Final = 8
BATCH_ROWS_MAX: Final = 512

StoredRow = bytes | PackedRow  # a stored value (values.py), or a row of a block
Packable = TypeVar("Packable")  # a row of a block, as it is or decoded


def place_of(table: Table[Record]) -> str:
    """A table, for a person."""
    return f"index table {table.name.decode()}"


def table_problem(error: lmdb.Error, table: Table[Record]) -> IndexProblem:
    """What LMDB reports about a table, in the index's own words."""
    return index_problem(error, place_of(table))


class CurrentTransaction:
    """The transaction that rows are read and changed through, shared by an index and its operation.

    It is another one after each commit.
    """

    __slots__ = ("databases", "generation", "has_operation", "packed", "transaction", "waiting")

    def __init__(self, transaction: Transaction, databases: dict[int, Database]) -> None:
        self.transaction = transaction
        self.databases = databases  # by the table's number
        self.generation = 0  # another number after each change of any row
        self.has_operation = False
        self.packed = Packed(databases[PACKED_DATABASE])
        self.waiting = WaitingRows()


class Rows:
    """The rows of all tables, decoded and verified.

    A scan holds no cursor while its consumer runs. It reads ahead in batches, and drops what it
    read ahead as soon as anything has changed. So a consumer may change what it scans, and may
    leave a scan at any time: each key comes at most once, in order, with the value that the row
    has at that moment.
    """

    def __init__(self, current: CurrentTransaction) -> None:
        self._current = current

    def get(self, table: Table[Record], key: bytes, *, outline: bool = False) -> Record | None:
        """The row of a key; None when there is none. Raises IndexCorrupt, IndexTooNew.

        An `outline` is to be read only, and the ids in it may be shortened, as outlines.py says.
        """
        number = table.number
        current = self._current
        try:
            value = current.transaction.get(key, None, current.databases[number])
            if value is None and key <= current.packed.last.get(number, b""):
                return current.packed.get(current.transaction, table, key, outline=outline)
        except lmdb.Error as error:
            raise table_problem(error, table) from error
        if value is None and number == WAITING:
            value = current.waiting.get(key)
        if not value:
            return None
        codec: RowCodec[Record] = CODECS[number]
        return codec.unseal(key, value)

    def present(self, table: Table[Record], keys: Sequence[bytes]) -> set[bytes]:
        """Those of some keys that have a row, in fewer steps than `get` takes. Raises as `get`.

        Not of the table whose rows may wait in memory.
        """
        current, number = self._current, table.number
        assert number != WAITING
        transaction, packed = current.transaction, current.packed
        last = packed.last.get(number, b"")
        try:
            with transaction.cursor(current.databases[number]) as cursor:
                found = dict(cursor.getmulti(keys))
            present = set(filter(found.get, found))  # a tombstone is empty
            if last:
                below = (key for key in keys if key <= last and key not in found)
                get = packed.get
                present.update(key for key in below if get(transaction, table, key) is not None)
        except lmdb.Error as error:
            raise table_problem(error, table) from error
        return present

    def completed(self, table: Table[Record], outline: Record) -> Record:
        """The record that an outline is of, if its row is as it was; the outline becomes it.

        Not of an outline from before the index has begun again. Raises IndexCorrupt.
        """
        current = self._current
        try:
            return current.packed.completed(current.transaction, table, outline)
        except lmdb.Error as error:
            raise table_problem(error, table) from error

    def outlines(self, table: Table[Record], keys: Iterable[bytes]) -> list[Record | None]:
        """The rows of some keys, as outlines.py says; quickest when the keys are in order.

        To be read only, and the ids in them may be shortened. Raises as `get`.
        """
        current, number = self._current, table.number
        transaction, database = current.transaction, current.databases[number]
        last, unseal = current.packed.last.get(number, b""), CODECS[number].unseal
        packed = PackedOutlines(current.packed, transaction, table)
        found: list[Record | None] = []
        keys = list(keys)
        try:
            if keys and max(keys) <= last and not self._has_rows(table, min(keys), max(keys)):
                return packed.get_all(keys)
            for key in keys:
                value = transaction.get(key, None, database)
                if value is None and key <= last:
                    found.append(packed.get(key))
                else:
                    found.append(unseal(key, value) if value else None)
        except lmdb.Error as error:
            raise table_problem(error, table) from error
        return found

    def outlines_in_a_row(
        self, table: Table[Record], first: int, count: int
    ) -> list[Record] | None:
        """The same of numbers that follow each other, more quickly, where all are packed alone.

        None where that is not so. Raises as `get`.
        """
        current, start, end = self._current, number_key(first), number_key(first + count - 1)
        try:
            if end > current.packed.last.get(table.number, b"") or self._has_rows(
                table, start, end
            ):
                return None
            return outlines_in_a_row(current.packed, current.transaction, table, first, count)
        except lmdb.Error as error:
            raise table_problem(error, table) from error

    def first_outlines(
        self, table: Table[Record], start: bytes, stop: bytes, size: int
    ) -> tuple[Sequence[tuple[bytes, Record]], bytes | None]:
        """Rows with start <= key < stop in the order of their keys: about `size`, and what follows.

        That is the key behind which more may come; None when these are all. As outlines, to be read
        only. Raises as `get`.
        """
        current, number = self._current, table.number
        packed, unseal = current.packed, CODECS[number].unseal
        try:
            rows = self._read_from(table, start, stop, size)
            if start > packed.last.get(number, b""):
                edge = rows[-1][0] if len(rows) == size else None
                return [(key, unseal(key, row)) for key, row in rows], edge
            below = outlines_from(packed, current.transaction, table, start, stop, size)
        except lmdb.Error as error:
            raise table_problem(error, table) from error
        merged, edge = _merged(rows, below, size, reverse=False)
        if not rows:
            return below, edge
        return [
            (key, unseal(key, row) if isinstance(row, bytes) else row) for key, row in merged
        ], edge

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
        for key, row in self._scan(table, start, stop, reverse=reverse):
            if isinstance(row, bytes):
                yield key, unseal(key, row)
            else:
                current = self._current
                yield key, current.packed.record(current.transaction, table, key, row)

    def scan_prefix(self, table: Table[Record], prefix: bytes) -> Iterator[tuple[bytes, Record]]:
        """Rows whose key begins with a prefix, in order. Raises IndexCorrupt, IndexTooNew."""
        return self.scan(table, prefix, after_prefix(prefix))

    def has_prefix(self, table: Table[Record], prefix: bytes) -> bool:
        """Whether the key of any row begins so. Raises as `scan`, where rows are packed."""
        current, number = self._current, table.number
        if number == WAITING or prefix <= current.packed.last.get(number, b""):
            return next(self.scan_prefix(table, prefix), None) is not None
        try:
            with current.transaction.cursor(current.databases[number]) as cursor:
                return bool(cursor.set_range(prefix)) and cursor.key().startswith(prefix)
        except lmdb.Error as error:
            raise table_problem(error, table) from error

    def scan_unpacked(
        self, table: Table[Record], start: bytes = b"", stop: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Values in a table's own database, not verified and with tombstones, for checks.

        Nothing may change meanwhile. Raises IndexProblem.
        """
        while True:
            try:
                batch = self._read_from(table, start, stop, BATCH_ROWS_MAX)
            except lmdb.Error as error:
                raise table_problem(error, table) from error
            yield from batch
            if len(batch) < BATCH_ROWS_MAX:
                return
            start = batch[-1][0] + b"\0"

    def packed_ends(self, table: Table[Record]) -> Iterator[bytes]:
        """The last key of each block of packed rows, in order, for checks."""
        current = self._current
        return current.packed.ends(current.transaction, table.number, b"")

    def packed_block(self, table: Table[Record], key: bytes) -> Block | None:
        """The only block that may hold a key, for checks. Raises IndexCorrupt, IndexTooNew."""
        current = self._current
        return current.packed.block_at(current.transaction, table.number, key)

    def check_packed(self, table: Table[Record], key: bytes, row: PackedRow) -> None:
        """Raise IndexCorrupt unless a row of a block can be decoded, whatever it names."""
        self._current.packed.check(table, key, row)

    def count(self, table: Table[Record]) -> int:
        """How many rows a table has."""
        current, number = self._current, table.number
        try:
            stored: int = current.transaction.stat(current.databases[number])["entries"]
        except lmdb.Error as error:
            raise table_problem(error, table) from error
        if number == WAITING:
            return stored + current.waiting.count
        return stored + current.packed.extra.get(number, 0)

    def _scan(
        self, table: Table[Record], start: bytes, stop: bytes | None, *, reverse: bool
    ) -> Iterator[tuple[bytes, StoredRow]]:
        size, more = BATCH_ROWS_MIN, True
        while more:
            generation = self._current.generation
            try:
                batch, edge = self._read(table, start, stop, size, reverse=reverse)
            except lmdb.Error as error:
                raise table_problem(error, table) from error
            size = min(2 * size, BATCH_ROWS_MAX)
            for row in batch:
                yield row
                if self._current.generation != generation:
                    size, edge = BATCH_ROWS_MIN, row[0]
                    break
            more = edge is not None
            if edge is not None and reverse:
                stop = edge
            elif edge is not None:
                start = edge + b"\0"

    def _read(
        self, table: Table[Record], start: bytes, stop: bytes | None, size: int, *, reverse: bool
    ) -> tuple[Sequence[tuple[bytes, StoredRow]], bytes | None]:
        """The next rows of a scan, and the key behind which it goes on; None when it does not."""
        current, number = self._current, table.number
        rows = (self._read_before if reverse else self._read_from)(table, start, stop, size)
        packed = current.packed
        last = packed.last.get(number)
        if last is None or start > last:
            return rows, rows[-1][0] if len(rows) == size else None
        read = packed.rows_before if reverse else packed.rows_from
        below = read(current.transaction, number, start, stop, size)
        return _merged(rows, below, size, reverse=reverse)

    def _has_rows(self, table: Table[Record], first: bytes, last: bytes) -> bool:
        """Whether a table's own database has any row, or tombstone, from one key to another."""
        current = self._current
        with current.transaction.cursor(current.databases[table.number]) as cursor:
            return bool(cursor.set_range(first)) and cursor.key() <= last

    def _read_from(
        self, table: Table[Record], start: bytes, stop: bytes | None, size: int
    ) -> list[tuple[bytes, bytes]]:
        current = self._current
        with current.transaction.cursor(current.databases[table.number]) as cursor:
            batch = list(islice(cursor.iternext(), size)) if cursor.set_range(start) else []
        while stop is not None and batch and batch[-1][0] >= stop:
            batch.pop()
        if table.number == WAITING and current.waiting.count:
            return current.waiting.merged(batch, start, stop, size)
        return batch

    def _read_before(
        self, table: Table[Record], start: bytes, stop: bytes | None, size: int
    ) -> list[tuple[bytes, bytes]]:
        current = self._current
        with current.transaction.cursor(current.databases[table.number]) as cursor:
            behind = stop is not None and cursor.set_range(stop)
            found = cursor.prev() if behind else cursor.last()
            batch = list(islice(cursor.iterprev(), size)) if found else []
        while batch and batch[-1][0] < start:
            batch.pop()
        if table.number == WAITING and current.waiting.count:
            return current.waiting.merged_backwards(batch, start, stop, size)
        return batch


def _merged(
    rows: list[tuple[bytes, bytes]],
    below: Sequence[tuple[bytes, Packable]],
    size: int,
    *,
    reverse: bool,
) -> tuple[Sequence[tuple[bytes, bytes | Packable]], bytes | None]:
    """Rows of a table and packed ones as one, up to where both are known, and where that is."""
    ends = [part[-1][0] for part in (rows, below) if len(part) == size]
    edge = (max(ends) if reverse else min(ends)) if ends else None
    if not rows:
        return below, edge
    merged: dict[bytes, bytes | Packable] = {**dict(below), **dict(rows)}
    keys = sorted(key for key, row in merged.items() if row != TOMBSTONE)
    if reverse:
        keys.reverse()
    if edge is not None:
        known = edge.__le__ if reverse else edge.__ge__
        keys = [key for key in keys if known(key)]
    return [(key, merged[key]) for key in keys], edge
