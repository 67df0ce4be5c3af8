"""Reading a range of a file: chunks from the packs, overlaid by what is not chunked yet.

What is in memory, or in the host's page cache, is answered at once; only what the disk has to
bring is left to a worker thread. Bytes that fail their check are never returned: the range they
lie in raises DataError, every other range reads as before.
"""

from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from fsmodel.buffers import Buffer
from fsmodel.content.chunk_list import Spot
from fsmodel.content.extents import Extent
from fsmodel.content.file_state import FileState
from fsmodel.content.quick_reader import QuickReader
from fsmodel.content.stretches import Sequel
from fsmodel.ids import ObjectId
from fsmodel.steps import Steps, Work
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import raw_frame_size

JOINED_BYTES_MAX: Final = 16 << 10  # of a range in two chunks, which are not kept for it
INLINE_CHUNKS_MAX: Final = 4  # decoding one takes about as long as a hop to a thread


class Piece(NamedTuple):
    """Bytes [low, high) of a chunk that lie at `offset` of the file."""

    offset: int
    chunk: ObjectId
    low: int
    high: int


class Reader:
    """Reads ranges of files."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._sequel = Sequel()
        self.read_at_once = QuickReader(objects, self._sequel).read

    def read(self, file: FileState, offset: int, length: int) -> Steps[bytes | memoryview]:
        """Up to `length` bytes at an offset; fewer only at the end. Raises DataError.

        They are those of the moment it begins: what is dirty then may be in other chunks, and
        the chunks in other places, by the time these have been brought.
        """
        end = min(offset + length, file.size)
        if offset >= end:
            return b""
        dirty = file.dirty_within(offset, end)
        if end <= file.kept and not dirty:
            spot = file.chunks.spot_at(offset)
            low = (offset - spot.start) % spot.run.length
            high = low + end - offset
            if high <= spot.run.length:
                return (yield from self._part(spot, low, high))
            if end - offset <= JOINED_BYTES_MAX:
                joined = self._joined_nowait(file, offset, end)
                if joined is not None:
                    return joined
        pieces = list(pieces_of(file, offset, end))
        pieces = [piece for piece in pieces if not _is_covered(piece, dirty)]
        held = yield from self._fetch(pieces)
        buffer = bytearray(end - offset)
        for piece in pieces:
            at = piece.offset - offset
            data = memoryview(held[piece.chunk])[piece.low : piece.high]
            buffer[at : at + len(data)] = data
        for extent in dirty:
            at = extent.start - offset
            buffer[at : at + len(extent.data)] = extent.data
        return memoryview(buffer)

    def _part(self, spot: Spot, low: int, high: int) -> Steps[bytes | memoryview]:
        """A range that lies in one chunk, as most small ones do: without making lists.

        It goes past the cache if the chunk is stored as it is, until that is read often.
        """
        objects, chunk = self._objects, spot.run.id
        data = objects.cached(chunk)
        if data is None:
            often = objects.is_read_often(chunk)
            part = objects.locate(chunk) if often else self._part_nowait(spot, low, high)
            if not isinstance(part, Located):
                return part
            if part.is_raw and not often:
                brought: bytes = yield Work(partial(objects.read_part, part, low, high), part.plain)
                return brought
            data = objects.read_nowait(part)
            if data is None:
                data = yield Work(partial(objects.read, part), part.work_bytes)
        return memoryview(data)[low:high]

    def _joined_nowait(self, file: FileState, start: int, end: int) -> bytes | None:
        """A range that begins in one chunk and ends in the next; None where that takes a step."""
        first = file.chunks.spot_at(start)
        low = (start - first.start) % first.run.length
        middle = start + first.run.length - low
        second = file.chunks.spot_at(middle)
        if end - middle > second.run.length:
            return None
        head = self._held_part(first, low, first.run.length)
        tail = None if head is None else self._held_part(second, 0, end - middle)
        return None if head is None or tail is None else b"".join((head, tail))

    def _held_part(self, spot: Spot, low: int, high: int) -> bytes | memoryview | None:
        """Bytes of a chunk that are in memory, ours or the host's."""
        data = self._objects.cached(spot.run.id)
        if data is not None:
            return memoryview(data)[low:high]
        part = self._part_nowait(spot, low, high)
        return None if isinstance(part, Located) else part

    def _part_nowait(self, spot: Spot, low: int, high: int) -> bytes | Located:
        """The range if the chunk is stored as it is and in the host's memory, else its place."""
        objects, chunk = self._objects, spot.run
        near = spot.stretch.guess(spot.number, spot.at)
        guess = near or (None if spot.start else self._sequel.guess())
        if guess is not None:
            part = objects.read_part_nowait(guess, chunk, low, high)
            if part is not None:
                self._sequel.found(guess, raw_frame_size(chunk.length))
                return part
        located = objects.locate(chunk.id)
        place = located.location[:2]
        if near is not None and place != near:
            spot.stretch.was_wrong(is_raw=located.is_raw)
        if not located.is_raw:
            self._sequel.end()
            return located
        self._sequel.found(place, located.location.stored)
        if place == guess:
            return located
        spot.stretch.learn(spot.number, spot.at, place)
        part = objects.read_part_nowait(place, chunk, low, high)
        return located if part is None else part

    def _fetch(self, pieces: list[Piece]) -> Steps[dict[ObjectId, Buffer]]:
        held: dict[ObjectId, Buffer] = {}
        waiting: list[Located] = []
        for chunk in dict.fromkeys(piece.chunk for piece in pieces):
            data = self._objects.cached(chunk)
            if data is None:
                located = self._objects.locate(chunk)
                if len(held) < INLINE_CHUNKS_MAX:
                    data = self._objects.read_nowait(located)
                if data is None:
                    waiting.append(located)
                    continue
            held[chunk] = data
        if waiting:
            size = sum(located.work_bytes for located in waiting)
            brought: list[bytes] = yield Work(partial(self._read_all, waiting), size)
            held.update(zip((located.id for located in waiting), brought, strict=True))
        return held

    def _read_all(self, wanted: list[Located]) -> list[bytes]:
        return [self._objects.read(located) for located in wanted]


def _is_covered(piece: Piece, dirty: list[Extent]) -> bool:
    """Whether nothing of a piece is to be seen, so that it need not be whole."""
    end = piece.offset + piece.high - piece.low
    return any(extent.start <= piece.offset and end <= extent.end for extent in dirty)


def pieces_of(file: FileState, start: int, end: int) -> Iterator[Piece]:
    """The parts of settled chunks that lie in a range, in order."""
    end = min(end, file.kept)
    if start >= end:
        return
    for run_start, run in file.chunks.runs_from(start):
        if run_start >= end:
            return
        first = max(start - run_start, 0) // run.length
        for number in range(first, run.repeat):
            at = run_start + number * run.length
            if at >= end:
                break
            low, high = max(start - at, 0), min(end - at, run.length)
            yield Piece(at + low, run.id, low, high)
