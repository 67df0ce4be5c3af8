"""Everything that looks after an open store, and that no two such things run at once."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from fsmodel.errors import Busy, NotFound
from fsmodel.ids import InodeId, ObjectId
from fsmodel.steps import Steps, Work
from fsmodel.store.epochs import Epoch
from fsmodel.store.object_reader import locate
from fsmodel.upkeep.chunk_query import Chunks
from fsmodel.upkeep.collection import Collector
from fsmodel.upkeep.compaction import Compactor
from fsmodel.upkeep.damage import DamageNotes, KnownDamage, UnwrittenNotes
from fsmodel.upkeep.garbage import THOROUGH, THRIFTY, GarbageCollector, GcReport, Report
from fsmodel.upkeep.hurt_files import files_of_hurt, hurt_objects
from fsmodel.upkeep.hurt_snapshots import Shown, hurt_in_snapshots
from fsmodel.upkeep.index_view import IndexView
from fsmodel.upkeep.pack_usage import PackSurvey
from fsmodel.upkeep.retirement import Retirement
from fsmodel.upkeep.scrub import Pace, Scrubber
from fsmodel.upkeep.store_parts import StoreParts
from lmdb_index.schema import OBJECT

TRACE_COST_BYTES: Final = 1 << 30  # never worth doing on the owner thread


@dataclass(frozen=True, slots=True)
class DamagedObject:
    """An object that cannot be read, and the files that need it."""

    id: str  # in hexadecimal
    place: str
    reason: str
    kept: str  # name of the damaged frame's copy in quarantine/
    paths: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ScrubReport:
    """What a scrub has found."""

    checked_objects: int
    checked_bytes: int  # of frames
    damaged: tuple[DamagedObject, ...]


class _Needed(NamedTuple):
    """What some objects are needed for."""

    files: dict[ObjectId, list[InodeId]]
    shown: dict[ObjectId, Shown]


class Upkeep:
    """Garbage collection and scrubbing of one open store. Owner: the index's thread."""

    def __init__(self, parts: StoreParts, scrub_bytes_per_second: int = 0) -> None:
        """A scrub reads that fast, or as fast as it goes if that is 0."""
        index, changes, objects = parts.index, parts.changes, parts.objects
        survey = PackSurvey(index, changes, objects, parts.layout, parts.uuid)
        checkpoint = parts.durability.checkpoint
        self.parts = parts
        self.scrub_bytes_per_second = (
            scrub_bytes_per_second  # may change; counts for the next scrub
        )
        self._running = ""
        self.chunks = Chunks(index, objects, self.paths_needing)
        self._notes = DamageNotes(index, changes, objects, parts.layout)
        self._scrubber = Scrubber(index, changes, objects, self._notes)
        self._collector = GarbageCollector(
            index,
            objects,
            parts.writer,
            parts.space,
            Collector(index, changes, objects, parts.named_in_memory),
            survey,
            Compactor(changes, objects, survey, parts.reader, parts.writer, self._notes.note),
            Retirement(index, changes, objects.epochs, parts.layout, parts.reader, checkpoint),
            checkpoint,
        )

    @property
    def running(self) -> str:
        """What runs that must be alone; empty when nothing does."""
        return self._running

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
        with self.alone("garbage collection"):
            return (yield from self._collector.run(limits, report))

    def dismantle(self) -> Steps[None]:
        """Follow up deletions, so that the garbage they leave is known; see Collector.dismantle.

        May run beside anything. Raises NoSpace.
        """
        return self._collector.dismantle()

    def scrub(
        self, report: Report, *, restart: bool, read_only: bool = False
    ) -> Steps[ScrubReport]:
        """Read and verify every object, going on where an interrupted scrub was.

        When `read_only`, it begins anew and only says what it finds. Raises Busy, NoSpace,
        BackendError.
        """
        pace = Pace(self.scrub_bytes_per_second)
        scrubber = self._scrubber
        if read_only:
            parts, notes = self.parts, UnwrittenNotes()
            scrubber = Scrubber(parts.index, parts.changes, parts.objects, notes, is_kept=False)
        with self.alone("scrub"):
            scrubbed = yield from scrubber.run(report, pace, restart=restart)
            damaged = yield from self._with_paths(scrubbed.damage)
            return ScrubReport(scrubbed.checked_objects, scrubbed.checked_bytes, damaged)

    def _with_paths(self, damage: Sequence[KnownDamage]) -> Steps[tuple[DamagedObject, ...]]:
        """Say which files each damaged object is needed for."""
        if not damage:
            return ()
        paths = yield from self.paths_needing([each.id for each in damage])
        return tuple(
            DamagedObject(each.id.hex(), each.place, each.reason, each.kept, paths[each.id])
            for each in damage
        )

    def paths_needing(self, wanted: Sequence[ObjectId]) -> Steps[dict[ObjectId, tuple[bytes, ...]]]:
        """The paths of the files that cannot be read without each of these objects.

        Of files that only snapshots have, their paths there. Reads every manifest and the trees of
        snapshots, in a worker. Raises NoSpace, BackendError.
        """
        epoch = self.parts.objects.epochs.current  # keeps the packs the snapshot speaks of
        if self.parts.dry:  # what was replayed is committed nowhere
            needed = self._trace(self.parts.index, wanted, epoch)
        else:
            yield from self.parts.durability.checkpoint()
            needed = yield Work(partial(self._trace_snapshot, wanted, epoch), TRACE_COST_BYTES)
        return {
            each: self._all_paths(needed.files.get(each, ()), needed.shown.get(each, {}))
            for each in wanted
        }

    def _all_paths(self, files: Iterable[InodeId], shown: Shown) -> tuple[bytes, ...]:
        present = [path for inode in files for path in self._paths(inode)]
        former = [path for path in sorted(shown) if path not in present]
        return (*present, *(b"/.snapshots/" + shown[path] + path for path in former))

    def _trace_snapshot(self, wanted: Sequence[ObjectId], epoch: Epoch) -> _Needed:
        with self.parts.index.snapshot() as view:
            return self._trace(view, wanted, epoch)

    def _trace(self, view: IndexView, wanted: Sequence[ObjectId], epoch: Epoch) -> _Needed:
        def load(page: ObjectId) -> bytes:
            return self.parts.objects.read(locate(partial(view.get, OBJECT), page, epoch))

        hurt = hurt_objects(view, load, wanted)
        return _Needed(files_of_hurt(view, hurt), hurt_in_snapshots(view, load, hurt))

    def _paths(self, inode: InodeId) -> list[bytes]:
        try:
            return self.parts.paths_of(inode)
        except NotFound:
            return []  # deleted since

    @contextmanager
    def alone(self, what: str) -> Iterator[None]:
        """Nothing else of this kind runs until the block ends. Raises Busy."""
        if self._running:
            raise Busy(f"{self._running} is running: try again when it has ended")
        self._running = what
        try:
            yield
        finally:
            self._running = ""
