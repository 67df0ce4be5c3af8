"""Packed rows: most rows of the large tables, in compressed blocks, seen as if they were not.

A table's rows stand in its own database, or in blocks (block_format.py) in the database `packed`.
A row of the table itself counts before one of the same key in a block: so a change costs what it
always did, and packing.py moves rows into blocks when there is time. Deleting a row that is in a
block leaves a tombstone in the table, an empty value, which no record has.

Nothing of this is a change that anybody sees: the journal knows no blocks, and replaying it on
rows that are packed, or not, gives the same rows. What is packed changes in the same transactions
as the rows themselves.

Invariants, which check.py looks at:
  * blocks of a table do not overlap; each stands under the key of its last row
  * a tombstone's key is in a block
  * a table has as many rows as its own database, tombstones included, and `extra` together
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from lmdb_index.block_cache import BlockCache, PackedRow, part_of
from lmdb_index.block_format import Block
from lmdb_index.environment import Cursor, Database, Transaction
from lmdb_index.errors import IndexCorrupt
from lmdb_index.packed_counts import PackedCounts
from lmdb_index.packed_records import NO_OBJECT, PACKED_CODECS
from lmdb_index.schema import OBJECT, TABLES, Record, Table

TOMBSTONE: Final = b""

PACKABLE: Final = tuple(table for table in TABLES if table.packed_keys is not None)


class Packed:
    """The packed rows that a transaction shows, and one that is nested in it.

    Owner: the thread of the transaction.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._caches: dict[int, BlockCache] = {}
        self._counts = PackedCounts(database)
        self.last: dict[int, bytes] = {}  # the highest packed key of each table that has any

    def load(self, transaction: Transaction) -> None:
        """Begin anew with a transaction that has changed nothing. Raises IndexCorrupt, lmdb.Error.

        What it changes is known here alone until `save`.
        """
        self._counts.load(transaction)
        self._find_last(transaction)

    def look_again(self, transaction: Transaction, extra: dict[int, int]) -> None:
        """Know of no block but those that a transaction shows, which has so many `extra` rows.

        Raises lmdb.Error.
        """
        self._counts.extra = extra
        self._find_last(transaction)

    @property
    def extra(self) -> dict[int, int]:
        """What a table has beside the values in its own database, by table: see the invariants."""
        return self._counts.extra

    # -- reading

    def get(
        self, transaction: Transaction, table: Table[Record], key: bytes, *, outline: bool = False
    ) -> Record | None:
        """The packed row of a key; None when there is none. Raises IndexCorrupt, IndexTooNew.

        In an outline, ids stay as short as they are stored.
        """
        number = table.number
        cache = self._caches[number]
        row = cache.near.get(key)
        if row is None:
            if key == cache.absent:
                return None
            block = self.block_at(transaction, number, key)
            if block is None or (place := block.find(key)) is None:
                cache.absent = key
                return None
            row = cache.row(block, place)
        record = _decoded(table, key, row)
        if outline or not PACKED_CODECS[number].is_short(record):
            return record
        return self.completed(transaction, table, record)

    def record(
        self, transaction: Transaction, table: Table[Record], key: bytes, row: PackedRow
    ) -> Record:
        """The record of a packed row. Raises IndexCorrupt."""
        return self.completed(transaction, table, _decoded(table, key, row))

    def completed(self, transaction: Transaction, table: Table[Record], record: Record) -> Record:
        """An outline with all its ids as long as they are; it is changed. Raises IndexCorrupt."""
        codec = PACKED_CODECS[table.number]
        if codec.is_short(record):
            codec.complete(record, lambda short: self.complete_id(transaction, short))
        return record

    def check(self, table: Table[Record], key: bytes, row: PackedRow) -> None:
        """Raise IndexCorrupt unless a packed row can be decoded, whatever it names."""
        _decoded(table, key, row)

    def rows_from(
        self, transaction: Transaction, number: int, start: bytes, stop: bytes | None, size: int
    ) -> list[tuple[bytes, PackedRow]]:
        """Up to so many packed rows with start <= key < stop, the lowest of them, in order."""
        found: list[tuple[bytes, PackedRow]] = []
        for block, first, behind in self.stretches_from(transaction, number, start, stop, size):
            found += part_of(block, first, behind)
        return found

    def stretches_from(
        self, transaction: Transaction, number: int, start: bytes, stop: bytes | None, size: int
    ) -> Iterator[tuple[Block, int, int]]:
        """Where those rows are: blocks, and in each the first place and the one behind the last."""
        with transaction.cursor(self._database) as cursor:
            more = cursor.set_range(block_place(number, start))
            while more and size > 0 and cursor.key()[0] == number:
                block = self._caches[number].get(cursor)
                first = block.position(start)
                behind = block.count if stop is None else block.position(stop)
                behind = min(behind, first + size)
                size -= behind - first
                more = behind == block.count
                yield block, first, behind
                more = more and cursor.next()

    def rows_before(
        self, transaction: Transaction, number: int, start: bytes, stop: bytes | None, size: int
    ) -> list[tuple[bytes, PackedRow]]:
        """Up to so many packed rows with start <= key < stop, the highest of them, backwards."""
        found: list[tuple[bytes, PackedRow]] = []
        with transaction.cursor(self._database) as cursor:
            more = stop is not None and cursor.set_range(block_place(number, stop))
            more = (more and cursor.key()[0] == number) or self._to_last(cursor, number)
            while more and len(found) < size and cursor.key()[0] == number:
                block = self._caches[number].get(cursor)
                behind = block.count if stop is None else block.position(stop)
                first = max(block.position(start), behind - size + len(found))
                found += reversed(part_of(block, first, behind))
                more = first == 0 and cursor.prev()
        return found

    def block_at(self, transaction: Transaction, number: int, key: bytes) -> Block | None:
        """The only block that may hold a key. Raises IndexCorrupt, IndexTooNew, lmdb.Error."""
        cache = self._caches.get(number)
        last = None if cache is None else cache.last
        if last is not None and last.spans(key):
            return last
        with transaction.cursor(self._database) as cursor:
            if cursor.set_range(block_place(number, key)) and cursor.key()[0] == number:
                return self._caches[number].get(cursor)
        return None

    def find_id(self, transaction: Transaction, short: bytes) -> bytes | None:
        """The id of the packed object that begins so, if there is one. Raises IndexCorrupt."""
        block = self.block_at(transaction, OBJECT.number, short)
        return None if block is None else block.id_beginning_with(short)

    def complete_id(self, transaction: Transaction, short: bytes) -> bytes:
        """A shortened id, complete; that of no object when there is none. Raises IndexCorrupt."""
        return self.find_id(transaction, short) or _of_no_object(short)

    # -- blocks

    def last_at(self, transaction: Transaction, number: int, key: bytes) -> bytes | None:
        """The last key of the only block that may hold a key."""
        with transaction.cursor(self._database) as cursor:
            if cursor.set_range(block_place(number, key)) and cursor.key()[0] == number:
                return cursor.key()[1:]
        return None

    def ends(self, transaction: Transaction, number: int, start: bytes) -> Iterator[bytes]:
        """The last keys of a table's blocks from a key on. Blocks may change meanwhile."""
        while (last := self.last_at(transaction, number, start)) is not None:
            yield last
            start = last + b"\0"

    def block_before(self, transaction: Transaction, number: int, key: bytes) -> Block | None:
        """The last block that ends before a key. Raises IndexCorrupt, IndexTooNew."""
        with transaction.cursor(self._database) as cursor:
            behind = cursor.set_range(block_place(number, key))
            if (cursor.prev() if behind else cursor.last()) and cursor.key()[0] == number:
                return self._caches[number].get(cursor)
        return None

    def put_block(self, transaction: Transaction, place: bytes, value: bytes) -> None:
        """Store a block under its own key. Raises lmdb.Error."""
        transaction.put(place, value, db=self._database)
        self._caches[place[0]].forget(place)

    def drop_block(self, transaction: Transaction, place: bytes) -> None:
        """Remove a block. Raises lmdb.Error."""
        transaction.delete(place, b"", self._database)
        self._caches[place[0]].forget(place)

    def note_moved(self, transaction: Transaction, number: int, rows: int) -> None:
        """So many rows of a table, or tombstones, have gone into its blocks."""
        self._counts.move(number, rows)
        with transaction.cursor(self._database) as cursor:
            self._note_last(cursor, number)

    # -- changing the rows above

    def note_put(
        self, transaction: Transaction, number: int, key: bytes, former: bytes | None
    ) -> None:
        """A row has been put into a table's own database, where nothing or a tombstone stood.

        Raises lmdb.Error.
        """
        if former is not None:
            self._counts.add(number, 1)
        elif self._covers(transaction, number, key):
            self._counts.add(number, -1)

    def note_covered(self, number: int) -> None:
        """A row has been put into a table's own database that was only a packed one before."""
        self._counts.add(number, -1)

    def delete(
        self,
        transaction: Transaction,
        database: Database,
        number: int,
        key: bytes,
        value: bytes | None,
    ) -> bool:
        """Remove a row that may be packed; False when there is none. Raises lmdb.Error.

        `value` is what stands in the table's own database.
        """
        if not self._covers(transaction, number, key):
            return value is not None and transaction.delete(key, b"", database)
        if value == TOMBSTONE:
            return False
        transaction.put(key, TOMBSTONE, db=database)
        self._counts.add(number, -2 if value is None else -1)
        return True

    def _covers(self, transaction: Transaction, number: int, key: bytes) -> bool:
        """Whether a key is packed. A damaged block may have had it: then it is hidden for sure."""
        cache = self._caches[number]
        if key in cache.near:
            return True
        if key == cache.absent:
            return False
        try:
            block = self.block_at(transaction, number, key)
            if block is not None and block.find(key) is not None:
                return True
        except IndexCorrupt:
            return True
        cache.absent = key
        return False

    # -- what belongs to a transaction

    def begin(self) -> None:
        """An operation begins."""
        self._counts.begin()

    def give_up(self) -> None:
        """It was given up: all is as it was before it."""
        self._counts.give_up()

    def save(self, transaction: Transaction) -> None:
        """Write what a commit needs to know, if that has changed. Raises lmdb.Error."""
        self._counts.save(transaction)

    def _find_last(self, transaction: Transaction) -> None:
        """Begin with no block in memory. Raises lmdb.Error."""
        self._caches = {table.number: BlockCache(table) for table in PACKABLE}
        self.last = {}
        with transaction.cursor(self._database) as cursor:
            for table in PACKABLE:
                self._note_last(cursor, table.number)

    def _note_last(self, cursor: Cursor, number: int) -> None:
        if self._to_last(cursor, number):
            self.last[number] = cursor.key()[1:]
        else:
            self.last.pop(number, None)

    def _to_last(self, cursor: Cursor, number: int) -> bool:
        """Go to the last block of a table, if it has one."""
        behind = cursor.set_range(block_place(number + 1))
        return bool(cursor.prev() if behind else cursor.last()) and cursor.key()[0] == number


def block_place(number: int, key: bytes = b"") -> bytes:
    """The own key of the block of a table whose last row has this key."""
    return bytes([number]) + key


def _of_no_object(short: bytes) -> bytes:
    return short + NO_OBJECT


def _decoded(table: Table[Record], key: bytes, row: PackedRow) -> Record:
    """The record of a row, as an outline."""
    stored, block = row
    try:
        record: Record = PACKED_CODECS[table.number].unpack(stored, block.base)
    except (msgspec.MsgspecError, ValueError) as error:
        raise IndexCorrupt(
            f"index table {table.name.decode()}, packed row {key.hex()} holds no"
            f" {table.record.__name__}: {error}: run cairnfs fsck --repair"
        ) from error
    return record
