"""Cutting planned regions, those of a stream before anybody asks for it.

While the chunks of one region are stored and named, another thread may cut what follows them. A
region that was cut ahead is taken only if it is the one that is planned then.

Bytes that are stored already were a stream before, more often than not: then what follows a chunk
lies behind it in its pack, and is compared with that instead of being searched for cuts.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, NamedTuple

from fsmodel.content.chunk_list import ChunkList
from fsmodel.content.chunking import ChunkLimits, Sequel
from fsmodel.content.recut import CutRegion, NewChunk, cut_region
from fsmodel.content.regions import PlannedRegion
from fsmodel.ids import ObjectId, PackId
from fsmodel.steps import Begin, Begun, PutOff, Steps, Work, collecting
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import ObjectStore

STREAM_CHUNKS_MIN: Final = 8  # from here on it is worth a look where they may lie

ReadSource = Callable[[Located | None], bytes]


class CutAhead(NamedTuple):
    """A region that is being cut already."""

    region: PlannedRegion
    begun: Begun


class Cutter:
    """Cuts regions. Owner: the thread that owns the index."""

    def __init__(self, objects: ObjectStore, read: ReadSource, limits: ChunkLimits) -> None:
        self._objects = objects
        self._read = read
        self._limits = limits
        self._last: ObjectId | None = None  # of the chunks that were cut
        self.begin: Begin = PutOff  # who does what is to be done ahead

    def ahead(self, region: PlannedRegion, before: Sequence[NewChunk]) -> CutAhead:
        """Have a region cut that will be asked for next, behind these chunks of a stream."""
        cut = self._cut_behind(region, before[-1].id if before else None)
        return CutAhead(region, self.begin(cut))

    def cut(
        self,
        chunks: ChunkList,
        regions: Sequence[PlannedRegion],
        ahead: CutAhead | None = None,
    ) -> Steps[list[CutRegion]]:
        """Cut regions of a list, or wait for what was begun if that is all. Raises DataError."""
        found: list[CutRegion]
        if ahead is not None and list(regions) == [ahead.region]:
            found = [(yield collecting(ahead.begun, ahead.region.size_bytes))]
        else:
            found = yield self._work_on(chunks, regions)
        if found[-1].chunks:
            self._last = found[-1].chunks[-1].id
        return found

    def cut_stretch(self, region: PlannedRegion) -> Steps[CutRegion]:
        """Cut one region of which most may be old chunks. Raises DataError."""
        found: CutRegion = yield Work(partial(self._cut, region), region.size_bytes)
        return found

    def _work_on(self, chunks: ChunkList, regions: Sequence[PlannedRegion]) -> Work:
        size = sum(len(edit.data) for region in regions for edit in region.edits)
        if not self._is_stream(chunks, regions, size):
            return Work(partial(self._cut_all, regions), size)
        cut = self._cut_behind(regions[0], self._chunk_before(chunks))
        return Work(lambda: [cut()], size)

    def _is_stream(self, chunks: ChunkList, regions: Sequence[PlannedRegion], size: int) -> bool:
        """Whether all there is goes on where the chunks of its file end, and has many of them."""
        is_behind = len(regions) == 1 and regions[0].start == chunks.size
        return is_behind and size >= STREAM_CHUNKS_MIN * self._limits.average

    def _chunk_before(self, chunks: ChunkList) -> ObjectId | None:
        """The last chunk of a file; for one that begins, that of the file before.

        What is copied again comes in the order in which it was stored, more often than not.
        """
        if not chunks.size:
            return self._last
        _, (*_, last) = chunks.runs_within(chunks.size - 1, chunks.size)
        return last.id

    def _cut_all(self, regions: Sequence[PlannedRegion]) -> list[CutRegion]:
        return list(map(self._cut, regions))

    def _cut_behind(self, region: PlannedRegion, chunk: ObjectId | None) -> Callable[[], CutRegion]:
        """What cuts a region that follows a chunk of a stream, if it is known which."""
        place = None if chunk is None else self._objects.place_behind(chunk)
        if place is None:
            return partial(self._cut, region)
        return partial(self._cut_as, region, *place)

    def _cut_as(self, region: PlannedRegion, pack: PackId, offset: int) -> CutRegion:
        """Cut a region which may have the chunks that lie in a pack from an offset on."""
        with self._objects.descriptor(pack) as descriptor:
            return cut_region(region, self._read, self._limits, Sequel(descriptor, offset))

    def _cut(self, region: PlannedRegion) -> CutRegion:
        return cut_region(region, self._read, self._limits)
