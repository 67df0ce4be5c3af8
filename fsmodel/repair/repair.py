"""`fsck --repair` of a store that nobody uses.

The journal is made one that can be replayed, or the index made again from the packs if it cannot be
read at all. Then, in steps, what is wrong in the index is put right: rows that fail their checks
(garbled_rows.py), entries (entries.py), inodes (inodes.py), lost objects (lost_objects.py),
contents (contents.py), and what can be derived (derived.py).

All of it is ordinary operations, and each step looks at what there is: a repair that is killed
leaves the store as far as it came, and the next one goes on. Nothing is thrown away: what is taken
out goes to quarantine/, what has no name to lost+found.
"""

from functools import partial
from pathlib import Path
from typing import Final

from fsmodel.change import Changes
from fsmodel.clock import Clock, SystemClock
from fsmodel.ids import ObjectId
from fsmodel.index_border import index_errors_translated
from fsmodel.inode_table import InodeTable
from fsmodel.rebuild.bulk import Bulk
from fsmodel.rebuild.pack_contents import Report
from fsmodel.rebuild.placing import is_ready
from fsmodel.rebuild.rebuild import rebuild_held
from fsmodel.recovery import FrameJudge
from fsmodel.repair.contents import FileContents
from fsmodel.repair.derived import (
    apply_corrections,
    apply_counters,
    find_corrections,
    wrong_counters,
)
from fsmodel.repair.entries import Entries
from fsmodel.repair.garbled_rows import Remembered, remove_garbled, restore_remembered
from fsmodel.repair.inodes import Inodes
from fsmodel.repair.lost_objects import LostObjects
from fsmodel.repair.repairs import RepairReport, Repairs
from fsmodel.steps import run_inline
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.epochs import Epoch
from fsmodel.store.format_file import read_format
from fsmodel.store.layout import StoreLayout
from fsmodel.store.lock import StoreLock
from fsmodel.store.object_reader import ObjectReader, locate
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_sync import sync_all_packs
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.fsck import FsckReport, check_volume
from lmdb_index.check import check_rows
from lmdb_index.errors import IndexCorrupt, JournalCorrupt
from lmdb_index.index import Index
from lmdb_index.journal_mending import mend_journal
from lmdb_index.meta import LISTED_KEY
from lmdb_index.schema import DAMAGED, META, OBJECT, UNREFERENCED

CACHE_BYTES: Final = 64 << 20
ROUNDS_MAX: Final = 8  # of what follows from each other; one is enough as a rule


def repair_store(store: Path, report: Report, clock: Clock | None = None) -> RepairReport:
    """Put everything right that fsck finds in a store that nobody uses.

    Raises StoreLocked, NotAStore, FormatTooNew, StoreDamaged when not even a root can be read,
    NoSpace, BackendError.
    """
    layout = StoreLayout(store)
    uuid = read_format(layout).uuid.bytes
    lock = StoreLock.acquire(layout)
    try:
        with index_errors_translated():
            return _Repair(layout, uuid, report, clock or SystemClock()).run()
    finally:
        lock.close()


class _Repair:
    """One run."""

    def __init__(self, layout: StoreLayout, uuid: bytes, report: Report, clock: Clock) -> None:
        self._layout = layout
        self._uuid = uuid
        self._report = report
        self._clock = clock
        self._repairs = Repairs(layout, clock.now_ns())
        self._packs = PackReader(layout, uuid)
        self._reader = ObjectReader(self._packs, ByteCache(CACHE_BYTES))
        self._epoch = Epoch()

    def run(self) -> RepairReport:
        """Open the store somehow, repair it, and say what is left."""
        try:
            try:
                left = self._repaired(self._opened())
            except IndexCorrupt as problem:  # too damaged to be gone through
                self._rebuild(str(problem))
                left = self._repaired(self._open())
        finally:
            self._repairs.close()
            self._packs.close()
        return RepairReport(
            left.inodes,
            left.objects,
            left.findings,
            tuple(self._repairs.done),
            tuple(self._repairs.set_aside),
        )

    def _opened(self) -> Index:
        """The index, with a journal that can be replayed. Raises IndexCorrupt."""
        if is_ready(self._layout):
            raise IndexCorrupt(f"{self._layout.rebuilt}: waits to be put in place")
        try:
            return self._open()
        except JournalCorrupt:
            for mended in mend_journal(self._layout.folder, self._uuid):
                self._repairs.note(Part.JOURNAL, mended.text)
                self._add_set_aside(mended.set_aside)
            return self._open()

    def _open(self) -> Index:
        index = Index.open(
            self._layout.folder, self._uuid, FrameJudge(self._packs).accept, thorough=True
        )
        found = index.statistics()
        if found.unusable_bytes:
            text = f"the last {found.unusable_bytes} bytes of the journal, torn or about lost data"
            self._repairs.note(Part.JOURNAL, f"{text}, were set aside")
            self._add_set_aside(found.set_aside)
        return index

    def _rebuild(self, reason: str) -> None:
        """Make the index again; the old one goes to quarantine/."""
        self._report(0, 0, "making the index again")
        done = rebuild_held(self._layout, self._uuid, self._report, self._clock)
        what = reason.partition(": run ")[0]
        text = f"{what}: the index was made again from the packs, as of {done.root_time}"
        self._repairs.note(Part.INDEX, f"{text}, and {done.replayed_operations} later operations")
        self._repairs.set_aside += done.set_aside

    def _repaired(self, index: Index) -> FsckReport:
        """Repair what there is to repair, and check again."""
        try:
            found = self._check(index)
            if found.findings:
                sync_all_packs(self._layout)  # a commit makes durable what speaks of them
                self._repair(index)
                index.checkpoint()
                found = self._check(index)
            return found
        finally:
            index.close()

    def _repair(self, index: Index) -> None:
        """Every step, in this order. Raises IndexCorrupt, NoSpace, BackendError."""
        repairs, load = self._repairs, partial(self._load, index)
        bulk = Bulk(index, before_commit=repairs.sync)
        self._report(0, 0, "repairing names")
        removed = remove_garbled(bulk, repairs)
        restore_remembered(bulk, repairs, Remembered(index, load), removed)
        entries = Entries(bulk, repairs)
        entries.repair()
        Inodes(bulk, repairs, entries).repair()
        self._report(0, 0, "repairing objects")
        now_ns = self._clock.now_ns()
        lost = LostObjects(bulk, repairs, self._layout, self._uuid, load, now_ns, self._report)
        lost.repair()
        FileContents(bulk, repairs, load).repair()
        bulk.commit()
        changes = Changes(index, InodeTable(index), self._clock)
        self._derive(changes, index)
        if removed:  # the row of a snapshot may be among them, which the last root has told
            with changes.begin() as change:
                change.operation.delete(META, LISTED_KEY)

    def _derive(self, changes: Changes, index: Index) -> None:
        """References, packs, trees, hints and counters."""
        self._report(0, 0, "repairing references")
        for _ in range(ROUNDS_MAX):
            corrections = find_corrections(
                index, partial(self._load, index), self._layout.pack_size
            )
            run_inline(apply_corrections(changes, corrections, self._repairs.note))
            if not corrections and not self._remove_unneeded(changes, index):
                break
        apply_counters(changes, wrong_counters(index), self._repairs.note)

    def _remove_unneeded(self, changes: Changes, index: Index) -> bool:
        """Forget what is damaged and named by nothing any more; tell whether there was any."""
        unneeded = [
            key
            for key, _ in index.scan(DAMAGED)
            if (row := index.get(OBJECT, key)) is not None and not row.references
        ]
        with changes.begin() as change:
            for key in unneeded:
                change.operation.delete(OBJECT, key)
                change.operation.delete(DAMAGED, key)
                change.operation.delete(UNREFERENCED, key)
                text = f"object {key.hex()}, damaged and needed by nothing, is forgotten"
                self._repairs.note(Part.OBJECTS, text)
        return bool(unneeded)

    def _check(self, index: Index) -> FsckReport:
        self._report(0, 0, "checking")
        rows = (Finding(Part.INDEX, found.text) for found in check_rows(index))
        return check_volume(index, rows, partial(self._load, index), self._layout.pack_size)

    def _load(self, index: Index, wanted: ObjectId) -> bytes:
        return self._reader.read(locate(partial(index.get, OBJECT), wanted, self._epoch))

    def _add_set_aside(self, place: Path | None) -> None:
        if place is not None:
            self._repairs.set_aside.append(f"{place.parent.name}/{place.name}")
