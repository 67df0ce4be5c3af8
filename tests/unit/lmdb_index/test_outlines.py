"""Outlines are the rows of their keys, whatever is packed and however they are asked for."""

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lmdb_index.errors import IndexCorrupt
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.packed_records import PACKED_CODECS, SHORT_BYTES
from lmdb_index.records import InodeRecord, ObjectRecord
from lmdb_index.schema import INODE, OBJECT
from tests.support.index_store import opened
from tests.support.small_blocks import pack_all, small_blocks

MANY = 200
NEWER = (12, 50, 51, 209)  # rows that stand above packed ones
BEHIND = (300, 301)  # or alone
UNPACKED = {number_key(number) for number in (*NEWER, *BEHIND)}


def object_id(number: int) -> bytes:
    return number.to_bytes(SHORT_BYTES) + bytes(range(32 - SHORT_BYTES))


def an_inode(number: int) -> InodeRecord:
    return InodeRecord(
        mode=0o100644,
        uid=1000,
        gid=number % 3,
        nlink=1,
        size=number,
        rdev=0,
        atime_ns=1_700_000_000_000_000_000 + 7 * number,
        mtime_ns=1_600_000_000_000_000_000 - number,
        ctime_ns=1_700_000_000_000_000_001 + number,
        birth_ns=1_700_000_000_000_000_000 + number,
        parent=1 + number % 5,
        cookie=number,
        content=b"\1" + object_id(number),
        content_size=number // 2,
    )


SHOWN = "mode uid gid nlink size rdev atime_ns mtime_ns ctime_ns flags next_cookie".split()


def shown(record: InodeRecord | None) -> dict[str, int] | None:
    """What attributes and listings show of an inode."""
    return None if record is None else {name: getattr(record, name) for name in SHOWN}


@pytest.fixture
def index(store: Path) -> Iterator[Index]:
    """Packed inodes 10 to 209, of which some have newer rows and some are gone."""
    with small_blocks(), opened(store) as index:
        with index.operation() as operation:
            for number in range(10, 10 + MANY):
                stored = ObjectRecord(1, 1, 1, 100 * number, 10, 20, references=1)
                operation.put(OBJECT, object_id(number), stored)
                operation.put(INODE, number_key(number), an_inode(number))
        pack_all(index)  # objects
        pack_all(index)  # and with them known, inodes that name them
        index.checkpoint()
        with index.operation() as operation:
            for number in NEWER:
                operation.put(INODE, number_key(number), an_inode(number + 1000))
            for number in (13, 52, 100):
                operation.delete(INODE, number_key(number))
            for number in BEHIND:
                operation.put(INODE, number_key(number), an_inode(number))
        yield index


def require_right(index: Index, numbers: list[int]) -> None:
    keys = [number_key(number) for number in numbers]
    expected = [shown(index.get(INODE, key)) for key in keys]
    assert [shown(each) for each in index.outlines(INODE, keys)] == expected


def test_outlines_are_the_rows_of_their_keys(index: Index) -> None:
    require_right(index, list(range(320)))
    assert index.outlines(INODE, []) == []


@pytest.mark.parametrize("count", [1, 3, 32, 33, 70])
def test_outlines_in_a_row_are_those_of_the_same_keys_or_none(index: Index, count: int) -> None:
    known = set[bool]()
    for first in range(215):
        keys = [number_key(number) for number in range(first, first + count)]
        expected = index.outlines(INODE, keys)
        found = index.outlines_in_a_row(INODE, first, count)
        assert found is None or found == expected
        assert found is not None or None in expected or set(keys) & UNPACKED
        known.add(found is not None)
    assert known == {False, True}


def test_the_order_of_keys_does_not_matter(index: Index) -> None:
    numbers = [*range(320), *range(0, 320, 7)]  # some of them twice
    random.Random(3).shuffle(numbers)
    require_right(index, numbers)
    require_right(index, sorted(numbers))
    require_right(index, sorted(numbers, reverse=True))


def test_ids_are_left_as_they_are_stored(index: Index) -> None:
    (outline,) = index.outlines(INODE, [number_key(20)])
    assert outline is not None
    assert outline.content == b"\1" + object_id(20)[:SHORT_BYTES]


@pytest.mark.parametrize("error", [msgspec.ValidationError, ValueError, IndexError])
def test_a_group_that_cannot_be_decoded_is_damage(
    index: Index, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fails(*_: object) -> list[InodeRecord]:
        raise error("injected")

    monkeypatch.setattr(PACKED_CODECS[INODE.number], "outlines", fails)
    with pytest.raises(IndexCorrupt, match="hold no InodeRecord: injected: run cairnfs fsck"):
        index.outlines(INODE, [number_key(20)])


def test_a_group_that_is_too_short_is_damage(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PACKED_CODECS[INODE.number], "outlines", lambda *_: [])
    with pytest.raises(IndexCorrupt, match="a group lacks a row"):
        index.outlines(INODE, [number_key(20)])


def walked(index: Index, start: int, stop: int, size: int) -> list[tuple[bytes, InodeRecord]]:
    """All rows of a range, as whoever asks for so many at a time gets them."""
    found: list[tuple[bytes, InodeRecord]] = []
    at: bytes | None = number_key(start)
    while at is not None:
        rows, edge = index.first_outlines(INODE, at, number_key(stop), size)
        assert len(rows) <= size
        found += rows
        assert edge is None or edge >= at
        at = None if edge is None else edge + b"\0"
    return found


@pytest.mark.parametrize("size", [1, 2, 7, 32, 500])
@pytest.mark.parametrize(
    ("start", "stop"), [(0, 400), (11, 53), (14, 49), (100, 101), (205, 305), (302, 400), (0, 5)]
)
def test_the_first_outlines_are_those_of_a_scan(
    index: Index, start: int, stop: int, size: int
) -> None:
    expected = index.scan(INODE, number_key(start), number_key(stop))
    found = walked(index, start, stop, size)
    assert [(key, shown(record)) for key, record in found] == [
        (key, shown(record)) for key, record in expected
    ]


def test_rows_that_are_not_packed_come_alike(store: Path) -> None:
    with opened(store) as index:
        with index.operation() as operation:
            for number in (3, 4, 8):
                operation.put(INODE, number_key(number), an_inode(number))
        assert [number for number, _ in walked(index, 0, 8, 2)] == [number_key(3), number_key(4)]
        assert index.outlines(INODE, [number_key(4)]) == [an_inode(4)]


def test_damage_is_told_of_the_first_outlines_too(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PACKED_CODECS[INODE.number], "outlines", lambda *_: [])
    with pytest.raises(IndexCorrupt, match="a group lacks a row"):
        index.first_outlines(INODE, number_key(0), number_key(400), 10)
