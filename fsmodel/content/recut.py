"""Cutting a changed stretch of a file into chunks, so that they are those of a first write.

A chunk ends where the bytes since its own start say so (chunking.py). Hence chunks that end at or
before an edit stay as they are, and once a new cut falls on an old one behind the edit, all that
follow stay too. Between the two, the bytes are cut again. Pure functions: any thread may run them.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from fsmodel.buffers import Buffer
from fsmodel.content.chunking import NO_SEQUEL, ChunkLimits, Sequel, cut_chunks
from fsmodel.content.extents import Extent
from fsmodel.ids import ObjectId

Source = TypeVar("Source")


@dataclass(frozen=True, slots=True)
class OldChunk(Generic[Source]):
    """A chunk of the settled content, and how to read it."""

    start: int
    length: int
    source: Source

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Region(Generic[Source]):
    """A stretch to cut again, from a place where a chunk begins.

    It consists of `head`, bytes that an earlier stretch left uncut, followed by the old chunks,
    overlaid by the edits. No edit starts behind the last old chunk unless it touches what is
    before it. With `reaches_end` the settled content ends with the old chunks; with `final` the
    file ends where they and the edits end.
    """

    start: int
    head: Buffer
    edits: tuple[Extent, ...]
    old: tuple[OldChunk[Source], ...]
    reaches_end: bool
    final: bool

    @property
    def edited_to(self) -> int:
        """From where on the old chunks are as they were."""
        return self.edits[-1].end if self.edits else self.start + len(self.head)

    @property
    def size_bytes(self) -> int:
        """Bytes of the head, the old chunks and the edits, at most."""
        behind = [chunk.end for chunk in self.old[-1:]] + [edit.end for edit in self.edits[-1:]]
        return max(behind, default=self.start + len(self.head)) - self.start


class NewChunk(NamedTuple):
    """A chunk as it was cut."""

    start: int
    id: ObjectId
    data: memoryview
    values: bytes | None = None  # of its sections (fsmodel/store/sections.py), if they are known

    @property
    def end(self) -> int:
        """The offset behind its last byte."""
        return self.start + len(self.data)


@dataclass(frozen=True, slots=True)
class CutRegion:
    """New chunks from the region's start on, and the bytes behind them that were not cut.

    With `met`, the last new chunk ends where an old one does, and what follows is as it was.
    """

    chunks: tuple[NewChunk, ...]
    rest: Extent | None
    met: bool


def cut_region(
    region: Region[Source],
    read: Callable[[Source], bytes],
    limits: ChunkLimits,
    sequel: Sequel = NO_SEQUEL,
) -> CutRegion:
    """Cut a region until a new cut meets an old one behind the edits, or the region ends.

    `sequel` is where the chunks may be stored that it begins with. Old chunks are read one by one,
    as they turn out to be needed. Raises what `read` raises.
    """
    edited_to = region.edited_to
    boundaries = {chunk.end for chunk in region.old if chunk.end >= edited_to}
    edited = sum(chunk.start < edited_to for chunk in region.old)
    pieces = _pieces(region, region.old[:edited], read)
    following = region.old[edited:]
    found: list[NewChunk] = []
    begin = region.start
    while True:
        at_end = region.reaches_end and not following
        chunks, rest = _cut(pieces, begin, limits, sequel, final=at_end and region.final)
        for chunk in chunks:
            found.append(chunk)
            if chunk.end in boundaries:
                return CutRegion(tuple(found), None, met=True)
        begin = found[-1].end if found else begin
        if not following:
            return CutRegion(tuple(found), Extent(begin, rest) if rest else None, met=False)
        pieces, sequel = [_joined((rest, read(following[0].source)))], NO_SEQUEL
        following = following[1:]


def _cut(
    pieces: list[Buffer], start: int, limits: ChunkLimits, sequel: Sequel, *, final: bool
) -> tuple[list[NewChunk], memoryview]:
    """The chunks of bytes that come in pieces, and the bytes behind the last of them.

    They are cut where they lie: only what no piece holds by itself is joined. Joining all of them
    would copy every byte into memory that is touched for the first time, which takes longer than
    cutting it.
    """
    cuts = cut_chunks(pieces, limits, final, sequel)
    *datas, rest = _split(pieces, [cut for cut, _, _ in cuts])
    found: list[NewChunk] = []
    for (_, digest, values), data in zip(cuts, datas, strict=True):
        found.append(NewChunk(start, ObjectId(digest), data, values))
        start += len(data)
    return found, rest


def _split(pieces: Sequence[Buffer], ends: Sequence[int]) -> Iterator[memoryview]:
    """The bytes of pieces up to each of the ends, and those behind the last."""
    left = iter(pieces)
    piece, begin = memoryview(b""), 0
    for end in ends:
        parts: list[memoryview] = []
        missing = end - begin
        while len(piece) < missing:
            parts.append(piece)
            missing -= len(piece)
            piece = memoryview(next(left))
        parts.append(piece[:missing])
        yield _joined(parts)
        piece, begin = piece[missing:], end
    yield _joined([piece, *left])


def _joined(pieces: Sequence[Buffer]) -> memoryview:
    some = [piece for piece in pieces if piece]
    return memoryview(some[0] if len(some) == 1 else b"".join(some))


def _is_gapless(region: Region[Source]) -> bool:
    """Whether the edits alone are all bytes from the region's start on."""
    ends = [region.start, *(edit.end for edit in region.edits)]
    return all(edit.start == end for edit, end in zip(region.edits, ends, strict=False))


def _pieces(
    region: Region[Source], old: Sequence[OldChunk[Source]], read: Callable[[Source], bytes]
) -> list[Buffer]:
    """The bytes from the region's start: its head and old chunks, overlaid by the edits."""
    if not old and not region.head and _is_gapless(region):
        return [edit.data for edit in region.edits]
    return [_overlaid(region, old, read)]


def _overlaid(
    region: Region[Source], old: Sequence[OldChunk[Source]], read: Callable[[Source], bytes]
) -> memoryview:
    """The same where there is more than edits that follow each other."""
    end = max(region.edited_to, old[-1].end if old else 0)
    buffer = bytearray(end - region.start)
    buffer[: len(region.head)] = region.head
    starts = [edit.start for edit in region.edits]
    for chunk in old:
        before = bisect_right(starts, chunk.start)
        if before and chunk.end <= region.edits[before - 1].end:
            continue
        at = chunk.start - region.start
        buffer[at : at + chunk.length] = read(chunk.source)
    for edit in region.edits:
        at = edit.start - region.start
        buffer[at : at + len(edit.data)] = edit.data
    return memoryview(buffer)
