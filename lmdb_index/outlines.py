"""Outlines: packed rows without the ids they name, for whoever looks at many that lie together.

A listing wants the attributes of hundreds of inodes, whose rows are neighbours as a rule. To look
each up finds its block, decodes a group of rows for one of them, and completes the id of a content
that the listing does not show. Here a group is decoded at once, and all records of it are used, and
ids stay as they are stored: shortened, most of them. So an outline is nothing to be kept, or put.
"""

from collections.abc import Iterable
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
        self._found: dict[bytes, Record] = {}  # all of each group that was decoded

    def get(self, key: bytes) -> Record | None:
        """The outline of a key; None when there is no such row. Raises IndexCorrupt, IndexTooNew.

        To be read only: whoever asks again may get the same one.
        """
        return self._found.get(key) or self._decoded(key)

    def get_all(self, keys: Iterable[bytes]) -> list[Record | None]:
        """The same for many keys."""
        find, decoded = self._found.get, self._decoded
        return [find(key) or decoded(key) for key in keys]

    def _decoded(self, key: bytes) -> Record | None:
        block = self._packed.block_at(self._transaction, self._table.number, key)
        place = None if block is None else block.find(key)
        if block is None or place is None:
            return None
        self._found.update(_group_of(block, self._table, place)[1])
        return self._found[key]


def outlines_from(
    packed: Packed,
    transaction: Transaction,
    table: Table[Record],
    start: bytes,
    stop: bytes | None,
    size: int,
) -> list[tuple[bytes, Record]]:
    """Up to so many packed rows with start <= key < stop, the lowest of them, in order.

    As outlines, to be read only. Raises IndexCorrupt, IndexTooNew.
    """
    found: list[tuple[bytes, Record]] = []
    for block, first, behind in packed.stretches_from(transaction, table.number, start, stop, size):
        at = first
        while at < behind:
            begun, rows = _group_of(block, table, at)
            found += rows[at - begun : behind - begun]
            at = begun + len(rows)
    return found


def _group_of(
    block: Block, table: Table[Record], place: int
) -> tuple[int, list[tuple[bytes, Record]]]:
    """The group of rows that a place of a block is in: its first place, its keys and outlines."""
    first, group = block.group_at(place)
    try:
        records: list[Record] = PACKED_CODECS[table.number].outlines(group, block.base)
        keys = block.keys(first, first + len(records))
        if place - first < len(records) == len(keys):
            return first, list(zip(keys, records, strict=True))
        reason = "a group lacks a row"
    except (msgspec.MsgspecError, ValueError) as error:
        reason = str(error)
    raise IndexCorrupt(
        f"{block} hold no {table.record.__name__}: {reason}: run cairnfs fsck --repair"
    )
