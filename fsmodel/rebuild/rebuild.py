"""rebuild-index: the index made again from the packs, for a store whose index is lost or damaged.

The new index is made beside the old one and takes its place at the end; the old one and its
journal go to quarantine/. Whatever ends this early changes nothing, and the next run begins anew,
or ends it if the new index was complete (placing.py). Packs are never touched.

Memory does not grow with the store, but for an id per root and per directory that waits to be read,
and what is damaged.
"""

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from fsmodel.clock import Clock, SystemClock
from fsmodel.errors import NotFound
from fsmodel.ids import InodeId, ObjectId
from fsmodel.index_border import index_errors_translated
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.directories import Directories
from fsmodel.namespace.paths import Paths
from fsmodel.rebuild.bulk import Bulk
from fsmodel.rebuild.names import NameRestorer
from fsmodel.rebuild.newer_operations import (
    NewerOperations,
    forget_trees,
    last_inode,
    replay_newer,
)
from fsmodel.rebuild.pack_contents import PackContents, Report, read_packs
from fsmodel.rebuild.placing import is_ready, put_in_place, ready_report, set_ready
from fsmodel.rebuild.references import ReferenceCounter
from fsmodel.rebuild.root_choice import ChosenRoot, choose_root
from fsmodel.rebuild.snapshots import restore_snapshots
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.epochs import Epoch
from fsmodel.store.format_file import read_format
from fsmodel.store.host_files import host_failures
from fsmodel.store.layout import FOLDER_MODE, StoreLayout
from fsmodel.store.lock import StoreLock
from fsmodel.store.object_reader import ObjectReader, locate
from fsmodel.store.pack_format import ObjectKind
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_sync import sync_all_packs
from fsmodel.upkeep.check_counters import true_counters
from fsmodel.upkeep.check_series import missing_artifacts
from fsmodel.upkeep.hurt_files import hurt_files
from fsmodel.upkeep.retirement import LAST_PACK
from lmdb_index.index import Index
from lmdb_index.meta import ROOT_KEY
from lmdb_index.records import RawRecord
from lmdb_index.schema import ARTIFACT, INODE, META, OBJECT, SNAPSHOT

CACHE_BYTES: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What was made from what, and what is missing."""

    packs: int
    frames: int
    root: str  # id of the root the names come from
    root_time: str  # when it was written: UTC, ISO 8601
    passed_over: tuple[str, ...]  # newer roots that cannot be read, and why
    inodes: int
    objects: int
    replayed_operations: int  # of the journal, behind the root
    journal_problem: str  # why the journal was not replayed (to its end); empty when it was
    set_aside: tuple[str, ...]  # where the old index and journal are now
    damaged_places: int  # stretches of packs that are no frames
    damage: tuple[str, ...]  # the first of them, in words
    lost_objects: int  # named and not to be read
    hurt_files: tuple[str, ...]  # paths of files that need them
    unsettled_files: tuple[str, ...]  # whose last bytes were in the old index alone
    lost_attributes: tuple[str, ...]  # path and name of each
    snapshots: int
    lost_snapshots: tuple[str, ...]  # and why each cannot be restored

    @property
    def complete(self) -> bool:
        """Whether the newest root was restored with everything that it names."""
        missing = (
            *(self.passed_over, self.lost_objects, self.unsettled_files),
            *(self.lost_attributes, self.lost_snapshots),
        )
        return not any(missing)


def rebuild_index(store: Path, report: Report, clock: Clock | None = None) -> RebuildReport:
    """Make the index of a store that nobody uses again from its packs.

    Raises StoreLocked, NotAStore, StoreDamaged when no root can be read, NoSpace, BackendError;
    then the store is as it was.
    """
    layout = StoreLayout(store)
    uuid = read_format(layout).uuid.bytes
    lock = StoreLock.acquire(layout)
    try:
        return rebuild_held(layout, uuid, report, clock or SystemClock())
    finally:
        lock.close()


def rebuild_held(layout: StoreLayout, uuid: bytes, report: Report, clock: Clock) -> RebuildReport:
    """The same for a store that the caller has locked."""
    with index_errors_translated():
        if not is_ready(layout):
            set_ready(layout, msgspec.json.encode(_Rebuild(layout, uuid, report, clock).run()))
        told = msgspec.json.decode(ready_report(layout), type=RebuildReport)
        moment = _iso(clock.now_ns()).replace(":", "-")
        return replace(told, set_aside=put_in_place(layout, moment))


class _Rebuild:
    """One run."""

    def __init__(self, layout: StoreLayout, uuid: bytes, report: Report, clock: Clock) -> None:
        self._layout = layout
        self._uuid = uuid
        self._report = report
        self._clock = clock
        self._scratch = layout.rebuilding
        self._packs = PackReader(layout, uuid)
        self._reader = ObjectReader(self._packs, ByteCache(CACHE_BYTES))
        self._epoch = Epoch()

    def run(self) -> RebuildReport:
        """Make the new index in a folder of its own, durably."""
        sync_all_packs(self._layout)  # what it is going to speak of
        with host_failures(self._scratch):
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch.mkdir(FOLDER_MODE)
        Index.create(self._scratch, self._uuid)
        index = Index.open(self._scratch, self._uuid)
        try:
            return self._fill(index)
        finally:
            index.close()
            self._packs.close()

    def _fill(self, index: Index) -> RebuildReport:
        """Every table, and what there is to say about it."""
        bulk, load = Bulk(index), partial(self._load, index)
        contents = read_packs(self._layout, self._uuid, bulk, self._report)
        chosen = choose_root(load, contents.roots, self._report)
        names = NameRestorer(bulk, load)
        names.restore(chosen.root, lambda done: self._report(done, chosen.entries, "names made"))
        lost_snapshots = restore_snapshots(bulk, load, chosen)
        newer = replay_newer(self._layout.journal, self._uuid, chosen.root.operation, bulk)
        if newer.operations or names.lost_attributes or names.unsettled:
            forget_trees(bulk)
        references = ReferenceCounter(
            bulk, load, contents.damaged_objects, contents.packs[-1], self._clock.now_ns()
        )
        self._report(0, 0, "counting references")
        references.count(chosen.id, ObjectKind.ROOT)
        references.count_contents()
        references.count_snapshots()
        references.clear_unnamed()
        bulk.put(META, ROOT_KEY, RawRecord(chosen.id))
        bulk.raise_counter("last_inode", chosen.root.last_inode + newer.inodes_added)
        bulk.raise_counter("last_inode", last_inode(bulk))
        bulk.raise_counter(LAST_PACK, contents.packs[-1])
        for key in tuple(missing_artifacts(index)):
            bulk.put(ARTIFACT, key, RawRecord())
        for name, value in true_counters(index).items():
            bulk.raise_counter(name, value)
        bulk.commit()
        index.skip_numbers(chosen.newest_operation + 1)
        told = self._told(index, contents, chosen, names, newer, references)
        return replace(told, lost_snapshots=tuple(lost_snapshots))

    def _told(
        self,
        index: Index,
        contents: PackContents,
        chosen: ChosenRoot,
        names: NameRestorer,
        newer: NewerOperations,
        references: ReferenceCounter,
    ) -> RebuildReport:
        paths = _PathsIn(index)
        hurt: set[InodeId] = set()
        if references.lost:
            for files in hurt_files(index, partial(self._load, index), references.lost).values():
                hurt.update(files)
        return RebuildReport(
            packs=len(contents.packs),
            frames=contents.frames,
            root=chosen.id.hex(),
            root_time=_iso(chosen.root.time_ns),
            passed_over=chosen.passed_over,
            inodes=index.count(INODE),
            objects=index.count(OBJECT),
            replayed_operations=newer.operations,
            journal_problem=newer.problem,
            set_aside=(),
            damaged_places=contents.damaged_places,
            damage=tuple(contents.damage),
            lost_objects=len(references.lost),
            hurt_files=paths.of(sorted(hurt)),
            unsettled_files=paths.of(names.unsettled),
            lost_attributes=tuple(
                f"{path} {name.decode(errors='backslashreplace')}"
                for inode, name in names.lost_attributes
                for path in paths.of([inode])
            ),
            snapshots=index.count(SNAPSHOT),
            lost_snapshots=(),
        )

    def _load(self, index: Index, wanted: ObjectId) -> bytes:
        return self._reader.read(locate(partial(index.get, OBJECT), wanted, self._epoch))


class _PathsIn:
    """Paths in a new index, as people read them."""

    def __init__(self, index: Index) -> None:
        inodes = InodeTable(index)
        self._paths = Paths(index, inodes, Directories(index, inodes))

    def of(self, inodes: list[InodeId]) -> tuple[str, ...]:
        """Every path of each inode; of one that only the journal knew, its number."""
        return tuple(path for inode in inodes for path in self._paths_of(inode))

    def _paths_of(self, inode: InodeId) -> list[str]:
        try:
            paths = self._paths.paths_of(inode)
        except NotFound:  # the journal has deleted it
            return []
        return [path.decode(errors="backslashreplace") for path in paths]


def _iso(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns // 1000 % 1_000_000:06d}Z"
