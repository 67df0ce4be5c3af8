"""Moving rows into blocks (packed.py), a few hundred at a time.

A sweep goes through each table in the order of keys. Blocks divide its keys into stretches, each
up to a block's last key: a block is made again with the rows that stand above it if these are many
enough, and what comes behind the last block is cut into new ones. A block is as large as one page
of LMDB can hold, which is found by trying: the rows of a table compress alike.

One step is one nested transaction and makes a block or a few. Between steps anything may happen:
what a step leaves for the next one stands in the table as before, and a block that was left small
is taken into the next.

Object ids are shortened (packed_records.py) to what no other packed object begins with. So objects
are packed first, and one whose first bytes are taken stays as it is. Objects name objects, too: if
many were packed, their blocks are made again when all of them are.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import ceil
from typing import Any, Final

import lmdb
import msgspec

from lmdb_index.block_format import BLOCK_ROWS_MAX, Block, Content, encode_block
from lmdb_index.block_keys import KeyForm
from lmdb_index.environment import Environment, Transaction
from lmdb_index.errors import IndexProblem
from lmdb_index.keys import NUMBER_BYTES
from lmdb_index.packed import PACKABLE, TOMBSTONE, block_place
from lmdb_index.packed_records import (
    ID_BYTES,
    PACKED_CODECS,
    SHORT_BYTES,
    NotPackable,
)
from lmdb_index.rows import CurrentTransaction
from lmdb_index.schema import OBJECT, Table
from lmdb_index.values import CODECS, VALUE_HEADER

ROOM_BYTES: Final = 4096 - 16  # one page, but for its header
FULL_BYTES: Final = 4000  # a block of this size is not tried with more rows
SMALL_BYTES: Final = 2700  # a block below this size is taken into the next one
TRIES_MAX: Final = 5
TAIL_ROWS_MIN: Final = 64  # fewer rows behind the last block stay as they are
ABOVE_ROWS_MIN: Final = 16  # fewer rows above a block stay, too,
ABOVE_SHARE_MIN: Final = 16  # and so do fewer than a block's rows divided by this
STRETCH_ROWS: Final = range(256, 1200)  # how many a step may read: least, most
NEW_SHARE_MIN: Final = 4  # objects packed by a sweep, of all, for their blocks to be made again
AGAIN_BLOCKS: Final = 8  # that many at a time, if that makes one less
LOOKED_AT_MAX: Final = 100  # stretches in one step that are not worth it
GUESSED_ROW_BYTES: Final = 16.0  # until a block has been made

_DAMAGE: Final = (IndexProblem, msgspec.MsgspecError, ValueError)  # of blocks, or of their rows
_KEY_BYTES: Final = {KeyForm.COUNTED: NUMBER_BYTES, KeyForm.FIXED: ID_BYTES}
_ORDER: Final = tuple(sorted(PACKABLE, key=lambda table: table is not OBJECT))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Rows of a table that are not packed, up to the last key of a block if there is one."""

    rows: list[tuple[bytes, bytes]]
    last: bytes | None  # key of the block; None behind all blocks
    goes_on: bool  # more rows follow, up to that key


@dataclass(frozen=True, slots=True)
class _Merged:
    """Rows as blocks have them, of a stretch and the blocks below it."""

    base: list[int]
    rows: list[tuple[bytes, msgspec.Raw]]
    moved: list[bytes]  # keys of the stretch that they stand for, or that are gone
    replaced: list[bytes]  # the blocks' own keys


class Packer:
    """One sweep over all tables. Owner: the thread of the index."""

    def __init__(self, environment: Environment, current: CurrentTransaction) -> None:
        self._environment = environment
        self._current = current
        self._tables = list(_ORDER)  # still to be swept
        self._at = b""  # how far the first of them is
        self._again_at: bytes | None = None  # how far blocks of objects were made again
        self._row_bytes = GUESSED_ROW_BYTES
        self.moved_rows = 0
        self.made_blocks = 0

    def step(self) -> bool:
        """Make a block or a few; False when the sweep has come to its end.

        Raises NoRoom, IndexProblem; then nothing has changed.
        """
        current = self._current
        assert not current.has_operation, "an operation is open"
        parent, extra = current.transaction, dict(current.packed.extra)
        try:
            transaction = self._environment.begin(parent)
            try:
                more = self._advance(transaction)
                transaction.commit()
            except BaseException:
                transaction.abort()
                current.packed.look_again(parent, extra)
                raise
        except lmdb.Error as error:
            raise self._environment.refusal(error, self._environment.file) from error
        return more

    def _advance(self, transaction: Transaction) -> bool:
        for _ in range(LOOKED_AT_MAX):
            if self._again_at is not None:
                self._again_at = self._shorten_again(transaction, self._again_at)
                break
            if not self._tables:
                return False
            table = self._tables[0]
            stretch = self._next_stretch(transaction, table)
            if stretch is None:
                self._end_table(table)
                continue
            self._at = stretch.rows[-1][0] + b"\0"
            try:
                blocks = self._blocks_below(transaction, table, stretch)
                merged = None
                if blocks is not None:
                    merged = self._merge(transaction, table, stretch, blocks)
            except (NotPackable, *_DAMAGE):
                continue  # the block stays as it is, for fsck to tell of if it is damaged
            if merged is not None:
                self._pack(transaction, table, stretch, merged)
                break
        return True

    def _end_table(self, table: Table[Any]) -> None:
        del self._tables[0]
        self._at, self._row_bytes = b"", GUESSED_ROW_BYTES
        packed_rows = self._current.packed.extra.get(table.number, 0)
        if table is OBJECT and 0 < self.moved_rows * NEW_SHARE_MIN >= packed_rows:
            self._again_at = b""

    def _next_stretch(self, transaction: Transaction, table: Table[Any]) -> _Stretch | None:
        size = min(max(int(1.2 * ROOM_BYTES / self._row_bytes), STRETCH_ROWS[0]), STRETCH_ROWS[-1])
        with transaction.cursor(self._current.databases[table.number]) as cursor:
            if not cursor.set_range(self._at):
                return None
            rows = list(islice(cursor.iternext(), size))
        last = self._current.packed.last_at(transaction, table.number, rows[0][0])
        goes_on = len(rows) == size
        while last is not None and rows[-1][0] > last:
            rows.pop()
            goes_on = False
        return _Stretch(rows, last, goes_on)

    def _blocks_below(
        self, transaction: Transaction, table: Table[Any], stretch: _Stretch
    ) -> list[Block] | None:
        """The blocks to be made again with a stretch; None when that is not worth it."""
        packed, count, first = self._current.packed, len(stretch.rows), stretch.rows[0][0]
        before = packed.block_before(transaction, table.number, first)
        blocks = [before] if before is not None and before.size < SMALL_BYTES else []
        if stretch.last is None:
            enough = ABOVE_ROWS_MIN if blocks else TAIL_ROWS_MIN
        else:
            block = packed.block_at(transaction, table.number, first)
            assert block is not None
            blocks.append(block)
            enough = max(ABOVE_ROWS_MIN, block.count // ABOVE_SHARE_MIN)
        return blocks if count >= enough else None

    def _pack(
        self,
        transaction: Transaction,
        table: Table[Any],
        stretch: _Stretch,
        merged: _Merged,
    ) -> None:
        packed, database = self._current.packed, self._current.databases[table.number]
        rows, moved = merged.rows, merged.moved
        for place in merged.replaced:
            packed.drop_block(transaction, place)
        leave_end = stretch.last is None and stretch.goes_on
        share = len(rows)
        if not leave_end:  # the last block shall not be a small one
            share = ceil(len(rows) / max(1, ceil(len(rows) * self._row_bytes / ROOM_BYTES)))
        while rows:
            count = self._put_block(transaction, table, merged.base, rows[:share])
            written = rows[count - 1][0]
            rows = rows[count:]
            goes_on = written >= stretch.rows[0][0]  # else nothing of the stretch has a place yet
            if (
                leave_end
                and goes_on
                and rows
                and not any(place[1:] > written for place in merged.replaced)
            ):
                moved = [key for key in moved if key <= written]
                self._at = written + b"\0"
                break
        for key in moved:
            transaction.delete(key, b"", database)
        packed.note_moved(transaction, table.number, len(moved))
        self.moved_rows += len(moved)

    def _merge(
        self,
        transaction: Transaction,
        table: Table[Any],
        stretch: _Stretch,
        blocks: Sequence[Block],
    ) -> _Merged:
        codec = PACKED_CODECS[table.number]
        shorten = partial(self._shorten, transaction)
        base = list(blocks[0].base) if blocks else None
        rows: dict[bytes, msgspec.Raw] = {}
        for block in blocks:
            assert base is not None
            keys = block.keys(0, block.count)
            packed_rows = (
                codec.rebase(row, block.base, base) for row in block.rows(0, block.count)
            )
            rows.update(zip(keys, packed_rows, strict=True))
        moved: list[bytes] = []
        for key, value in stretch.rows:
            if value == TOMBSTONE:
                rows.pop(key, None)
            else:
                try:
                    self._check_packable(transaction, table, key, moved)
                    CODECS[table.number].unseal(key, value)
                    stored = value[VALUE_HEADER.size :]
                    base = codec.base(stored) if base is None else base
                    rows[key] = codec.pack(stored, base, shorten)
                except (IndexProblem, NotPackable):
                    continue  # what is below it stays, too: ids may be found by its key
            moved.append(key)
        return _Merged(base or [], sorted(rows.items()), moved, [block.place for block in blocks])

    def _shorten_again(self, transaction: Transaction, start: bytes) -> bytes | None:
        """Make some blocks of objects again if ids in them can be shortened now.

        Returns where the next ones begin; None behind the last.
        """
        packed = self._current.packed
        ends = list(islice(packed.ends(transaction, OBJECT.number, start), AGAIN_BLOCKS))
        if not ends:
            return None
        rows: list[tuple[bytes, msgspec.Raw]] = []
        with suppress(*_DAMAGE):
            rows = self._shortened(transaction, ends)
        if rows:
            self._put_shortened(transaction, ends, rows)
        return ends[-1] + b"\0"

    def _shortened(
        self, transaction: Transaction, ends: list[bytes]
    ) -> list[tuple[bytes, msgspec.Raw]]:
        """All rows of some blocks with shorter ids; none if that saves too little."""
        packed, codec = self._current.packed, PACKED_CODECS[OBJECT.number]
        shorten = partial(self._shorten, transaction)
        rows: list[tuple[bytes, msgspec.Raw]] = []
        saved_bytes = 0
        for end in ends:
            block = packed.block_at(transaction, OBJECT.number, end)
            assert block is not None
            for key, row in zip(
                block.keys(0, block.count), block.rows(0, block.count), strict=True
            ):
                shorter = codec.shorten_again(row, shorten)
                saved_bytes += len(bytes(row)) - len(bytes(shorter))
                rows.append((key, shorter))
        return rows if saved_bytes >= ROOM_BYTES else []

    def _put_shortened(
        self, transaction: Transaction, ends: list[bytes], rows: list[tuple[bytes, msgspec.Raw]]
    ) -> None:
        packed = self._current.packed
        for end in ends:
            packed.drop_block(transaction, block_place(OBJECT.number, end))
        while rows:
            rows = rows[self._put_block(transaction, OBJECT, [], rows) :]
        packed.note_moved(transaction, OBJECT.number, 0)

    def _shorten(self, transaction: Transaction, whole: bytes) -> bytes:
        """The first bytes of an id if its object is packed, and not deleted since."""
        short = whole[:SHORT_BYTES]
        if self._current.packed.find_id(transaction, short) != whole:
            return whole
        above = transaction.get(whole, None, self._current.databases[OBJECT.number])
        return whole if above == TOMBSTONE else short

    def _check_packable(
        self, transaction: Transaction, table: Table[Any], key: bytes, moved: list[bytes]
    ) -> None:
        """Raise NotPackable for a key that a block of its table cannot have."""
        assert table.packed_keys is not None
        if len(key) != _KEY_BYTES.get(table.packed_keys, len(key)):
            raise NotPackable
        if table is OBJECT:
            short = key[:SHORT_BYTES]
            taken = moved and moved[-1].startswith(short)
            other = self._current.packed.find_id(transaction, short)
            if taken or (other is not None and other != key):
                raise NotPackable

    def _put_block(
        self,
        transaction: Transaction,
        table: Table[Any],
        base: list[int],
        rows: list[tuple[bytes, msgspec.Raw]],
    ) -> int:
        """Make the largest block of the first rows that has room; return how many it holds."""
        best, best_count, too_many, tries = b"", 0, len(rows) + 1, 0
        count = max(1, min(len(rows), int(ROOM_BYTES / self._row_bytes), BLOCK_ROWS_MAX))
        while count > best_count and (tries < TRIES_MAX or not best):
            tries += 1
            value = _encoded(table, base, rows[:count])
            if len(value) <= ROOM_BYTES or count == 1:
                best, best_count = value, count
            else:
                too_many = count
            if best_count == count and len(value) >= FULL_BYTES:
                break
            wanted = int(0.99 * count * ROOM_BYTES / len(value))
            count = min(max(wanted, best_count + 1), too_many - 1)
        if len(best) >= SMALL_BYTES:
            self._row_bytes = len(best) / best_count
        place = block_place(table.number, rows[best_count - 1][0])
        self._current.packed.put_block(transaction, place, best)
        self.made_blocks += 1
        return best_count


def _encoded(table: Table[Any], base: list[int], rows: list[tuple[bytes, msgspec.Raw]]) -> bytes:
    assert table.packed_keys is not None
    keys, packed_rows = zip(*rows, strict=True)
    content = Content(table.version, table.packed_keys, base, keys, packed_rows)
    return encode_block(block_place(table.number, keys[-1]), content)
