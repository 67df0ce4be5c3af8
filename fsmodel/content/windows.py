"""Windows: stretches of a file, put together before they are asked for.

Whoever reads a file from one end to the other asks for some 128 KiB at a time, which is parts of
three chunks. To find, read, check and join these for each request costs more than the bytes
themselves. A window is made at once: some MiB of whole chunks, in one buffer, by one piece of work
in a worker; a request is then answered by a slice of it. Chunks that are stored as they are and lie
one behind the other, as a stream leaves them, are read by a single call of the host, straight into
that buffer, and do not go through the cache, which would keep what the kernel keeps anyway.
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from fsmodel.buffers import Buffer
from fsmodel.content.file_state import FileState
from fsmodel.encoding.codecs import Codec
from fsmodel.errors import FrameCorrupt
from fsmodel.ids import ObjectId
from fsmodel.steps import Work
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import FRAME_HEADER
from fsmodel.store.placement import Placement

CHUNKS_MAX: Final = 256  # in a window, however small they are


class Part(NamedTuple):
    """One chunk of a window: its bytes if they are in memory, else where they are."""

    data: Buffer | None
    located: Located | None
    size: int
    is_guess: bool = False  # nobody has asked the index whether it lies there


class WindowPlan(NamedTuple):
    """Bytes [start, end) of a file as it is now.

    `work` gives them in one buffer; fewer when it turns out that a guess was wrong. It raises
    DataError when any of them cannot be read.
    """

    file: FileState
    edits: int
    start: int
    end: int
    work: Work

    @property
    def is_current(self) -> bool:
        """Whether the file still has these bytes."""
        return self.edits == self.file.edits


def plan_window(
    objects: ObjectStore, file: FileState, offset: int, length: int, *, guessing: bool
) -> WindowPlan | None:
    """How to bring a window of at least `length` bytes from about an offset on.

    It begins with the chunk that holds the offset, and ends earlier where the file does. None where
    nothing is chunked, or where bytes lie that are not chunked yet. Raises DataError.

    `guessing`: behind a chunk that is stored as it is the next one of the file is looked for where
    a stream would have left it, without asking the index. What lies there must have the id.
    """
    chunks = list(islice(_whole_chunks(file, offset, offset + length), CHUNKS_MAX))
    if not chunks:
        return None
    start = chunks[0][0]
    end = min(start + sum(size for _, _, size in chunks), file.kept)
    if file.dirty_within(start, end):
        return None
    parts: list[Part] = []
    for _, chunk, size in chunks:
        parts.append(_part(objects, chunk, size, parts[-1] if guessing and parts else None))
    work = Work(partial(_brought, objects, parts, end - start), end - start)
    return WindowPlan(file, file.edits, start, end, work)


def _whole_chunks(file: FileState, start: int, end: int) -> Iterator[tuple[int, ObjectId, int]]:
    """Where each chunk that touches a range begins, its id and its length."""
    end = min(end, file.kept)
    if start >= end:
        return
    for run_start, run in file.chunks.runs_from(start):
        first = max(start - run_start, 0) // run.length
        for at in range(run_start + first * run.length, run_start + run.size, run.length):
            if at >= end:
                return
            yield at, run.id, run.length


def _part(objects: ObjectStore, chunk: ObjectId, size: int, before: Part | None) -> Part:
    data = objects.cached(chunk)
    if data is not None:
        return Part(data, None, size)
    if before is not None and before.located is not None and before.located.is_raw:
        return Part(None, _behind(before.located, chunk, size), size, is_guess=True)
    return Part(None, objects.locate(chunk), size)


def _behind(before: Located, chunk: ObjectId, size: int) -> Located:
    """Where a chunk lies if it was stored as it is right behind another one."""
    pack, offset, stored, *_ = before.place
    place = Placement(pack, offset + stored, FRAME_HEADER.size + size)
    return Located(chunk, Codec.RAW, place, size, None, before.epoch)


def _brought(objects: ObjectStore, parts: list[Part], size: int) -> memoryview:
    """The bytes of all parts in one buffer, of which so many count. Any thread.

    They end in front of the first part that does not lie where it was guessed to.
    """
    buffer = memoryview(bytearray(sum(part.size for part in parts)))
    number = at = 0
    while number < len(parts):
        part = parts[number]
        neighbours = list(_raw_neighbours(parts[number:]))
        done = objects.read_raw(neighbours, buffer[at:]) if neighbours else 0
        if not done and part.is_guess:
            break
        if not done:
            buffer[at : at + part.size] = _bytes_of(objects, part)
            done = 1
        at += sum(part.size for part in parts[number : number + done])
        number += done
    return buffer[: min(at, size)].toreadonly()


def _raw_neighbours(parts: list[Part]) -> Iterator[Located]:
    """The first parts, as far as frames that hold them as they are lie one behind the other."""
    expected: tuple[int, int] | None = None
    for part in parts:
        located = part.located
        if located is None or not located.is_raw or located.plain != part.size:
            return
        place = located.place
        if expected not in (None, (place.pack, place.offset)):
            return
        yield located
        expected = place.pack, place.offset + place.stored


def _bytes_of(objects: ObjectStore, part: Part) -> Buffer:
    data = part.data
    if data is None:
        assert part.located is not None
        data = objects.read(part.located)
    if len(data) != part.size:
        raise FrameCorrupt("manifest page", f"{part.size} bytes of a chunk that has {len(data)}")
    return data
