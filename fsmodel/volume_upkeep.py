"""The part of the facade that is about the store as a whole: keeping it sound, small and safe.

Volume (volume.py) adds what users do with files.
"""

import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from fsmodel.adjusting import adjust
from fsmodel.assembly import Parts
from fsmodel.backup.creation import BackupReport, create_backup
from fsmodel.errors import CairnError, NotFound
from fsmodel.history.roots import WrittenRoot, write_persistently, write_present
from fsmodel.ids import InodeId, ObjectId
from fsmodel.index_border import index_problems_named
from fsmodel.index_upkeep import IndexUpkeep
from fsmodel.inner_figures import InnerFigures, gather_inner_figures
from fsmodel.jobs import Jobs
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.optimizer.analysis import Analysis
from fsmodel.optimizer.breakdown import Breakdown
from fsmodel.optimizer.optimizer import Estimate, Optimizer, Outcome
from fsmodel.optimizer.strategies import StrategyName
from fsmodel.repair.in_use import repair_in_use
from fsmodel.repair.repairs import RepairReport
from fsmodel.schema_migration import MigrationReport, SchemaStatus, bring_to, schema_status
from fsmodel.settings import VolumeSettings
from fsmodel.statistics import VolumeStatistics, gather_statistics
from fsmodel.steps import Steps, Work
from fsmodel.store.epochs import Epoch
from fsmodel.store.host_files import host_failures
from fsmodel.store.object_reader import locate
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.fsck import FsckReport, check_volume
from fsmodel.upkeep.garbage import GcReport, Report
from fsmodel.upkeep.index_view import IndexView
from fsmodel.upkeep.upkeep import ScrubReport
from lmdb_index.check import check_rows
from lmdb_index.rows import Rows
from lmdb_index.schema import OBJECT

_log = logging.getLogger(__name__)

ARCHIVED_BYTES: Final = "archived_bytes"  # counter: what was stored after the last archival
FSCK_COST_BYTES: Final = 1 << 30  # never worth doing on the owner thread


class VolumeUpkeep:
    """An open store, for whoever looks after it. Owner: the thread that opened it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._names = parts.namespace
        self.contents = parts.contents
        self.contents.close_if_lost = parts.namespace.close_if_lost
        self.durability = parts.durability
        self.index_upkeep = IndexUpkeep(parts.index.room, parts.durability)
        self.jobs = Jobs(parts.index, parts.changes)
        self._optimizer = Optimizer(
            parts.upkeep.parts, parts.upkeep, self.settle_leftovers, self._collect_thoroughly
        )

    @property
    def store(self) -> Path:
        """The store's folder."""
        return self._parts.layout.folder

    @property
    def read_only(self) -> bool:
        """Whether every change is refused."""
        return self._parts.guard.read_only

    def require_room(self) -> None:
        """Raises ReadOnly, NoSpace where nothing can be added."""
        self._require_room()

    def require_writable(self) -> None:
        """Raises ReadOnly."""
        self._require_writable()

    def _require_writable(self) -> None:
        self._parts.guard.require_writable()

    def _observe(self, wanted: AttributeChange) -> None:
        """Take note of times that the kernel stamps."""
        for stamp in (wanted.mtime_ns, wanted.ctime_ns):
            if stamp is not None:
                self._parts.changes.observe(stamp)

    def _times_set(self, inode: InodeId, wanted: AttributeChange) -> None:
        """Somebody has said what the times of a file are: those of its writing do not count."""
        file = self._parts.contents.file(inode)
        if file is not None and wanted.mtime_ns is not None:
            file.times_recorded()

    def _require_room(self, size_bytes: int = 0) -> None:
        self._parts.guard.require_room(size_bytes)

    def host_space(self) -> os.statvfs_result:
        """The space of the filesystem the store lies on. Raises BackendError."""
        with host_failures(self.store):
            return os.statvfs(self.store)

    @property
    def recovery_notice(self) -> str | None:
        """What a person should know about how the store was found; None when all was well."""
        found = self._parts.index.statistics()
        if not found.unusable_bytes:
            return None
        what = (
            f"the last {found.unusable_bytes} bytes of the journal are torn, or speak of data that "
            "is missing: what they changed, which was never synced, is lost"
        )
        if found.set_aside is None:
            return f"{what}; the next mount sets them aside in quarantine/ and goes on without them"
        return f"{what}; they were set aside in {found.set_aside}; run `cairnfs fsck`"

    @property
    def is_dirty(self) -> bool:
        """Whether there is anything to checkpoint."""
        return self._parts.index.mutations_since_checkpoint > 0

    @property
    def needs_checkpoint(self) -> bool:
        """Whether the journal or the open transaction has grown enough for a checkpoint."""
        return self._parts.index.needs_checkpoint

    def sync_packs(self) -> None:
        """Make what the packs hold durable. Any thread may call it. Raises BackendError."""
        self._parts.packs.sync()

    def checkpoint(self) -> None:
        """Commit the index and begin a new journal segment. Raises NoSpace, BackendError."""
        self._parts.objects.save_features()
        self.durability.checkpoint_now()

    @property
    def root_is_due(self) -> bool:
        """Whether the packs lack something that names and attributes say now."""
        return not self.read_only and self._parts.roots.is_due

    def write_root(self) -> Steps[WrittenRoot | None]:
        """Checkpoint, and write to the packs what has changed of the tree; see Roots.write."""
        self._require_writable()
        yield from self.durability.checkpoint()
        return (yield from self._parts.roots.write())

    def statistics(self) -> VolumeStatistics:
        """The figures of `cairnfs stats`."""
        return gather_statistics(self._parts.index, self._parts.cache)

    def inner_figures(self) -> InnerFigures:
        """The figures for whoever watches a store in use. Raises BackendError."""
        parts = self._parts
        return gather_inner_figures(parts.index, parts.space, parts.upkeep.running)

    def fsck(self) -> Steps[FsckReport]:
        """Check everything as of now, in a worker while requests go on.

        What a dry volume has replayed is committed nowhere, so there the open index is read.
        """
        epoch = self._parts.objects.epochs.current  # while held, no pack of the snapshot is deleted
        if self._parts.dry:
            return self._check(self._parts.index, self._parts.index, epoch)
        self.checkpoint()
        report: FsckReport = yield Work(partial(self._check_snapshot, epoch), FSCK_COST_BYTES)
        return report

    def repair(self) -> Steps[RepairReport]:
        """Put right what fsck finds, as far as that goes while the volume is in use.

        What is left needs `repair_store` (fsmodel/repair/repair.py). Raises ReadOnly, Busy,
        NoSpace, BackendError.
        """
        self._require_writable()
        upkeep = self._parts.upkeep
        with upkeep.alone("a repair"):
            try:
                return (yield from repair_in_use(upkeep.parts, self.fsck))
            finally:
                self._parts.versions.policies.forget()  # of a series configured again

    def _check_snapshot(self, epoch: Epoch) -> FsckReport:
        with self._parts.index.snapshot() as view:
            return self._check(view, view, epoch)

    def _check(self, view: IndexView, rows: Rows, epoch: Epoch) -> FsckReport:
        damaged = [Finding(Part.INDEX, found.text) for found in check_rows(rows)]
        if self._parts.dry and self.recovery_notice is not None:
            damaged.append(Finding(Part.JOURNAL, self.recovery_notice))

        def load(wanted: ObjectId) -> bytes:
            return self._parts.objects.read(locate(partial(view.get, OBJECT), wanted, epoch))

        return check_volume(view, iter(damaged), load, self._parts.layout.pack_size)

    def collect_garbage(
        self, report: Report, *, thorough: bool, dry_run: bool = False
    ) -> Steps[GcReport]:
        """Give back what nothing needs, beside normal use; see Upkeep.collect_garbage.

        The last root still needs what was deleted since, so another one is written first.
        """
        if not dry_run:
            self._require_writable()
            yield from write_persistently(self.write_root)
        upkeep = self._parts.upkeep
        return (yield from upkeep.collect_garbage(report, thorough=thorough, dry_run=dry_run))

    def analyze(self) -> Steps[Analysis]:
        """Measure how the store holds what it holds. Raises BackendError."""
        return self._optimizer.analyze()

    def break_down(self) -> Steps[Breakdown]:
        """Who takes how much: by folder, kind and day; see breakdown.py. Raises BackendError."""
        return self._optimizer.break_down()

    def estimate(
        self, names: Sequence[StrategyName], report: Report
    ) -> Steps[tuple[Estimate, ...]]:
        """Predict what optimizing would save. Raises Busy, BackendError."""
        analysis = yield from self._optimizer.analyze()
        return (yield from self._optimizer.estimate(analysis, names, report))

    def optimize(self, names: Sequence[StrategyName], report: Report) -> Steps[tuple[Outcome, ...]]:
        """Make the store smaller, or quicker to read, beside normal use; see optimizer.py.

        Raises Busy, ReadOnly, NoSpace, BackendError.
        """
        self._require_writable()
        estimates = yield from self.estimate(names, report)
        return (yield from self._optimizer.run(estimates, report))

    @property
    def archived_bytes(self) -> int:
        """How much was stored when the store was archived last."""
        return self._parts.index.counter(ARCHIVED_BYTES)

    @property
    def has_untried(self) -> bool:
        """Whether chunks were stored as they came, which archival is to compress."""
        return bool(self._parts.objects.untried.marked())

    def archive(self, report: Report, *, level: int) -> Steps[int]:
        """Put cold chunks into groups and give back what that saves; returns those bytes.

        Raises Busy, ReadOnly, NoSpace, BackendError; what was done by then stays done.
        """
        self._require_writable()
        saved = yield from self._optimizer.archive(report, level)
        yield from self.collect_garbage(report, thorough=True)
        with self._parts.changes.begin() as change:
            stored = self.statistics().stored_bytes
            change.operation.add(ARCHIVED_BYTES, stored - self.archived_bytes)
        return saved

    def _collect_thoroughly(self, report: Report, dry_run: bool) -> Steps[GcReport]:
        return self.collect_garbage(report, thorough=True, dry_run=dry_run)

    def back_up(self, target: Path, report: Report) -> Steps[BackupReport]:
        """Put everything into a file, or what is new into one that is there; see creation.py.

        Raises ReadOnly, Busy, BackupInvalid, FormatTooNew, NoSpace, DataError.
        """
        self._require_writable()
        upkeep = self._parts.upkeep
        present = partial(write_present, self._parts.roots, self.durability.checkpoint)
        write_root = partial(write_persistently, present)
        return create_backup(upkeep.parts, upkeep, write_root, target, report)

    def follow_up_deletions(self) -> Steps[None]:
        """Find out what the files deleted since leave as garbage; see Upkeep.dismantle."""
        return self._parts.upkeep.dismantle()

    def scrub(self, report: Report, *, restart: bool = False) -> Steps[ScrubReport]:
        """Read and verify every object, beside normal use; see Upkeep.scrub.

        On a read-only volume nothing is noted, and no damaged frame is set aside.
        """
        return self._parts.upkeep.scrub(report, restart=restart, read_only=self.read_only)

    def adjust(self, settings: VolumeSettings) -> None:
        """Take over the settings that can change while a store is open; see adjusting.py."""
        adjust(self._parts, settings)

    def settle_leftovers(self) -> Steps[None]:
        """Finish what a killed process has left: chunk what it had made durable without that.

        Copies it was making are removed. A file that cannot be read or stored now is left as it
        is, for a later time.
        """
        yield from self._parts.history.copies.clear_leftovers()
        for inode in self.contents.unsettled():
            try:
                with index_problems_named():
                    yield from self.contents.settle_beside(inode)
            except NotFound:
                continue  # deleted since they were listed
            except CairnError as error:
                _log.error("inode %d: what was fsynced is safe, but unsettled: %s", inode, error)

    def migrate(self, schema: int, report: Report) -> MigrationReport:
        """Bring the index to a schema, up or down; nothing else may be done meanwhile.

        Raises InvalidArgument, ReadOnly, NoSpace, DataError, StoreDamaged.
        """
        self._require_writable()
        parts = self._parts
        return bring_to(parts.index, self.durability, parts.upkeep.parts.layout, schema, report)

    def schema_status(self) -> SchemaStatus:
        """Which schema the index has, and the migrations there are."""
        return schema_status(self._parts.index)
