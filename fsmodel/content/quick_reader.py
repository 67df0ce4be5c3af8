"""Answering a small request at once, in as few steps of the interpreter as that takes.

Most requests for a few bytes are alike: the file has all its bytes in chunks, these lie in one of
them or in two, which are in memory, ours or the host's, and a place to look for them is known. The
disk is waited for if it has little to bring, as that takes less than asking somebody else to wait.
All that is looked at anew for each request, and nothing is remembered from one to the next but what
chunk lists and stretches know anyway: whatever was written, settled, or moved to another pack, is
seen by the next request. A guess is right if what lies there has the chunk's id.

In any other case the answer is None: reader.py answers all requests, tells what is wrong, and
learns where chunks lie.
"""

from fsmodel.buffers import Buffer
from fsmodel.content.chunk_list import Spot
from fsmodel.content.file_state import FileState
from fsmodel.content.stretches import Sequel
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import raw_frame_size


class QuickReader:
    """Reads what is at hand. Owner: the thread that owns the index."""

    def __init__(self, objects: ObjectStore, sequel: Sequel) -> None:
        self._objects = objects
        self._sequel = sequel

    def read(self, file: FileState, offset: int, length: int) -> Buffer | None:
        """Up to `length` bytes, fewer only at the end; None where that takes more than this.

        Raises DataError for a page of the manifest that cannot be read.
        """
        end = offset + length
        end = min(end, file.size)
        if offset >= end or end > file.kept or file.dirty.size_bytes or file.frozen.size_bytes:
            return None
        spot = file.chunks.spot_at(offset)
        size = spot.run.length
        low = (offset - spot.start) % size
        high = low + end - offset
        if high <= size:
            return self._part(spot, low, high)
        head = self._part(spot, low, size)
        if head is None:
            return None
        middle = offset + size - low
        spot = file.chunks.spot_at(middle)
        if end - middle > spot.run.length:
            return None
        tail = self._part(spot, 0, end - middle)
        return None if tail is None else b"".join((head, tail))

    def _part(self, spot: Spot, low: int, high: int) -> Buffer | None:
        """Bytes [low, high) of one chunk."""
        objects, run = self._objects, spot.run
        if objects.is_cached(run.id):
            data = objects.cached(run.id)
            return None if data is None else memoryview(data)[low:high]
        place = spot.stretch.guess(spot.number, spot.at)
        if place is None and not spot.start:
            place = self._sequel.guess()
        if place is None:
            return None
        part = objects.read_part_often(place, run, low, high)
        if part is None:
            return self._elsewhere(spot, low, high)
        if not spot.start:
            self._sequel.found(place, raw_frame_size(run.length))
        return part

    def _elsewhere(self, spot: Spot, low: int, high: int) -> Buffer | None:
        """The same if the chunk lies where another neighbour says, which is known from then on."""
        place = spot.stretch.second_guess(spot.number, spot.at)
        if place is None:
            return None
        part = self._objects.read_part_often(place, spot.run, low, high)
        if part is not None:
            spot.stretch.learn(spot.number, spot.at, place)
        return part
