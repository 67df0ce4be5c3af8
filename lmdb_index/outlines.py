"""Outlines: packed rows without the ids they name, for whoever looks at many that lie together.

A listing wants the attributes of hundreds of inodes, whose rows are neighbours as a rule. To look
each up finds its block, decodes a group of rows for one of them, and completes the id of a content
that the listing does not show. Here the group that was decoded last is kept, all records of it, and
ids stay as they are stored: shortened, most of them. So an outline is nothing to be kept, or put.
"""

from typing import Generic

import msgspec

from lmdb_index.block_format import Block
from lmdb_index.environment import Transaction
from lmdb_index.errors import IndexCorrupt
from lmdb_index.packed import Packed
from lmdb_index.packed_records import PACKED_CODECS
from lmdb_index.schema import Record, Table


class PackedOutlines(Generic[Record]):
    """The outlines of one table's packed rows, while nothing changes. Cheapest in order of keys."""

    def __init__(self, packed: Packed, transaction: Transaction, table: Table[Record]) -> None:
        self._packed = packed
        self._transaction = transaction
        self._table = table
        self._block: Block | None = None
        self._asked = b""  # the last key that was looked for in the block
        self._first = 0  # place in the block of the first of these
        self._records: list[Record] = []

    def get(self, key: bytes) -> Record | None:
        """The outline of a key; None when there is no such row. Raises IndexCorrupt, IndexTooNew.

        To be read only: whoever asks again may get the same one.
        """
        block = self._block
        if block is None or not self._asked <= key <= block.place[1:]:
            block = self._packed.block_at(self._transaction, self._table.number, key)
            self._block, self._records = block, []
        self._asked = key
        place = None if block is None else block.find(key)
        if block is None or place is None:
            return None
        if not 0 <= place - self._first < len(self._records):
            self._decode(block, place)
        return self._records[place - self._first]

    def _decode(self, block: Block, place: int) -> None:
        self._first, group = block.group_at(place)
        try:
            self._records = PACKED_CODECS[self._table.number].outlines(group, block.base)
            if place - self._first < len(self._records):
                return
            reason = "a group lacks a row"
        except (msgspec.MsgspecError, ValueError) as error:
            reason = str(error)
        raise IndexCorrupt(
            f"{block} hold no {self._table.record.__name__}: {reason}: run cairnfs fsck --repair"
        )
