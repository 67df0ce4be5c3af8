"""Windows: stretches of a file, put together before they are asked for.

Whoever reads a file from one end to the other asks for some 128 KiB at a time, or 1 MiB, which is
parts of three to twenty chunks. To find, read, check and join these for each request costs more
than the bytes themselves. A window is made at once: some MiB in one buffer, by one piece of work in
a worker; a request is then answered by a slice of it. Chunks that are stored as they are and lie
one behind the other, as a stream leaves them, are read by a single call of the host, straight into
that buffer, and do not go through the cache, which would keep what the kernel keeps anyway.

Most of them need no worker: chunks that seem to lie so are brought by threads that read ahead
(fsmodel/store/read_ahead.py), and those of the next window are looked for behind them, so that
nobody asks the index at all.

A window begins and ends where it was asked to, amid a chunk as a rule, which is then read whole for
both windows. So whoever asks for windows that end where his requests do never has to join two.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final, NamedTuple

from fsmodel.buffers import Buffer
from fsmodel.content.file_state import FileState
from fsmodel.errors import FrameCorrupt
from fsmodel.steps import Work
from fsmodel.store.frames import ChunkFacts, blank
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_reader import RawChunk
from fsmodel.store.read_ahead import Ahead, ReadAhead

CHUNKS_MAX: Final = 256  # in a window, however small they are


class Part(NamedTuple):
    """One chunk of a window: its bytes if they are in memory, else where they are.

    With neither it is a guess, that nobody has asked the index about: right behind the part before.
    """

    chunk: RawChunk
    data: Buffer | None = None
    located: Located | None = None

    @property
    def is_guess(self) -> bool:
        """Whether the chunk may lie elsewhere."""
        return self.data is None and self.located is None


class Neighbours(NamedTuple):
    """Chunks of a window that seem to lie one behind the other, stored as they are."""

    chunks: Sequence[ChunkFacts]
    size: int  # of all of them
    low: int  # bytes of them in front of the window
    first: Located | None  # where the first one lies; None for behind the window before
    again: bool  # no: it is the last one of that window, once more


class WindowPlan(NamedTuple):
    """Bytes [start, end) of a file as it is now.

    `work` gives them in one buffer; fewer when it turns out that a guess was wrong. It raises
    DataError when any of them cannot be read. What has neighbours can be brought without a worker,
    and has no work if it lies behind another window.
    """

    file: FileState
    edits: int
    start: int
    end: int
    work: Work | None
    neighbours: Neighbours | None = None

    @property
    def is_current(self) -> bool:
        """Whether the file still has these bytes."""
        return self.edits == self.file.edits

    @property
    def lies_behind_another(self) -> bool:
        """Whether the window before says where its chunks lie."""
        return self.neighbours is not None and self.neighbours.first is None

    def begin(self, ahead: ReadAhead, before: Ahead | None, into: Buffer) -> Ahead | None:
        """Have all chunks brought, by threads that read ahead; None where a worker has to."""
        wanted = self.neighbours
        if wanted is None:
            return None
        if wanted.first is not None:
            return ahead.begin(wanted.first.place[:2], wanted.chunks, into)
        assert before is not None
        return ahead.go_on(before, wanted.chunks, into, again=wanted.again)


def plan_window(
    objects: ObjectStore, file: FileState, offset: int, length: int, *, guessing: bool
) -> WindowPlan | None:
    """How to bring a window of so many bytes from an offset on.

    It ends earlier where the file does, or where it would have too many chunks. None where nothing
    is chunked, or where bytes lie that are not chunked yet. Raises DataError.

    `guessing`: behind a chunk that is stored as it is the next one of the file is looked for where
    a stream would have left it, without asking the index. What lies there must have the id.
    """
    found = _chunks_within(file, offset, offset + length)
    if found is None:
        return None
    start, end, chunks, size = found
    first = _part(objects, chunks[0])
    neighbours = None
    if guessing and _is_raw(first):
        objects.note_reads([chunk[0] for chunk in chunks[1:]])
        neighbours = Neighbours(chunks, size, offset - start, first.located, again=False)
        bring = partial(_brought_stretch, objects, first, chunks, size)
    else:
        bring = partial(_brought, objects, _parts(objects, first, chunks[1:], guessing), size)
    work = Work(partial(bring, offset - start, end - start), end - offset)
    return WindowPlan(file, file.edits, offset, end, work, neighbours)


def plan_next_window(
    objects: ObjectStore, file: FileState, before: WindowPlan, length: int
) -> WindowPlan | None:
    """How to bring the window behind one that is brought, or on its way, without a worker.

    As `plan_window`, without asking the index: its chunks are looked for behind those.
    """
    assert before.neighbours is not None
    found = _chunks_within(file, before.end, before.end + length)
    if found is None or before.edits != file.edits:
        return None
    start, end, chunks, size = found
    objects.note_reads([chunk[0] for chunk in chunks])
    low = before.end - start
    neighbours = Neighbours(chunks, size, low, None, again=low > 0)
    return WindowPlan(file, file.edits, before.end, end, None, neighbours)


def _chunks_within(
    file: FileState, offset: int, end: int
) -> tuple[int, int, Sequence[ChunkFacts], int] | None:
    """Where the first chunk that touches a range begins, where the range ends, the chunks, sizes.

    None where nothing is chunked, or where bytes lie that are not chunked yet.
    """
    end = min(end, file.kept)
    if offset >= end:
        return None
    start, chunks = _whole_chunks(file, offset, end)
    size = sum([chunk[1] for chunk in chunks])
    end = min(end, start + size)
    return None if file.dirty_within(offset, end) else (start, end, chunks, size)


def _whole_chunks(file: FileState, start: int, end: int) -> tuple[int, Sequence[ChunkFacts]]:
    """Where the first chunk that touches a range begins, and all that do, up to CHUNKS_MAX."""
    first, runs = file.chunks.runs_within(start, end)
    if not [run for run in runs if run.repeat > 1]:
        return first, runs[:CHUNKS_MAX]
    first += (start - first) // runs[0].length * runs[0].length
    return first, list(islice(_each_chunk(file, first, end), CHUNKS_MAX))


def _each_chunk(file: FileState, start: int, end: int) -> Iterator[RawChunk]:
    """The chunks that touch a range, one by one, also where one is repeated."""
    for run_start, (chunk, length, repeat) in file.chunks.runs_from(start):
        first = max(start - run_start, 0) // length
        for at in range(run_start + first * length, run_start + repeat * length, length):
            if at >= end:
                return
            yield RawChunk(chunk, length)


def _parts(
    objects: ObjectStore, first: Part, others: Sequence[ChunkFacts], guessing: bool
) -> list[Part]:
    """All parts, of which those behind one that is stored as it is are guesses, if wanted."""
    parts, is_guess = [first], False
    for chunk in others:
        part = Part(RawChunk(chunk[0], chunk[1])) if is_guess else _part(objects, chunk)
        is_guess = is_guess or (guessing and _is_raw(part))
        parts.append(part)
    objects.note_reads([part.chunk.id for part in parts if part.is_guess])
    return parts


def _part(objects: ObjectStore, facts: ChunkFacts) -> Part:
    chunk = RawChunk(facts[0], facts[1])
    data = objects.cached(chunk.id)
    if data is not None:
        return Part(chunk, data)
    return Part(chunk, located=objects.locate(chunk.id))


def _is_raw(part: Part) -> bool:
    """Whether the index says that a frame holds the bytes of a part as they are."""
    located = part.located
    return located is not None and located.is_raw and located.plain == part.chunk.size


def _brought_stretch(
    objects: ObjectStore, first: Part, chunks: Sequence[ChunkFacts], size: int, low: int, high: int
) -> memoryview:
    """Bytes [low, high) of chunks that are guessed to lie behind the first one. Any thread."""
    assert first.located is not None
    buffer = blank(size)
    right = objects.read_raw(first.located, chunks, buffer)
    if not right:
        buffer[: first.chunk.size] = _bytes_of(objects, first)
        right = 1
    at = size if right == len(chunks) else sum([chunk[1] for chunk in chunks[:right]])
    return buffer[low : max(min(at, high), low)].toreadonly()


def _brought(objects: ObjectStore, parts: list[Part], size: int, low: int, high: int) -> memoryview:
    """Bytes [low, high) of all parts together, in one buffer. Any thread.

    They end in front of the first part that does not lie where it was guessed to.
    """
    buffer = blank(size)
    number = at = 0
    while number < len(parts):
        part = parts[number]
        done = _read_neighbours(objects, parts[number:], buffer[at:])
        if not done and part.is_guess:
            break
        if not done:
            buffer[at : at + part.chunk.size] = _bytes_of(objects, part)
            done = 1
        at += sum(part.chunk.size for part in parts[number : number + done])
        number += done
    return buffer[low : max(min(at, high), low)].toreadonly()


def _read_neighbours(objects: ObjectStore, parts: list[Part], into: memoryview) -> int:
    """Read the first parts if they are stored as they are; how many of them are right."""
    first = parts[0].located
    if first is None or not _is_raw(parts[0]):
        return 0
    return objects.read_raw(first, [part.chunk for part in _raw_neighbours(parts)], into)


def _raw_neighbours(parts: list[Part]) -> Iterator[Part]:
    """The first parts, as far as frames that hold them as they are lie one behind the other."""
    expected: tuple[int, int] | None = None
    for part in parts:
        located = part.located
        if located is not None and _is_raw(part):
            place = located.place
            if expected not in (None, (place.pack, place.offset)):
                return
            expected = place.pack, place.offset + place.stored
        elif not part.is_guess:
            return
        yield part  # behind a guess there are only guesses


def _bytes_of(objects: ObjectStore, part: Part) -> Buffer:
    data = part.data
    if data is None:
        assert part.located is not None
        data = objects.read(part.located)
    if len(data) != part.chunk.size:
        raise FrameCorrupt(
            "manifest page", f"{part.chunk.size} bytes of a chunk that has {len(data)}"
        )
    return data
