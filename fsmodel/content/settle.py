"""Settling: unchunked bytes become chunks, in steps that leave other requests room.

The chunk list that results is the one the same bytes would have had in one first write: the
settled content is cut or extended with zeros where needed, and every edited stretch is cut again
(recut.py). Nothing is recorded in the inode here; contents.py does so when the steps have ended.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Final

from fsmodel.content.chunk_list import ChunkList
from fsmodel.content.chunking import ChunkLimits, cut_points
from fsmodel.content.extents import Extent
from fsmodel.content.file_state import FileState
from fsmodel.content.manifest import Run
from fsmodel.content.recut import CutRegion, NewChunk, OldChunk, Region, cut_region
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ObjectId
from fsmodel.steps import Steps, Work
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import NewObject, ObjectStore
from fsmodel.store.pack_format import ObjectKind

BATCH_BYTES: Final = 8 << 20  # of edits handed to one step
LOOKAHEAD_CHUNKS: Final = 4  # old chunks behind an edit to meet a cut in; more are taken if needed


class Settler:
    """Turns the unchunked bytes of files into chunks."""

    def __init__(self, objects: ObjectStore, limits: ChunkLimits) -> None:
        self._objects = objects
        self._limits = limits
        self._zeros = bytes(limits.max_size)
        self._zeros_id = object_id(self._zeros)

    def settle(self, file: FileState, *, whole: bool) -> Steps[None]:
        """Chunk what is dirty now.

        With `whole`, the result covers the file up to its size as of now; else the file is being
        written on, and its last bytes stay dirty until their cut is certain. On an error the
        bytes are dirty again, and nothing is lost.
        """
        size = file.size
        pending = file.freeze()
        try:
            yield from self._shrink(file)
            while pending:
                if pending[0].start > file.chunks.size:
                    yield from self._extend(file, pending[0].start)
                pending = yield from self._settle_batch(file, pending, whole=whole)
                if pending and not whole and pending[0].start >= file.chunks.size:
                    break
            if whole and file.chunks.size < size:
                yield from self._extend(file, size)
        finally:
            file.thaw(pending)

    def _shrink(self, file: FileState) -> Steps[None]:
        """Cut the chunks to the bytes that count."""
        chunks, size = file.chunks, file.kept
        if chunks.size <= size:
            return
        start, run = next(chunks.runs_from(size))
        start += (size - start) // run.length * run.length
        if start == size:
            file.chunks_recorded = False
            chunks.splice(size, chunks.size, [])
            file.certain_end = -1
            return
        old = yield from self._read_chunk(run.id)
        data = memoryview(old)[: size - start]
        yield from self._replace(file, start, chunks.size, [NewChunk(start, object_id(data), data)])

    def _extend(self, file: FileState, size: int) -> Steps[None]:
        """Append zeros. A chunk that begins in zeros is as long as a chunk can be."""
        chunks, limits = file.chunks, self._limits
        start, length = chunks.last() or (0, 0)
        head = b""
        if length:
            _, run = next(chunks.runs_from(start))
            head = yield from self._read_chunk(run.id)
        stretch = min(size - start, length + 2 * limits.max_size)
        data = memoryview(bytearray(stretch))
        data[:length] = head
        ends = cut_points(data, limits, final=start + stretch == size)
        cuts = [0, *ends[: next((n for n, end in enumerate(ends, 1) if end >= length), None)]]
        pieces = [data[low:high] for low, high in pairwise(cuts)]
        new = [
            NewChunk(start + low, object_id(piece), piece)
            for low, piece in zip(cuts, pieces, strict=False)
        ]
        yield from self._replace(file, start, chunks.size, new, zeros=size - start - cuts[-1])

    def _settle_batch(
        self, file: FileState, pending: list[Extent], *, whole: bool
    ) -> Steps[list[Extent]]:
        """Settle the first of the pending extents; what is left is returned, in order."""
        regions, taken = self._plan(file, pending, whole=whole)
        size = sum(len(edit.data) for region in regions for edit in region.edits)
        rest: list[Extent] = []
        lookahead = LOOKAHEAD_CHUNKS
        while regions:
            results: list[CutRegion | None] = yield Work(partial(self._cut_all, regions), size)
            done = [result for result in results if result is not None]
            yield from self._objects.add(
                [_object_of(chunk) for result in done for chunk in result.chunks]
            )
            for result in done:
                self._splice(file, result.start, result.end, _runs_of(result.chunks))
                if result.rest is not None:
                    rest.append(result.rest)
                    file.certain_end = file.chunks.size
            lookahead *= 4
            regions = [
                self._region(file, region.edits, lookahead, final=region.final)[0]
                for region, result in zip(regions, results, strict=True)
                if result is None
            ]
        return sorted(rest) + pending[taken:]

    def _cut_all(self, regions: Sequence[Region[Located | None]]) -> list[CutRegion | None]:
        return [cut_region(region, self._read_source, self._limits) for region in regions]

    def _read_source(self, source: Located | None) -> bytes:
        return self._zeros if source is None else self._objects.read(source)

    def _plan(
        self, file: FileState, pending: Sequence[Extent], *, whole: bool
    ) -> tuple[list[Region[Located | None]], int]:
        """Regions of the first pending extents, about a batch of them, and how many were taken."""
        regions: list[Region[Located | None]] = []
        taken = size = 0
        while (
            taken < len(pending) and size < BATCH_BYTES and pending[taken].start <= file.chunks.size
        ):
            region, count = self._region(file, pending[taken:], LOOKAHEAD_CHUNKS, final=whole)
            regions.append(region)
            taken += count
            size += sum(len(edit.data) for edit in region.edits)
            if region.reaches_end:
                break
        return regions, taken

    def _region(
        self, file: FileState, pending: Sequence[Extent], lookahead: int, *, final: bool
    ) -> tuple[Region[Located | None], int]:
        """The region of the first extent and of all that follow too closely to be cut apart."""
        start = self._cutting_start(file, pending[0].start)
        old: list[OldChunk[Located | None]] = []
        count, behind = 1, 0
        source = self._old_chunks(file.chunks, start)
        reaches_end = False
        while behind < lookahead and not reaches_end:
            chunk = next(source, None)
            if chunk is None:
                reaches_end = True
            else:
                old.append(chunk)
                behind += chunk.start >= pending[count - 1].end
            reached = old[-1].end if old else start
            while count < len(pending) and pending[count].start <= max(
                reached, pending[count - 1].end
            ):
                count, behind, reaches_end = count + 1, 0, False
        # extents behind a gap follow: zeros will be appended first, which cuts the end again
        final = final or count < len(pending)
        return Region(start, tuple(pending[:count]), tuple(old), reaches_end, final), count

    def _cutting_start(self, file: FileState, offset: int) -> int:
        """Where the chunk starts that an edit at the offset may change."""
        chunks = file.chunks
        if offset >= chunks.size:
            last = chunks.last()
            certain = last is None or file.certain_end == chunks.size
            return chunks.size if certain or last is None else last[0]
        start, run = next(chunks.runs_from(offset))
        return start + (offset - start) // run.length * run.length

    def _old_chunks(self, chunks: ChunkList, offset: int) -> Iterator[OldChunk[Located | None]]:
        for start, run in chunks.runs_from(offset):
            source = None if run.id == self._zeros_id else self._objects.locate(run.id)
            first = max(offset - start, 0) // run.length
            for number in range(first, run.repeat):
                yield OldChunk(start + number * run.length, run.length, source)

    def _read_chunk(self, chunk: ObjectId) -> Steps[bytes]:
        if chunk == self._zeros_id:
            return self._zeros
        located = self._objects.locate(chunk)
        data: bytes = yield Work(lambda: self._objects.read(located), self._limits.average)
        return data

    def _replace(
        self,
        file: FileState,
        start: int,
        end: int,
        new: Sequence[NewChunk],
        *,
        zeros: int = 0,
    ) -> Steps[None]:
        """Store new chunks and let them, followed by zeros, take the place of [start, end)."""
        runs = _runs_of(new)
        objects = [_object_of(chunk) for chunk in new]
        whole, part = divmod(zeros, self._limits.max_size)
        for data, repeat in ((self._zeros, whole), (self._zeros[:part], int(part > 0))):
            if repeat:
                zero = NewObject(ObjectKind.CHUNK, object_id(data), memoryview(data))
                runs.append(Run(zero.id, len(data), repeat))
                objects.append(zero)
        yield from self._objects.add(objects)
        self._splice(file, start, end, runs)

    def _splice(self, file: FileState, start: int, end: int, runs: Sequence[Run]) -> None:
        """Let stored chunks take the place of [start, end)."""
        file.chunks_recorded = False
        file.chunks.splice(start, end, runs)
        file.kept = file.chunks.size
        file.certain_end = -1


def _runs_of(chunks: Sequence[NewChunk]) -> list[Run]:
    return [Run(chunk.id, len(chunk.data), 1) for chunk in chunks]


def _object_of(chunk: NewChunk) -> NewObject:
    return NewObject(ObjectKind.CHUNK, chunk.id, chunk.data)
