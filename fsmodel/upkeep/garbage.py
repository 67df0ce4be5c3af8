"""Garbage collection: what nothing needs is given back to the host, beside normal use.

In this order: rows of objects that nothing names go (collection.py); packs are measured
(pack_usage.py); those nothing in is needed of are retired; out of wasteful ones live frames are
copied (compaction.py), a bounded number of bytes at a time, so that only that much more room is
needed while it runs; retired packs are deleted after a checkpoint (retirement.py).

Everything is done in small operations with pauses between them. It can be killed anywhere.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from time import sleep
from typing import Final

from fsmodel.errors import NoSpace
from fsmodel.ids import ObjectId, PackId
from fsmodel.steps import Steps, Work
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_writer import PackWriter
from fsmodel.store.space import HostSpace
from fsmodel.upkeep.collection import Collected, Collector
from fsmodel.upkeep.compaction import CompactionLimits, Compactor, plan_compaction
from fsmodel.upkeep.pack_usage import PackSurvey, PackUsage
from fsmodel.upkeep.retirement import Retirement
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.records import PackState
from lmdb_index.schema import DAMAGED, PACK

THOROUGH: Final = CompactionLimits(garbage_share_kept=0.02)
THRIFTY: Final = CompactionLimits()
WAIT_SECONDS: Final = 0.02
WAITS_MAX: Final = 50
ROUND_BYTES: Final = 256 << 20  # copied before the packs they came from are deleted
HOP_BYTES: Final = 1 << 20  # work that waits for the disk belongs in a worker

Report = Callable[[int, int, str], None]  # done, total (0: not known), of what


@dataclass(frozen=True, slots=True)
class GcReport:
    """What a collection did, or would do. Bytes are those of frames in packs."""

    dry_run: bool
    objects_freed: int
    bytes_freed: int  # given back to the host: sizes of deleted packs, less what was copied
    bytes_moved: int
    packs_deleted: int
    packs_compacted: int
    packs_waiting: int  # retired, but somebody was still reading; deleted by the next collection
    garbage_bytes_before: int
    garbage_bytes_after: int


class GarbageCollector:
    """Runs collections, one at a time. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        objects: ObjectStore,
        writer: PackWriter,
        space: HostSpace,
        collector: Collector,
        survey: PackSurvey,
        compactor: Compactor,
        retirement: Retirement,
        checkpoint: Callable[[], Steps[None]],
    ) -> None:
        self._index = index
        self._objects = objects
        self._writer = writer
        self._space = space
        self._collector = collector
        self._survey = survey
        self._compactor = compactor
        self._retirement = retirement
        self._checkpoint = checkpoint

    def run(self, limits: CompactionLimits, report: Report) -> Steps[GcReport]:
        """Give back what is not needed, as of now. Raises NoSpace, BackendError."""
        run = _Run(limits, report)
        collected = yield from self._collect(report)
        usages = yield from self._measured(limits)
        before = self._garbage()
        plan = plan_compaction(usages, limits)
        yield from self._retire(run, plan.drop)
        yield from self._compact(run, plan.rewrite)
        return GcReport(
            dry_run=False,
            objects_freed=collected.objects,
            bytes_freed=run.deleted_bytes - run.moved_bytes,
            bytes_moved=run.moved_bytes,
            packs_deleted=run.deleted_packs,
            packs_compacted=run.compacted_packs,
            packs_waiting=self._retirement.waiting,
            garbage_bytes_before=before,
            garbage_bytes_after=self._garbage(),
        )

    def dismantle(self) -> Steps[None]:
        """See Collector.dismantle."""
        return self._collector.dismantle()

    def preview(self, limits: CompactionLimits, report: Report) -> Steps[GcReport]:
        """What `run` would do now. Changes nothing. Raises BackendError."""
        found = yield from self._collector.preview(partial(_report_objects, report))
        usages = yield from self._survey.usages(self._objects.growing_from, seal=False)
        freed = found.by_pack
        expected = [
            PackUsage(usage.pack, usage.size_bytes, usage.dead_bytes + freed[usage.pack])
            for usage in usages
        ]
        measured = {usage.pack for usage in usages}
        elsewhere = sum(size for pack, size in freed.items() if pack not in measured)
        plan = plan_compaction(expected, limits)
        chosen = (*plan.drop, *plan.rewrite)
        before = sum(usage.dead_bytes for usage in expected) + elsewhere
        given_back = sum(usage.size_bytes - usage.live_bytes for usage in chosen)
        return GcReport(
            dry_run=True,
            objects_freed=found.objects,
            bytes_freed=given_back,
            bytes_moved=sum(usage.live_bytes for usage in plan.rewrite),
            packs_deleted=len(chosen),
            packs_compacted=len(plan.rewrite),
            packs_waiting=0,
            garbage_bytes_before=before,
            garbage_bytes_after=before - sum(usage.dead_bytes for usage in chosen),
        )

    def _collect(self, report: Report) -> Steps[Collected]:
        return self._collector.collect(partial(_report_objects, report), self._keep_small)

    def _keep_small(self) -> Steps[None]:
        """Checkpoint when the index asks for it, as nobody else may be there to do it."""
        if self._index.needs_checkpoint:
            yield from self._checkpoint()

    def _measured(self, limits: CompactionLimits) -> Steps[list[PackUsage]]:
        """The usage of every pack that can be dealt with now, kept in the packs' rows."""
        current = self._writer.current
        row = self._index.get(PACK, number_key(current)) if current is not None else None
        if current is not None and row is not None and row.dead:
            yield from self._end_wasteful(current, row.dead, limits)
        yield Work(self._writer.sync, HOP_BYTES)
        below = min(self._objects.growing_from, self._writer.durable_below)
        usages = yield from self._survey.usages(below, seal=True)
        stuck = Counter[int]()
        for key, _ in self._index.scan(DAMAGED):
            damaged = self._objects.get(ObjectId(key))
            stuck[damaged.pack] += damaged.stored
        return [replace(usage, stuck_bytes=stuck[usage.pack]) for usage in usages]

    def _end_wasteful(self, current: PackId, dead: int, limits: CompactionLimits) -> Steps[None]:
        """Let the current pack grow no more if it is among those to be compacted.

        Appends to it that are under way are waited for.
        """
        usage = PackUsage(current, self._survey.size_of(current), dead)
        if usage.waste_ratio >= limits.waste_ratio_min or limits.garbage_share_kept < 1:
            self._writer.end_pack()
            for _ in range(WAITS_MAX):
                if self._objects.growing_from > current:
                    break
                yield Work(partial(sleep, WAIT_SECONDS), HOP_BYTES)

    def _retire(self, run: "_Run", usages: Sequence[PackUsage]) -> Steps[None]:
        """Retire packs nothing in is needed of, and delete what nobody reads."""
        sealed = [usage for usage in usages if self._is_empty(usage.pack)]
        yield from self._retirement.retire(sealed)
        run.sizes |= {usage.pack: usage.size_bytes for usage in sealed}
        for pack in (yield from self._retirement.delete()):
            run.deleted_packs += 1
            run.deleted_bytes += run.sizes.pop(pack, 0)
        run.report(run.deleted_packs, 0, "deleted packs")

    def _compact(self, run: "_Run", usages: Sequence[PackUsage]) -> Steps[None]:
        """Empty packs, those first for which there is room; what they give back is room again.

        Raises NoSpace when there is room for none, and nothing was given back.
        """
        total = sum(usage.live_bytes for usage in usages)
        while usages:
            left = yield from self._compact_what_fits(run, usages, total)
            if len(left) == len(usages):
                break
            usages = left
        if usages and not run.deleted_packs:
            needed = min(usage.live_bytes for usage in usages)
            raise NoSpace(
                f"collecting garbage takes {needed:,} bytes for a while, and the host has less: "
                "make room, or delete more"
            )

    def _compact_what_fits(
        self, run: "_Run", usages: Sequence[PackUsage], total: int
    ) -> Steps[list[PackUsage]]:
        """Empty packs, and delete them after each round; return those there was no room for."""
        emptied: list[PackUsage] = []
        left: list[PackUsage] = []
        in_round = 0
        for usage in usages:
            fits = self._space.has_room_to_copy(usage.live_bytes)
            if in_round and (not fits or in_round + usage.live_bytes > ROUND_BYTES):
                yield from self._retire(run, emptied)
                emptied, in_round = [], 0
            if not fits:
                left.append(usage)
                continue
            moved = yield from self._compactor.empty(usage.pack)
            yield from self._seal(usage.pack)
            yield from self._keep_small()
            run.compacted_packs += 1
            run.moved_bytes += moved
            in_round += moved
            emptied.append(usage)
            run.report(run.moved_bytes, total, "copied bytes")
        yield from self._retire(run, emptied)
        return left

    def _seal(self, pack: PackId) -> Steps[None]:
        """A pack that could not be sealed while it held objects without a row may be so now."""
        row = self._index.get(PACK, number_key(pack))
        if row is None or row.state == PackState.OPEN:
            yield from self._survey.measure(pack, seal=True)

    def _is_empty(self, pack: PackId) -> bool:
        row = self._index.get(PACK, number_key(pack))
        return (
            row is not None
            and row.state == PackState.SEALED
            and PackUsage(pack, row.size, row.dead).live_bytes == 0
        )

    def _garbage(self) -> int:
        """Dead bytes of all packs, as far as they are known."""
        return sum(row.dead for _, row in self._index.scan(PACK))


@dataclass(slots=True)
class _Run:
    """A collection in progress."""

    limits: CompactionLimits
    report: Report
    deleted_packs: int = 0
    deleted_bytes: int = 0
    compacted_packs: int = 0
    moved_bytes: int = 0
    sizes: dict[PackId, int] = field(default_factory=dict)  # of packs that are retired


def _report_objects(report: Report, collected: Collected) -> None:
    report(collected.objects, 0, "freed objects")
