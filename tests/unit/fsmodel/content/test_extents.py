"""Dirty extents against plain bytes and a note of which of them were written."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.content import extents
from fsmodel.content.extents import DirtyExtents, Extent
from tests.support.volumes import noise

SPACE = 400


@pytest.fixture(scope="module", autouse=True)
def small_limits() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extents, "GROWN_BYTES_MAX", 60)
        patch.setattr(extents, "KEPT_BYTES_MIN", 40)
        yield


def listed(dirty: DirtyExtents) -> list[tuple[int, bytes]]:
    return [(extent.start, bytes(extent.data)) for extent in dirty]


class Model:
    """A byte, or None where nothing was written, for each offset."""

    def __init__(self) -> None:
        self.cells: list[int | None] = [None] * SPACE

    def write(self, offset: int, data: bytes) -> None:
        self.cells[offset : offset + len(data)] = list(data)

    def write_below(self, offset: int, data: bytes) -> None:
        for at, byte in enumerate(data, offset):
            if self.cells[at] is None:
                self.cells[at] = byte

    def truncate(self, size: int) -> None:
        self.cells[size:] = [None] * (SPACE - size)

    def within(self, start: int, end: int) -> dict[int, int]:
        return {at: byte for at in range(start, end) if (byte := self.cells[at]) is not None}


def cells_of(found: list[Extent]) -> dict[int, int]:
    return {extent.start + at: byte for extent in found for at, byte in enumerate(extent.data)}


WRITES = st.tuples(
    st.sampled_from(["write", "write", "write_below"]),
    st.integers(0, 250),
    st.builds(noise, st.integers(0, 100), st.integers(0, 9)),
)
CUTS = st.tuples(st.just("truncate"), st.integers(0, 300))


@given(st.lists(st.one_of(WRITES, WRITES, CUTS)), st.integers(0, 300), st.integers(0, 100))
def test_extents_are_what_was_written(
    actions: list[tuple[Any, ...]], start: int, length: int
) -> None:
    dirty, model = DirtyExtents(), Model()
    for name, *arguments in actions:
        getattr(dirty, name)(*arguments)
        getattr(model, name)(*arguments)
        found = list(dirty)
        assert cells_of(found) == model.within(0, SPACE)
        assert all(one.end <= other.start for one, other in pairwise(found))
        assert all(extent.data for extent in found)
        assert dirty.size_bytes == sum(len(extent.data) for extent in found)
        assert len(dirty) == len(found)
        assert bool(dirty) == bool(found)
    parts = dirty.within(start, start + length)
    assert cells_of(parts) == model.within(start, start + length)
    assert sorted(parts) == parts


def test_what_ends_before_an_offset_is_forgotten() -> None:
    dirty = DirtyExtents()
    for offset in (0, 50, 100):
        dirty.write(offset, noise(50, offset))
    for offset, left in ((49, [0, 50, 100]), (50, [50, 100]), (120, [100]), (150, [])):
        dirty.forget_before(offset)
        assert [start for start, _ in listed(dirty)] == left
        assert dirty.size_bytes == 50 * len(left)
    dirty.forget_before(1000)
    assert not dirty


def test_a_stream_of_small_writes_is_one_extent_until_it_is_long() -> None:
    dirty = DirtyExtents()
    for offset in range(0, 90, 10):
        dirty.write(offset, bytes(10))
    assert [len(data) for _, data in listed(dirty)] == [60, 30]


def test_a_write_inside_an_extent_changes_that() -> None:
    dirty = DirtyExtents()
    dirty.write(0, b"0123456789")
    dirty.write(3, b"abc")
    dirty.write(8, b"xyz")
    assert listed(dirty) == [(0, b"012abc67xyz")]


def test_a_small_write_does_not_grow_over_the_next_extent() -> None:
    dirty = DirtyExtents()
    dirty.write(0, b"aaaa")
    dirty.write(6, b"bbbb")
    dirty.write(4, b"ccc")
    assert cells_of(list(dirty)) == dict(enumerate(b"aaaacccbbb"))


def test_a_big_write_is_kept_as_it_came() -> None:
    data = noise(50)
    dirty = DirtyExtents()
    dirty.write(5, data)
    assert next(iter(dirty)).data is data
    dirty.write(10, b"over")
    assert next(iter(dirty)).data is not data
    assert data == noise(50)


def test_the_writers_buffer_may_change_afterwards() -> None:
    dirty = DirtyExtents()
    for size in (10, 50):
        buffer = bytearray(b"x" * size)
        dirty.write(size * 2, memoryview(buffer))
        dirty.write_below(size * 2 + 100, buffer)
        buffer[:] = b"y" * size
    assert all(set(data) == set(b"x") for _, data in listed(dirty))


def test_parts_are_copies() -> None:
    dirty = DirtyExtents()
    dirty.write(0, b"before")
    (part,) = dirty.within(1, 4)
    dirty.write(0, b"behind")
    assert part == Extent(1, b"efo")


def test_writing_nothing_is_nothing() -> None:
    dirty = DirtyExtents()
    dirty.write(5, b"")
    dirty.write_below(5, b"")
    dirty.truncate(0)
    assert not dirty
    assert dirty.within(0, 10) == []
