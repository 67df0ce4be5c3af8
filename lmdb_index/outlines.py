"""Outlines: packed rows without the ids they name, for whoever looks at many that lie together.

A listing wants the attributes of hundreds of inodes, whose rows are neighbours as a rule. To look
each up finds its block, decodes a group of rows for one of them, and completes the id of a content
that the listing does not show. Here a group is decoded at once, and all records of it are used, and
what no attribute shows stays as it is stored: ids, most of them shortened, and numbers that are
relative to others (packed_records.py). So an outline is nothing to be kept, or put.
"""

from collections.abc import Callable, Iterable
from typing import Final, Generic, TypeVar

import msgspec

from lmdb_index.block_format import Block
from lmdb_index.environment import Transaction
from lmdb_index.errors import IndexCorrupt
from lmdb_index.keys import number_key
from lmdb_index.packed import Packed
from lmdb_index.packed_records import PACKED_CODECS
from lmdb_index.schema import Record, Table

LACKS_A_ROW: Final = "a group lacks a row"

Item = TypeVar("Item")


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
    stretches = packed.stretches_from(transaction, table.number, start, stop, size)
    return _within(stretches, lambda block, place: _group_of(block, table, place))


def outlines_in_a_row(
    packed: Packed, transaction: Transaction, table: Table[Record], first: int, count: int
) -> list[Record] | None:
    """The outlines of so many numbers that follow each other; None unless all are packed.

    That is known without their keys. Raises IndexCorrupt, IndexTooNew.
    """
    start, stop = number_key(first), number_key(first + count)
    stretches = packed.stretches_from(transaction, table.number, start, stop, count)
    found = _within(stretches, lambda block, place: _records_at(block, table, place))
    return found if len(found) == count else None


def _within(
    stretches: Iterable[tuple[Block, int, int]],
    group_at: Callable[[Block, int], tuple[int, list[Item]]],
) -> list[Item]:
    """What groups have between the first place and the last one of each stretch of a block.

    `group_at` gives the group that a place is in, and that group's first place.
    """
    found: list[Item] = []
    for block, first, behind in stretches:
        at = first
        while at < behind:
            begun, items = group_at(block, at)
            found += items[at - begun : behind - begun]
            at = begun + len(items)
    return found


def _group_of(
    block: Block, table: Table[Record], place: int
) -> tuple[int, list[tuple[bytes, Record]]]:
    """The group of rows that a place of a block is in: its first place, its keys and outlines."""
    first, records = _records_at(block, table, place)
    keys = block.keys(first, first + len(records))
    if len(keys) != len(records):
        raise _not_decoded(block, table, LACKS_A_ROW)
    return first, list(zip(keys, records, strict=True))


def _records_at(block: Block, table: Table[Record], place: int) -> tuple[int, list[Record]]:
    """The outlines of the group that a place of a block is in, and the first place of that."""
    first, group = block.group_at(place)
    try:
        records: list[Record] = PACKED_CODECS[table.number].outlines(group, block.base)
    except (msgspec.MsgspecError, ValueError, IndexError) as error:
        raise _not_decoded(block, table, str(error)) from error
    if place - first >= len(records):
        raise _not_decoded(block, table, LACKS_A_ROW)
    return first, records


def _not_decoded(block: Block, table: Table[Record], reason: str) -> IndexCorrupt:
    return IndexCorrupt(
        f"{block} hold no {table.record.__name__}: {reason}: run cairnfs fsck --repair"
    )
