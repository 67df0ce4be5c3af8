"""Cutting a changed stretch of a file into chunks, so that they are those of a first write.

A chunk ends where the bytes since its own start say so (chunking.py). Hence chunks that end at or
before an edit stay as they are, and once a new cut falls on an old one behind the edit, all that
follow stay too. Between the two, the bytes are cut again. Pure functions: any thread may run them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from fsmodel.content.chunking import ChunkLimits, cut_points
from fsmodel.content.extents import Extent
from fsmodel.encoding.hashing import object_id
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
    """A stretch to cut again: the edits, and old chunks from where cutting starts.

    The old chunks reach beyond the last edit, or to the end of the settled content
    (`reaches_end`). With `final`, the file ends where they and the edits end; else more bytes are
    expected there, and what cannot be cut for certain is handed back.
    """

    start: int
    edits: tuple[Extent, ...]
    old: tuple[OldChunk[Source], ...]
    reaches_end: bool
    final: bool


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk as it was cut."""

    start: int
    id: ObjectId
    data: memoryview


@dataclass(frozen=True, slots=True)
class CutRegion:
    """New chunks that replace the old ones of [start, end), and bytes left for later."""

    start: int
    end: int
    chunks: tuple[NewChunk, ...]
    rest: Extent | None


def cut_region(
    region: Region[Source], read: Callable[[Source], bytes], limits: ChunkLimits
) -> CutRegion | None:
    """Cut a region again; None when no new cut meets an old one among the old chunks given.

    Old chunks are read one by one, as they turn out to be needed. Raises what `read` raises.
    """
    edited_to = region.edits[-1].end
    known: dict[int, bytes] = {}
    needed = sum(chunk.start < edited_to for chunk in region.old)
    while True:
        old = region.old[:needed]
        at_end = region.reaches_end and needed == len(region.old)
        data = _assemble(region, old, known, read)
        cuts = cut_points(data, limits, final=at_end and region.final)
        if at_end:
            return _finish(region, old[-1].end if old else region.start, data, cuts)
        boundaries = {chunk.end - region.start for chunk in old if chunk.end >= edited_to}
        for index, cut in enumerate(cuts):
            if cut in boundaries:
                return _finish(region, region.start + cut, data[:cut], cuts[: index + 1])
        if needed == len(region.old):
            return None
        needed += 1


def _assemble(
    region: Region[Source],
    old: tuple[OldChunk[Source], ...],
    known: dict[int, bytes],
    read: Callable[[Source], bytes],
) -> memoryview:
    """The bytes from the region's start: old chunks overlaid by the edits."""
    if not old and _is_gapless(region):
        pieces = [edit.data for edit in region.edits]
        return memoryview(pieces[0] if len(pieces) == 1 else b"".join(pieces))
    end = max(region.edits[-1].end, old[-1].end if old else 0)
    buffer = bytearray(end - region.start)
    for chunk in old:
        if any(edit.start <= chunk.start and chunk.end <= edit.end for edit in region.edits):
            continue
        if chunk.start not in known:
            known[chunk.start] = read(chunk.source)
        at = chunk.start - region.start
        buffer[at : at + chunk.length] = known[chunk.start]
    for edit in region.edits:
        at = edit.start - region.start
        buffer[at : at + len(edit.data)] = edit.data
    return memoryview(buffer)


def _is_gapless(region: Region[Source]) -> bool:
    """Whether the edits alone are all bytes from the region's start on."""
    ends = [region.start, *(edit.end for edit in region.edits)]
    return all(edit.start == end for edit, end in zip(region.edits, ends, strict=False))


def _finish(region: Region[Source], end: int, data: memoryview, cuts: list[int]) -> CutRegion:
    chunks = []
    begin = 0
    for cut in cuts:
        piece = data[begin:cut]
        chunks.append(NewChunk(region.start + begin, object_id(piece), piece))
        begin = cut
    rest = Extent(region.start + begin, data[begin:]) if begin < len(data) else None
    return CutRegion(region.start, end, tuple(chunks), rest)
