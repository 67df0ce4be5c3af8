"""Cutting a changed stretch again: the same chunks as cutting everything, from less of it."""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.content.chunking import cut_points
from fsmodel.content.extents import DirtyExtents, Extent
from fsmodel.content.recut import CutRegion, OldChunk, Region, cut_region
from fsmodel.encoding.hashing import object_id
from tests.support.payloads import Payload, payloads
from tests.support.volumes import LIMITS, noise

OLD = noise(20_000, seed=1)
CHUNKS = [0, *cut_points(OLD, LIMITS, final=True)]


def old_chunks(data: bytes) -> tuple[OldChunk[int], ...]:
    """The chunks of some content; the source is the number of the chunk."""
    cuts = [0, *cut_points(data, LIMITS, final=True)]
    return tuple(OldChunk(low, high - low, n) for n, (low, high) in enumerate(pairwise(cuts)))


def with_edits(data: bytes, edits: tuple[Extent, ...]) -> bytes:
    changed = bytearray(data)
    for edit in edits:
        changed[edit.start : edit.end] = edit.data
    return bytes(changed)


class Content:
    """Settled content that notes which of its chunks are read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.chunks = old_chunks(data)
        self.read_chunks: list[int] = []

    def read(self, source: int) -> bytes:
        self.read_chunks.append(source)
        chunk = self.chunks[source]
        return self.data[chunk.start : chunk.end]

    def cut(
        self, edits: tuple[Extent, ...], behind: int = 1 << 30, final: bool = True
    ) -> CutRegion:
        """Cut with so many old chunks behind the last edit at hand."""
        first = max((n for n, c in enumerate(self.chunks) if c.start <= edits[0].start), default=0)
        edited = sum(chunk.start < edits[-1].end for chunk in self.chunks)
        old = self.chunks[first : edited + behind]
        reaches_end = edited + behind >= len(self.chunks)
        start = old[0].start if old else 0
        return cut_region(Region(start, b"", edits, old, reaches_end, final), self.read, LIMITS)


def test_a_cut_meets_an_old_one_and_only_what_is_needed_is_read() -> None:
    content = Content(OLD)
    edit = Extent(CHUNKS[3] + 5, b"new")
    cut = content.cut((edit,))
    expected = cut_points(with_edits(OLD, (edit,)), LIMITS, final=True)
    ends = [chunk.end for chunk in cut.chunks]
    assert cut.met
    assert cut.rest is None
    assert ends == [end for end in expected if CHUNKS[3] < end <= ends[-1]]
    assert ends[-1] in CHUNKS
    assert content.read_chunks == list(range(3, CHUNKS.index(ends[-1])))


def test_a_chunk_that_is_overwritten_whole_is_not_read() -> None:
    content = Content(OLD)
    content.cut((Extent(CHUNKS[2], noise(CHUNKS[4] - CHUNKS[2] + 1, seed=2)),))
    assert 2 not in content.read_chunks
    assert 3 not in content.read_chunks
    assert 4 in content.read_chunks


def test_an_edit_that_ends_at_an_old_boundary_can_meet_it_there() -> None:
    content = Content(OLD)
    same = Extent(CHUNKS[2], OLD[CHUNKS[2] : CHUNKS[3]])
    cut = content.cut((same,))
    assert [(chunk.start, chunk.end) for chunk in cut.chunks] == [(CHUNKS[2], CHUNKS[3])]
    assert cut.met
    assert content.read_chunks == []


def test_without_a_meeting_the_rest_is_handed_back() -> None:
    content = Content(b"cairn" * 4_000)
    edit = Extent(10, noise(700))
    cut = content.cut((edit,), behind=1)
    assert not cut.met
    assert cut.rest is not None
    whole = with_edits(content.data, (edit,))[: content.chunks[1].end]
    assert b"".join([*(chunk.data for chunk in cut.chunks), cut.rest.data]) == whole
    assert cut.rest.start == cut.chunks[-1].end


def test_the_end_of_a_file_that_goes_on_is_not_cut() -> None:
    edit = Extent(0, OLD)
    region: Region[int] = Region(0, b"", (edit,), (), reaches_end=True, final=False)
    cut = cut_region(region, Content(b"").read, LIMITS)
    expected = cut_points(OLD, LIMITS, final=False)
    assert [chunk.end for chunk in cut.chunks] == expected
    assert cut.rest is not None
    assert bytes(cut.rest.data) == OLD[expected[-1] :]


def test_a_head_left_uncut_continues_in_the_old_chunks_behind_it() -> None:
    content = Content(OLD)
    head = OLD[CHUNKS[1] : CHUNKS[2]]
    region = Region(CHUNKS[1], head, (), content.chunks[2:4], reaches_end=False, final=True)
    cut = cut_region(region, content.read, LIMITS)
    assert [chunk.end for chunk in cut.chunks] == [CHUNKS[2], CHUNKS[3]]
    assert cut.met


def test_what_reading_raises_is_raised() -> None:
    def read(source: int) -> bytes:
        raise OSError("gone")

    region = Region(0, b"", (Extent(3, b"x"),), old_chunks(OLD), reaches_end=True, final=True)
    with pytest.raises(OSError, match="gone"):
        cut_region(region, read, LIMITS)


SECTIONS = st.lists(payloads("noise zeros pattern", 6_000), min_size=1, max_size=4)
EDITS = st.lists(st.tuples(st.integers(0, 24_000), payloads("noise zeros", 2_000)), min_size=1)


@given(SECTIONS, EDITS)
def test_the_chunks_are_those_of_cutting_everything(
    sections: list[Payload], edits: list[tuple[int, Payload]]
) -> None:
    content = Content(b"".join(section.data for section in sections))
    dirty = DirtyExtents()
    for offset, payload in edits:
        dirty.write(offset % (len(content.data) + 1), payload.data)
    extents = tuple(dirty)
    if any(a.end < b.start for a, b in pairwise(extents) if b.start > len(content.data)):
        return  # zeros would be appended first
    new = with_edits(content.data, extents)
    cut = content.cut(extents)
    start = cut.chunks[0].start
    expected = [end for end in cut_points(new, LIMITS, final=True) if end > start]
    lengths = [len(chunk.data) for chunk in cut.chunks]
    ends = list(accumulate(lengths, initial=start))[1:]
    assert ends == expected[: len(ends)]
    assert b"".join(chunk.data for chunk in cut.chunks) == new[start : ends[-1]]
    if cut.met:
        old_ends = [chunk.end for chunk in content.chunks]
        assert expected[len(ends) :] == [end for end in old_ends if end > ends[-1]]
    else:
        assert ends == expected


@pytest.mark.parametrize("piece", [1, 100, LIMITS.max_size - 1, LIMITS.max_size, 5000, 9999])
@pytest.mark.parametrize("final", [True, False])
def test_pieces_are_cut_as_if_they_were_one(piece: int, final: bool) -> None:
    """Also where a short piece stands between long ones, and the other way round."""
    ends = [0, 7000, *range(7000 + piece, len(OLD) - 6000, piece), len(OLD) - 6000, len(OLD)]
    edits = tuple(Extent(low, OLD[low:high]) for low, high in pairwise(ends))
    cut = cut_region(Region(0, b"", edits, (), reaches_end=True, final=final), no_read, LIMITS)
    expected = cut_points(OLD, LIMITS, final=final)
    assert [chunk.end for chunk in cut.chunks] == expected
    assert b"".join(chunk.data for chunk in cut.chunks) == OLD[: expected[-1]]
    assert all(chunk.id == object_id(chunk.data) for chunk in cut.chunks)
    assert bytes(cut.rest.data if cut.rest else b"") == OLD[expected[-1] :]


def no_read(source: int) -> bytes:
    raise AssertionError("nothing was there before")
