"""Fourth step: objects that are named and cannot be found are looked for in all packs.

The packs are the truth: an object whose row is lost, or points where it cannot be, may well be
there. Those that are nowhere get a row that says so, and so do those that cannot be read: the
files that need them keep all else, can be deleted, and heal when the bytes are written again.
"""

from collections.abc import Callable, Iterator
from functools import partial

from fsmodel.content.content_ref import is_manifest
from fsmodel.errors import BackendError, DataError
from fsmodel.ids import ObjectId, PackId
from fsmodel.rebuild.bulk import Bulk
from fsmodel.rebuild.pack_contents import Report, row_of_frame
from fsmodel.repair.repairs import Repairs
from fsmodel.store.group_rows import rows_of_group
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import ObjectKind
from fsmodel.store.pack_scan import FoundFrame, scan_pack
from fsmodel.store.placement import is_in_group, placement_of
from fsmodel.store.quarantine import set_frame_aside, set_group_aside
from fsmodel.upkeep.check_places import NOWHERE, misplaced
from fsmodel.upkeep.findings import Part
from fsmodel.upkeep.reference_counts import LoadObject, count_references, rounds, wrong_counts
from lmdb_index.keys import number_key
from lmdb_index.records import DamagedRecord, ObjectRecord, PackRecord, PackState
from lmdb_index.schema import DAMAGED, INODE, OBJECT, PACK


class LostObjects:
    """Finds objects again, or notes that they are lost."""

    def __init__(
        self,
        bulk: Bulk,
        repairs: Repairs,
        layout: StoreLayout,
        uuid: bytes,
        load: LoadObject,
        now_ns: int,
        report: Report,
    ) -> None:
        self._bulk = bulk
        self._repairs = repairs
        self._layout = layout
        self._uuid = uuid
        self._load = load
        self._now_ns = now_ns
        self._report = report

    def repair(self) -> None:
        """Until every object that is named has a row, and every row is right about its place."""
        noted = self._noted()
        searched: set[ObjectId] = set()
        while wanted := self._wanted():  # again, as what was found may name what has no row
            self._search(wanted.keys() - searched)
            searched |= wanted.keys()
            still = self._wanted()
            for each in wanted.keys() & still.keys():
                self._give_up(each, still[each])
        if noted - searched:
            self._search(noted - searched)
        self._note_unreadable()
        self._withdraw_notes()

    def _noted(self) -> set[ObjectId]:
        """What is known to be damaged; notes about what is not stored go."""
        noted = {ObjectId(key) for key, _ in self._bulk.index.scan(DAMAGED)}
        for each in noted:
            if self._bulk.index.get(OBJECT, each) is None:
                self._repairs.remove(self._bulk, DAMAGED, each)
                self._note(f"object {each.hex()} is not stored, so not damaged either")
        return noted

    def _wanted(self) -> dict[ObjectId, str]:
        """What has no row or cannot be where its row says, and why."""
        wanted = {
            found.id: found.reason for found in misplaced(self._bulk.index, self._layout.pack_size)
        }
        for first in rounds(self._bulk.index):
            counted = count_references(self._bulk.index, self._load, first)
            for _ in wrong_counts(self._bulk.index, counted, first):
                pass  # what remains has no row
            wanted |= dict.fromkeys(map(ObjectId, counted.references), NOWHERE)
        return wanted

    def _search(self, wanted: set[ObjectId]) -> None:
        """Give rows to those objects that any pack has: the newest frame that can be read."""
        packs = sorted(self._layout.pack_numbers(), reverse=True) if wanted else []
        whole: set[ObjectId] = set()
        for done, pack in enumerate(packs):
            self._report(done, len(packs), "packs searched")
            for each, row in self._objects_in(pack):
                if each in wanted and each not in whole:
                    self._place(each, row)
                    if self._is_readable(each):
                        whole.add(each)

    def _objects_in(self, pack: PackId) -> Iterator[tuple[ObjectId, ObjectRecord]]:
        """What a pack has, as rows; damage in it is passed over."""
        try:
            for found in scan_pack(self._layout, self._uuid, pack):
                if isinstance(found, FoundFrame):
                    yield from _rows_of(found)
        except BackendError:
            return

    def _place(self, found: ObjectId, row: ObjectRecord) -> None:
        """Let the row of an object point where it was found."""
        former = self._bulk.index.get(OBJECT, found)
        if former is not None and _facts(former) == _facts(row):
            return
        row.references = former.references if former is not None else 0
        base = self._bulk.index.get(OBJECT, row.base) if row.base else None
        row.depth = base.depth + 1 if base is not None else int(bool(row.base))
        self._bulk.put(OBJECT, found, row)
        if self._bulk.index.get(PACK, number_key(row.pack)) is None:
            self._bulk.put(PACK, number_key(row.pack), PackRecord(PackState.OPEN))
        self._note(f"object {found.hex()} was found at {placement_of(row).location}")

    def _give_up(self, lost: ObjectId, reason: str) -> None:
        row = self._bulk.index.get(OBJECT, lost)
        if row is None:
            pack = min(self._layout.pack_numbers(), default=PackId(0))
            row = ObjectRecord(self._kind_of(lost), 0, pack, 0, 0, 0)
            self._bulk.put(OBJECT, lost, row)
            self._damaged(lost, reason, uncounted=True)
        else:
            self._set_aside(lost, row, reason)

    def _kind_of(self, lost: ObjectId) -> ObjectKind:
        """What a lost object was; that it is read as a manifest is all that matters."""
        named = any(
            record.content[1:] == lost and is_manifest(record.content)
            for _, record in self._bulk.index.scan(INODE)
        )
        return ObjectKind.MANIFEST if named else ObjectKind.CHUNK

    def _note_unreadable(self) -> None:
        """Manifests, trees and roots that cannot be read are damaged from now on."""
        first = next(rounds(self._bulk.index))
        for each in count_references(self._bulk.index, self._load, first).unreadable:
            if self._bulk.index.get(DAMAGED, each.id) is None:
                self._set_aside(each.id, each.row, str(each.error))

    def _withdraw_notes(self) -> None:
        """What can be read, because it was found or the disk thinks better of it, is whole."""
        for key, _ in self._bulk.index.scan(DAMAGED):
            if self._is_readable(ObjectId(key)):
                self._bulk.delete(DAMAGED, key)
                self._note(f"object {key.hex()} can be read")

    def _is_readable(self, wanted: ObjectId) -> bool:
        try:
            self._load(wanted)
        except DataError:
            return False
        return True

    def _set_aside(self, damaged: ObjectId, row: ObjectRecord, reason: str) -> None:
        """Keep the bytes of a frame, and note its object as damaged."""
        location = placement_of(row).location
        copy: Callable[[], str] = partial(set_frame_aside, self._layout, damaged, location)
        if is_in_group(row):
            copy = partial(set_group_aside, self._layout, location)
        kept = copy() if row.stored else ""
        if kept:
            name = f"{self._layout.quarantine.name}/{kept}"
            self._repairs.set_aside += [] if name in self._repairs.set_aside else [name]
        self._damaged(damaged, reason, kept=kept)

    def _damaged(
        self, damaged: ObjectId, reason: str, *, kept: str = "", uncounted: bool = False
    ) -> None:
        record = DamagedRecord(f"fsck: {reason}", self._now_ns, kept, uncounted)
        self._bulk.put(DAMAGED, damaged, record)
        self._note(f"object {damaged.hex()} is damaged: {reason}")

    def _note(self, text: str) -> None:
        self._repairs.note(Part.OBJECTS, text)


def _facts(row: ObjectRecord) -> tuple[object, ...]:
    """What a row says of its frame."""
    return placement_of(row), row.kind, row.codec, row.plain, row.base


def _rows_of(found: FoundFrame) -> list[tuple[ObjectId, ObjectRecord]]:
    location, frame = found
    if frame.kind is not ObjectKind.GROUP:
        return [(frame.id, row_of_frame(frame, location))]
    try:
        return rows_of_group(frame, location)
    except DataError:
        return []
