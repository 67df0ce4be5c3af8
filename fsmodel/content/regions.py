"""Planning which old chunks and which edits are cut again together.

Regions of one batch never overlap, so that they can be cut at the same time. Between two of them
lie chunks nobody edits; edits with hardly any between them share a region.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.content.chunk_list import ChunkList
from fsmodel.content.extents import Extent
from fsmodel.content.file_state import FileState
from fsmodel.content.recut import OldChunk, Region
from fsmodel.ids import ObjectId
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import ObjectStore

BATCH_BYTES: Final = 8 << 20  # about what one step handles, and holds in memory
LOOKAHEAD_CHUNKS: Final = 4  # old chunks behind an edit, to meet a cut in
APART_CHUNKS: Final = 2  # chunks between edits that are cut apart

Enough = Callable[[int, int, bool], bool]
PlannedRegion = Region[Located | None]  # no source: zeros


class RegionPlanner:
    """Plans regions of files. Owner: the thread that owns the index."""

    def __init__(self, objects: ObjectStore, zeros: ObjectId) -> None:
        """`zeros` is the chunk of zeros as long as a chunk can be: it need not be read."""
        self._objects = objects
        self._zeros = zeros

    def batch(
        self, file: FileState, pending: Sequence[Extent], *, whole: bool
    ) -> tuple[list[PlannedRegion], int]:
        """Regions of the first pending extents, and how many extents they take."""
        regions: list[PlannedRegion] = []
        taken = size = 0
        while taken < len(pending) and size < BATCH_BYTES:
            if pending[taken].start > file.chunks.size:
                break
            start = self.cutting_start(file, pending[taken].start)
            region = self._region(file.chunks, start, b"", pending[taken:], _is_near, whole=whole)
            regions.append(region)
            taken += len(region.edits)
            size += region.size_bytes
            if region.reaches_end:
                break
        return regions, taken

    def stretch(
        self,
        file: FileState,
        start: int,
        head: Buffer,
        pending: Sequence[Extent],
        *,
        whole: bool,
    ) -> PlannedRegion:
        """About a batch of bytes from a place on, with the pending extents that start in it."""
        return self._region(file.chunks, start, head, pending, _is_long, whole=whole)

    def following(self, rest: Extent, pending: Sequence[Extent], *, whole: bool) -> PlannedRegion:
        """What `batch` will plan once all before some bytes at the end of the file is settled."""
        return _appended(rest.start, b"", (rest, *pending), whole=whole)

    def cutting_start(self, file: FileState, offset: int) -> int:
        """Where the chunk starts that an edit at the offset may change."""
        chunks = file.chunks
        if offset >= chunks.size:
            last = chunks.last()
            certain = last is None or file.certain_end == chunks.size
            return chunks.size if certain or last is None else last[0]
        start, run = next(chunks.runs_from(offset))
        return start + (offset - start) // run.length * run.length

    def _region(
        self,
        chunks: ChunkList,
        start: int,
        head: Buffer,
        pending: Sequence[Extent],
        enough: Enough,
        *,
        whole: bool,
    ) -> PlannedRegion:
        """Old chunks from a place on until there are enough of them, and the edits in them."""
        edited_to = start + len(head)
        old: list[OldChunk[Located | None]] = []
        count = behind = 0
        reaches_end = True
        for chunk in self._old_chunks(chunks, edited_to):
            before = chunk.end + (chunk.end == chunks.size)  # an append changes the last chunk
            edited = count < len(pending) and pending[count].start < before
            if chunk.start >= edited_to and enough(behind, chunk.start - start, edited):
                reaches_end = False
                break
            old.append(chunk)
            count, edited_to = _absorb(pending, count, edited_to, before, start)
            behind = behind + 1 if chunk.start >= edited_to else 0
        if not old:
            return _appended(start, head, pending, whole=whole)
        final = _is_final(pending, count, edited_to, whole=whole)
        return Region(start, head, tuple(pending[:count]), tuple(old), reaches_end, final)

    def _old_chunks(self, chunks: ChunkList, offset: int) -> Iterator[OldChunk[Located | None]]:
        for start, run in chunks.runs_from(offset):
            source = None if run.id == self._zeros else self._objects.locate(run.id)
            first = max(offset - start, 0) // run.length
            for number in range(first, run.repeat):
                yield OldChunk(start + number * run.length, run.length, source)


def _appended(start: int, head: Buffer, pending: Sequence[Extent], *, whole: bool) -> PlannedRegion:
    """A region with no old chunks in it: the pending extents that follow each other."""
    edited_to = start + len(head)
    count, edited_to = _absorb(pending, 0, edited_to, edited_to + 1, start)
    final = _is_final(pending, count, edited_to, whole=whole)
    return Region(start, head, tuple(pending[:count]), (), reaches_end=True, final=final)


def _is_final(pending: Sequence[Extent], count: int, edited_to: int, *, whole: bool) -> bool:
    """Whether the file ends where a region with so many of the pending extents does.

    Behind a gap zeros come first, and cut the end again. Else what is left shows it is not the end.
    """
    return whole if count == len(pending) else pending[count].start > edited_to


def _is_near(behind: int, size: int, edited: bool) -> bool:
    """Whether the chunks behind an edit will do, the next one being edited again or not."""
    apart = behind >= APART_CHUNKS or size >= BATCH_BYTES
    return behind >= LOOKAHEAD_CHUNKS or (edited and apart)


def _is_long(behind: int, size: int, edited: bool) -> bool:
    return size >= BATCH_BYTES


def _absorb(
    pending: Sequence[Extent], count: int, edited_to: int, before: int, start: int
) -> tuple[int, int]:
    """Take the extents that start before an offset, and those that go on where one ends."""
    while count < len(pending):
        goes_on = pending[count].start <= edited_to < start + BATCH_BYTES
        if not goes_on and pending[count].start >= before:
            break
        edited_to = max(edited_to, pending[count].end)
        count += 1
    return count, edited_to
