"""Analyze, estimate, run: each begins with what the one before has found.

Strategies that store objects anew are estimated by attempting a sample (reencoding.py); the others
know what they would do. A run leaves out what an estimate has found no use for, and ends with a
collection of what it has made garbage, also when `gc` was not asked for: else the store would be
larger than before.

Owner of everything here: the thread that owns the index.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from fsmodel.ids import ObjectId
from fsmodel.optimizer.analysis import Analysis, analyze
from fsmodel.optimizer.archival import Archival
from fsmodel.optimizer.breakdown import Breakdown, break_down
from fsmodel.optimizer.hot_chunks import HotChunks
from fsmodel.optimizer.jobs import LoadObject, Strategy
from fsmodel.optimizer.recompression import Recompression
from fsmodel.optimizer.redelta import Redelta
from fsmodel.optimizer.reencoding import Done, Reencoder, Report
from fsmodel.optimizer.repacking import Repacking
from fsmodel.optimizer.snapshots import on_snapshot
from fsmodel.optimizer.strategies import StrategyName
from fsmodel.optimizer.trials import Trials
from fsmodel.steps import Steps
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.object_reader import ObjectReader
from fsmodel.upkeep.garbage import GcReport
from fsmodel.upkeep.index_view import IndexView
from fsmodel.upkeep.store_parts import StoreParts
from fsmodel.upkeep.upkeep import Upkeep

CACHE_BYTES: Final = 16 << 20  # of bases; readers' cache is left alone

Collect = Callable[[Report, bool], Steps[GcReport]]  # report, whether it is only a preview


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a strategy would do."""

    strategy: StrategyName
    saved_bytes: int  # of packs; negative when it takes more
    error_bytes: int  # on each side; 0 when the figure is no estimate
    sampled_jobs: int
    jobs: int
    worthwhile: bool  # whether a run would do anything
    note: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a strategy has done."""

    strategy: StrategyName
    expected_bytes: int
    error_bytes: int
    saved_bytes: int
    objects: int  # stored anew, or removed
    note: str = ""


class Optimizer:
    """Makes one open store smaller, or quicker to read."""

    def __init__(
        self,
        parts: StoreParts,
        upkeep: Upkeep,
        settle_leftovers: Callable[[], Steps[None]],
        collect: Collect,
    ) -> None:
        self._parts = parts
        self._upkeep = upkeep
        self._level = parts.objects.encoding.level
        self._settle_leftovers = settle_leftovers
        self._collect = collect
        self._reader = ObjectReader(parts.reader, ByteCache(CACHE_BYTES))
        self._reencoder = Reencoder(parts, self._reader)
        self._trials = Trials(parts, self._reader.read, self._reencoder)

    def analyze(self) -> Steps[Analysis]:
        """Measure the store. Raises BackendError."""
        hot = len(self._parts.objects.heat.hot())
        size_of = self._parts.layout.pack_size

        def look(view: IndexView, load: LoadObject) -> Analysis:
            return analyze(view, load, size_of, hot)

        return (yield from on_snapshot(self._parts, self._reader.read, look))

    def break_down(self) -> Steps[Breakdown]:
        """Who takes how much. Raises BackendError."""
        return on_snapshot(self._parts, self._reader.read, break_down)

    def estimate(
        self, analysis: Analysis, names: Sequence[StrategyName], report: Report
    ) -> Steps[tuple[Estimate, ...]]:
        """Predict what strategies would save. Changes nothing. Raises Busy, BackendError."""
        found: list[Estimate] = []
        with self._upkeep.alone("an estimate"):
            for name in names:
                estimate = yield from self._estimated(name, analysis, report)
                found.append(estimate)
        return tuple(found)

    def run(self, estimates: Sequence[Estimate], report: Report) -> Steps[tuple[Outcome, ...]]:
        """Do what was estimated to be worthwhile.

        What was done when it is interrupted stays done. Raises Busy, NoSpace, BackendError.
        """
        outcomes: list[Outcome] = []
        for estimate in estimates:
            is_gc = estimate.strategy is StrategyName.GC
            if not estimate.worthwhile and not (is_gc and any(each.objects for each in outcomes)):
                outcomes.append(_outcome(estimate, 0, 0, estimate.note or NOTHING))
            elif is_gc:
                collected = yield from self._collect(report, False)
                outcomes.append(_outcome(estimate, collected.bytes_freed, collected.objects_freed))
            else:
                outcome = yield from self._run(estimate, report)
                outcomes.append(outcome)
        collects = any(outcome.strategy is StrategyName.GC for outcome in outcomes)
        if not collects and any(outcome.objects for outcome in outcomes):
            yield from self._collect(report, False)
        return tuple(outcomes)

    def archive(self, report: Report, level: int) -> Steps[int]:
        """Archive what is cold and not archived yet, without an estimate; returns bytes saved.

        Raises Busy, NoSpace, BackendError.
        """
        alone, hot = self._upkeep.alone("an archival"), self._parts.objects.heat.hot()
        with alone:
            tried = yield from self._trials.run(report)
            strategy = Archival(self._reader.read, frozenset(hot), level)
            done = yield from self._reencoder.run(strategy, report)
        return tried.saved_bytes + done.saved_bytes

    def _run(self, estimate: Estimate, report: Report) -> Steps[Outcome]:
        if estimate.strategy is StrategyName.DEDUPLICATION:
            yield from self._settle_leftovers()
            return _outcome(estimate, 0, estimate.jobs, "cut what was not in chunks yet")
        named = partial(_named, report, estimate)
        done = Done()
        with self._upkeep.alone("an optimization"):
            if estimate.strategy in ENCODING:
                done = yield from self._trials.run(named)
            with self._strategy(estimate.strategy) as strategy:
                done = done.plus((yield from self._reencoder.run(strategy, named)))
        note = f"{done.damaged} copies could not be read back" if done.damaged else estimate.note
        return _outcome(estimate, done.saved_bytes, done.objects, note)

    def _estimated(self, name: StrategyName, analysis: Analysis, report: Report) -> Steps[Estimate]:
        if name is StrategyName.DEDUPLICATION:
            return _deduplication(analysis)
        if name is StrategyName.GC:
            preview = yield from self._collect(report, True)
            garbage, left = preview.garbage_bytes_before, preview.garbage_bytes_after
            return Estimate(name, garbage, left, 0, 0, worthwhile=garbage > 0)
        if name is StrategyName.CACHING and not analysis.hot_chunks:
            return Estimate(name, 0, 0, 0, 0, worthwhile=False, note=NOT_HOT)
        with self._strategy(name) as strategy:
            found = yield from self._reencoder.estimate(strategy, report)
        saved, error = found.saved_bytes, found.error_bytes
        untried = name in ENCODING and bool(self._parts.objects.untried.marked())
        note, useful = UNTRIED_TOO if untried else "", found.offered or untried
        return Estimate(name, saved, error, found.sampled, found.jobs, useful, note)

    @contextmanager
    def _strategy(self, name: StrategyName) -> Iterator[Strategy]:
        """A strategy that stores objects anew, for as long as the block runs."""
        read, objects = self._reader.read, self._parts.objects
        hot: list[ObjectId] = objects.heat.hot()
        with objects.new_bases() as new_bases:
            match name:
                case StrategyName.DELTA:
                    yield Redelta(read, objects, frozenset(hot), new_bases)
                case StrategyName.COMPRESSION:
                    yield Recompression(read, self._level)
                case StrategyName.ARCHIVAL:
                    yield Archival(read, frozenset(hot))
                case StrategyName.CACHING:
                    yield HotChunks(read, hot)
                case _:
                    assert name is StrategyName.REPACKING
                    yield Repacking(self._parts.reader, objects)


ENCODING: Final = (StrategyName.DELTA, StrategyName.COMPRESSION, StrategyName.ARCHIVAL)
UNTRIED_TOO: Final = "and what was stored in haste is compressed first, which is not estimated"
NOTHING: Final = "nothing to do"
NOT_HOT: Final = "no chunk is read often; reads are counted while a store is mounted"
INLINE: Final = "bytes are deduplicated as they are written, so nothing is stored twice"


def _deduplication(analysis: Analysis) -> Estimate:
    """Only what is not in chunks yet can be there twice."""
    files, size = analysis.unsettled_files, analysis.unsettled_bytes
    note = INLINE
    if files:
        note += f"; {size} bytes of {files} files are still to be cut"
    name = StrategyName.DEDUPLICATION
    return Estimate(name, 0, 0, files, files, worthwhile=files > 0, note=note)


def _outcome(estimate: Estimate, saved_bytes: int, objects: int, note: str = "") -> Outcome:
    expected, error = estimate.saved_bytes, estimate.error_bytes
    return Outcome(estimate.strategy, expected, error, saved_bytes, objects, note)


def _named(report: Report, estimate: Estimate, done: int, total: int, text: str) -> None:
    report(done, total, f"{estimate.strategy}: {text}")
