"""Everything that looks after an open store, and that no two such things run at once."""

from collections.abc import Iterator
from contextlib import contextmanager

from fsmodel.errors import Busy, FrameCorrupt
from fsmodel.steps import Steps
from fsmodel.store.pack_walk import PlacedFrame
from fsmodel.upkeep.collection import Collector
from fsmodel.upkeep.compaction import Compactor
from fsmodel.upkeep.garbage import THOROUGH, THRIFTY, GarbageCollector, GcReport, Report
from fsmodel.upkeep.pack_usage import PackSurvey
from fsmodel.upkeep.retirement import Retirement
from fsmodel.upkeep.store_parts import StoreParts


class Upkeep:
    """Garbage collection of one open store. Owner: the thread that owns the index."""

    def __init__(self, parts: StoreParts) -> None:
        index, changes, objects = parts.index, parts.changes, parts.objects
        survey = PackSurvey(index, changes, objects, parts.layout, parts.uuid)
        checkpoint = parts.durability.checkpoint
        self._running = ""
        self._collector = GarbageCollector(
            index,
            objects,
            parts.writer,
            parts.space,
            Collector(index, changes, objects, parts.named_in_memory),
            survey,
            Compactor(changes, objects, survey, parts.reader, parts.writer, _pass_over),
            Retirement(index, changes, objects.epochs, parts.layout, parts.reader, checkpoint),
            checkpoint,
        )

    def collect_garbage(
        self, report: Report, *, thorough: bool, dry_run: bool = False
    ) -> Steps[GcReport]:
        """Give back what nothing needs; with `dry_run` only say what that would be.

        `thorough` copies frames out of packs with little waste too, until nearly all of it is
        given back. Raises Busy, NoSpace, BackendError.
        """
        limits = THOROUGH if thorough else THRIFTY
        if dry_run:
            return (yield from self._collector.preview(limits, report))
        with self._alone("garbage collection"):
            return (yield from self._collector.run(limits, report))

    @contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        if self._running:
            raise Busy(f"{self._running} is running: try again when it has ended")
        self._running = what
        try:
            yield
        finally:
            self._running = ""


def _pass_over(frame: PlacedFrame, error: FrameCorrupt) -> None:
    """A damaged frame stays where it is; scrub says what that means."""
