"""Blocks of packed rows that were used last, decompressed, and rows of them.

A row's neighbours are asked for next as a rule, and a key that is missing again and again.

Owner: the thread of the transaction that shows the blocks.
"""

from collections import OrderedDict
from itertools import repeat
from typing import Final

import msgspec

from lmdb_index.block_format import Block
from lmdb_index.block_keys import GROUP_ROWS, KeyForm
from lmdb_index.environment import Cursor
from lmdb_index.schema import Record, Table

CACHED_BYTES_MAX: Final = 4 << 20  # of the blocks of each table, decompressed
NEAR_ROWS_MAX: Final = 2048  # of each table, around those that were asked for last

PackedRow = tuple[msgspec.Raw, Block]  # what the block has for a key, and the block


class BlockCache:
    """The blocks of one table that were used last, and rows of them by their keys."""

    def __init__(self, table: Table[Record]) -> None:
        self._row_version = table.version
        self._in_order = table.packed_keys is not KeyForm.FIXED  # ids are asked for in none
        self._blocks: OrderedDict[bytes, Block] = OrderedDict()
        self._bytes = 0
        self.last: Block | None = None  # that was asked for, as the next key often is in it, too
        self.near: dict[bytes, PackedRow] = {}  # a row's neighbours are often asked for next
        self.absent = b""  # a key that no block has: a new name is looked for again and again

    def get(self, cursor: Cursor) -> Block:
        """The block that a cursor is at. Raises IndexCorrupt, IndexTooNew."""
        block = self._get(cursor)
        if self._in_order:
            self.last = block
        return block

    def row(self, block: Block, place: int) -> PackedRow:
        """A row of a block; the group of rows it is in is kept, by key. Raises IndexCorrupt."""
        if not self._in_order:
            return part_of(block, place, place + 1)[0][1]
        first = place - place % GROUP_ROWS
        group = part_of(block, first, min(first + GROUP_ROWS, block.count))
        if len(self.near) > NEAR_ROWS_MAX:
            self.near.clear()
        self.near.update(group)
        return group[place - first][1]

    def _get(self, cursor: Cursor) -> Block:
        place = cursor.key()
        block = self._blocks.get(place)
        if block is not None:
            self._blocks.move_to_end(place)
            return block
        block = self._blocks[place] = Block(place, cursor.value(), self._row_version)
        self._bytes += block.memory_bytes
        while self._bytes > CACHED_BYTES_MAX and len(self._blocks) > 1:
            self._bytes -= self._blocks.popitem(last=False)[1].memory_bytes
        return block

    def forget(self, place: bytes) -> None:
        """Another value stands there now, or none."""
        self.near.clear()
        self.absent = b""
        block = self._blocks.pop(place, None)
        if self.last is not None and self.last.place == place:
            self.last = None
        if block is not None:
            self._bytes -= block.memory_bytes


def part_of(block: Block, first: int, behind: int) -> list[tuple[bytes, PackedRow]]:
    """The rows at some places of a block, by their keys. Raises IndexCorrupt."""
    keys, rows = block.part(first, behind)
    return list(zip(keys, zip(rows, repeat(block)), strict=True))
