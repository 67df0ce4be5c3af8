"""Settling: unchunked bytes become chunks, in steps that leave other requests room.

The chunk list that results is the one the same bytes would have had in one first write: the
settled content is cut or extended with zeros where needed, and every edited stretch is cut again
(recut.py). Nothing is recorded in the inode here; recorder.py does so when the steps have ended.

At every step the bytes of the file are all there, in the chunks or frozen, as a reader may come
between any two; and an error leaves them so.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain, compress, pairwise
from itertools import repeat as repeated
from operator import itemgetter
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.content.chunking import ChunkLimits, cut_points
from fsmodel.content.cutting import CutAhead, Cutter
from fsmodel.content.extents import Extent
from fsmodel.content.file_state import FileState
from fsmodel.content.lineages import Lineages
from fsmodel.content.manifest import Run, runs_of
from fsmodel.content.recut import CutRegion, NewChunk
from fsmodel.content.regions import RegionPlanner
from fsmodel.content.small_files import LevelOf, SmallFiles
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ObjectId
from fsmodel.steps import Steps, Work
from fsmodel.store.drafts import GiveHints, NewObject, no_hints
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import ObjectKind

HASTY_BYTES_MIN: Final = 4 << 20  # of a file that wait to be chunked: then what is quick counts
SKIPPED_REPEATS_MIN: Final = 16  # of one chunk, before it is looked at whether cuts can be spared

_ID, _DATA, _VALUES = itemgetter(1), itemgetter(2), itemgetter(3)  # of a new chunk
_made_object = partial(tuple.__new__, NewObject)  # there are many, and this makes them quickly


def _nothing() -> None:
    """Nobody waits for it."""


def never() -> bool:
    """Nobody archives what was stored in haste, or has a stream settled as it goes on."""
    return False


class Settler:
    """Turns the unchunked bytes of files into chunks."""

    def __init__(
        self, objects: ObjectStore, lineages: Lineages, limits: ChunkLimits, level_of: LevelOf
    ) -> None:
        """`level_of` says how hard the chunks of a file are compressed."""
        self._objects = objects
        self._level_of = level_of
        self._lineages = lineages
        self._limits = limits
        self.small = SmallFiles(objects, lineages, limits, level_of)
        self._zeros = bytes(limits.max_size)
        self._zeros_id = object_id(self._zeros)
        self._planner = RegionPlanner(objects, self._zeros_id)
        self.cutter = Cutter(objects, self._read_source, limits)
        self.may_leave_untried: Callable[[], bool] = never  # whether to store chunks as they come
        self.relieved: Callable[[], object] = _nothing  # told when less is dirty than before

    def settle(
        self, file: FileState, *, whole: bool, goes_on: Callable[[], bool] = never
    ) -> Steps[None]:
        """Chunk what is dirty now.

        With `whole`, the result covers the file up to its size as of now; else the file is being
        written on, and its last bytes stay dirty until their cut is certain. Then `goes_on` is
        asked in each batch whether to take along what has been written behind it meanwhile. On an
        error the bytes are dirty again, and nothing is lost.
        """
        size = file.size
        pending = file.freeze()
        try:
            if whole and self.small.is_one(file, pending):
                yield from self.small.settle(file, pending[0])
                file.thaw([])
                return
            yield from self._shrink(file)
            ahead: CutAhead | None = None
            while pending:
                if pending[0].start > file.chunks.size:
                    yield from self._extend(file, pending[0].start)
                pending, ahead = yield from self._settle_batch(
                    file, pending, ahead, whole=whole, goes_on=goes_on
                )
                file.frozen.forget_before(pending[0].start if pending else file.chunks.size)
                self.relieved()
                if not whole and len(pending) == 1 and pending[0].start >= file.chunks.size:
                    break
            if whole and file.chunks.size < size:
                yield from self._extend(file, size)
        except BaseException:
            file.thaw(list(file.frozen))
            raise
        file.thaw(pending)
        file.hasty = file.hasty and not whole

    def _shrink(self, file: FileState) -> Steps[None]:
        """Cut the chunks to the bytes that count."""
        chunks, size = file.chunks, file.kept
        if chunks.size <= size:
            return
        start = self._planner.cutting_start(file, size)
        runs: list[Run] = []
        if start < size:
            _, run = next(chunks.runs_from(start))
            old = yield from self._read_chunk(run.id)
            data = memoryview(old)[: size - start]
            cut = NewChunk(start, object_id(data), data)
            yield from self._store(file, [cut])
            runs = _runs_of([cut])
        _replace(file, start, chunks.size, runs)

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
        repeat, part = divmod(size - start - cuts[-1], limits.max_size)
        zeros = memoryview(self._zeros)
        tail = [NewChunk(size - part, object_id(zeros[:part]), zeros[:part])] if part else []
        hole = [NewChunk(start + cuts[-1], self._zeros_id, zeros)] if repeat else []
        yield from self._store(file, [*new, *hole, *tail])
        runs = [*_runs_of(new), *_runs_of(hole, repeat), *_runs_of(tail)]
        _replace(file, start, chunks.size, runs)

    def _settle_batch(
        self,
        file: FileState,
        pending: list[Extent],
        ahead: CutAhead | None,
        *,
        whole: bool,
        goes_on: Callable[[], bool],
    ) -> Steps[tuple[list[Extent], CutAhead | None]]:
        """Settle the first of the pending extents; what is left is returned, in order.

        And what of it is being cut meanwhile.
        """
        regions, taken = self._planner.batch(file, pending, whole=whole)
        results = yield from self.cutter.cut(file.chunks, regions, ahead)
        pending = pending[taken:]
        if not whole and goes_on():
            pending += file.freeze_more()
        done = [
            found.met or region.reaches_end for region, found in zip(regions, results, strict=True)
        ]
        ahead = self._begin_next(results[-1], pending, whole=whole) if done[-1] else None
        yield from self._store(
            file, chain.from_iterable(result.chunks for result in compress(results, done))
        )
        left: list[Extent] = []
        for region, result, is_done in zip(regions, results, done, strict=True):
            if is_done:
                left += _apply(file, region.start, _runs_of(result.chunks), result)
            else:
                left += region.edits
        left += pending
        if not all(done):
            left = yield from self._settle_far(file, left, whole=whole)
        return left, ahead

    def _begin_next(
        self, result: CutRegion, pending: Sequence[Extent], *, whole: bool
    ) -> CutAhead | None:
        """Have what follows the chunks of a stream cut, the rest of these bytes included."""
        if result.rest is None or not pending:
            return None
        region = self._planner.following(result.rest, pending, whole=whole)
        return self.cutter.ahead(region, result.chunks)

    def _settle_far(
        self, file: FileState, pending: list[Extent], *, whole: bool
    ) -> Steps[list[Extent]]:
        """Settle the first extent, however far behind it cuts first meet; return what is left.

        Goes through the old chunks stretch by stretch, and takes other extents along.
        """
        start = begin = self._planner.cutting_start(file, pending[0].start)
        head: Buffer = b""
        runs: list[Run] = []
        with ExitStack() as relied_on:  # nothing names what is stored before the end is found
            while True:
                region = self._planner.stretch(file, begin, head, pending, whole=whole)
                pending = pending[len(region.edits) :]
                result = yield from self.cutter.cut_stretch(region)
                yield from self._store(file, result.chunks)
                relied_on.enter_context(
                    self._objects.reliance.on([chunk.id for chunk in result.chunks])
                )
                runs += _runs_of(result.chunks)
                if result.met or region.reaches_end:
                    return _apply(file, start, runs, result) + pending
                assert result.rest is not None
                begin, head = result.rest
                skipped = yield from self._skip_alike(file, result.rest, pending)
                if skipped is not None:
                    run, head = skipped
                    runs.append(run)
                    begin += run.size

    def _skip_alike(
        self, file: FileState, head: Extent, pending: Sequence[Extent]
    ) -> Steps[tuple[Run, bytes] | None]:
        """Chunks that need no cutting, and the head that is left behind them.

        Where one byte is repeated for long, as in a hole, every chunk is as long as a chunk can
        be and equals the one before, wherever the first of them begins.
        """
        start, run = next(file.chunks.runs_from(head.end))
        end = start + run.size
        if pending and pending[0].start < end:
            end = start + (pending[0].start - start) // run.length * run.length
        repeat = (end - head.start) // run.length
        if run.length < self._limits.max_size or repeat < SKIPPED_REPEATS_MIN:
            return None
        data = yield from self._read_chunk(run.id)
        if data.count(data[:1]) < len(data) or head.data != data[: len(head.data)]:
            return None
        return Run(run.id, run.length, repeat), data[: (end - head.start) % run.length]

    def _read_source(self, source: Located | None) -> bytes:
        return self._zeros if source is None else self._objects.read(source)

    def _read_chunk(self, chunk: ObjectId) -> Steps[bytes]:
        if chunk == self._zeros_id:
            return self._zeros
        located = self._objects.locate(chunk)
        data: bytes = yield Work(lambda: self._objects.read(located), self._limits.average)
        return data

    def _store(self, file: FileState, new: Iterable[NewChunk]) -> Steps[None]:
        """Store new chunks. They have to be named, or relied on, before the next step."""
        chunks = list(new)
        level = self._level_of(file.inode)
        hasty = self._is_hasty(file)
        untried = hasty and level is None and self.may_leave_untried()
        if untried and chunks and not self._lineages.has_hints(file, chunks[0].start):
            hints: Iterable[GiveHints] = repeated(no_hints)
        else:
            hints = map(partial(partial, self._lineages.hints, file), chunks)
        columns = zip(
            repeated(ObjectKind.CHUNK),
            map(_ID, chunks),
            map(_DATA, chunks),
            hints,
            repeated(level),
            repeated(hasty),
            repeated(untried),
            map(_VALUES, chunks),
            strict=False,
        )
        yield from self._objects.add(list(map(_made_object, columns)))

    def _is_hasty(self, file: FileState) -> bool:
        """Whether a file comes faster than it can be compressed; then so does its end.

        What has extent rows was waited for page by page, and each page of it is a chunk to store.
        """
        file.hasty = file.hasty or file.dirty_bytes - file.logged_bytes >= HASTY_BYTES_MIN
        return file.hasty


def _runs_of(chunks: Sequence[NewChunk], repeat: int = 1) -> list[Run]:
    return runs_of(map(_ID, chunks), map(len, map(_DATA, chunks)), repeated(repeat))


def _apply(file: FileState, start: int, runs: Sequence[Run], result: CutRegion) -> list[Extent]:
    """Let runs take the place of what was cut again; what could not be cut yet is returned.

    That may be bytes which were settled before, so they are frozen now: readers find them there.
    """
    end = result.chunks[-1].end if result.met else file.chunks.size
    rest = result.rest
    if rest is not None:
        file.frozen.write_below(rest.start, rest.data)
    _replace(file, start, end, runs)
    if rest is None:
        return []
    file.certain_end = file.chunks.size
    return [rest]


def _replace(file: FileState, start: int, end: int, runs: Sequence[Run]) -> None:
    """Let runs take the place of the chunks of [start, end)."""
    file.chunks_recorded = False
    file.chunks.splice(start, end, runs)
    file.kept = file.chunks.size
    file.certain_end = -1
