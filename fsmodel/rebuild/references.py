"""Fourth step: references are counted, from inodes and the root downwards.

An object that something names has its row completed, and what it names is counted in turn. What
nothing names stays if it is a chunk that stands for itself, as a new write can name it again; all
else without a reference loses its row, and its frame is dead space for GC to find.

Memory: the way from the root to the present object with what remains to be looked at beside it,
and what is lost.
"""

from collections.abc import Callable
from typing import Final

from fsmodel.content.content_ref import is_manifest
from fsmodel.content.manifest import LEAF_LEVEL, level_of
from fsmodel.errors import DataError
from fsmodel.history.naming import PARENT_KINDS, named_by
from fsmodel.ids import ObjectId, PackId
from fsmodel.rebuild.bulk import Bulk
from fsmodel.store.object_reader import CHAIN_MAX
from fsmodel.store.pack_format import Location, ObjectKind
from lmdb_index.records import DamagedRecord, ObjectRecord, RawRecord
from lmdb_index.schema import DAMAGED, INODE, OBJECT, SNAPSHOT, UNREFERENCED

_PRESENT: Final = RawRecord()

Load = Callable[[ObjectId], bytes]


class ReferenceCounter:
    """Counts every reference of a new index."""

    def __init__(
        self,
        bulk: Bulk,
        load: Load,
        damaged: dict[ObjectId, Location],
        pack: PackId,
        now_ns: int,
    ) -> None:
        """`damaged` says where damaged objects lie; of others that are lost `pack` is said."""
        self._bulk = bulk
        self._load = load
        self._damaged = damaged
        self._pack = pack
        self._now_ns = now_ns
        self.lost: list[ObjectId] = []  # named, and not to be read
        self.counted = 0

    def count_contents(self) -> None:
        """The content of every inode. Raises NoRoom, IndexProblem."""
        for _, record in self._bulk.index.scan(INODE):
            if record.content:
                kind = ObjectKind.MANIFEST if is_manifest(record.content) else ObjectKind.CHUNK
                self.count(ObjectId(record.content[1:]), kind)

    def count_snapshots(self) -> None:
        """The root of every snapshot. Raises NoRoom, IndexProblem."""
        for _, record in self._bulk.index.scan(SNAPSHOT):
            self.count(ObjectId(record.root), ObjectKind.ROOT)

    def count(self, named: ObjectId, kind: int) -> None:
        """One reference to an object; of what kind is asked only if it is lost."""
        stack = [(named, kind)]
        while stack:
            each, kind = stack.pop()
            record = self._bulk.index.get(OBJECT, each) or self._lost_row(each, kind)
            record.references += 1
            if record.references == 1:
                record.depth = self._depth_of(record)
                stack += self._named_by(each, record)
            self._bulk.put(OBJECT, each, record)
            self.counted += 1

    def clear_unnamed(self) -> None:
        """Decide about the rows that nothing names. Raises NoRoom, IndexProblem."""
        for key, record in self._bulk.index.scan(OBJECT):
            if record.references:
                continue
            if record.kind == ObjectKind.CHUNK and not record.base:
                self._bulk.put(UNREFERENCED, key, _PRESENT)
            else:
                self._bulk.delete(OBJECT, key)

    def _named_by(self, parent: ObjectId, record: ObjectRecord) -> list[tuple[ObjectId, int]]:
        """What a row that was just named for the first time names itself, and of what kind."""
        named = [(ObjectId(record.base), record.kind)] if record.base else []
        if record.kind not in PARENT_KINDS or not record.stored:
            return named
        try:
            data = self._load(parent)
            children = named_by(record.kind, data)
        except DataError as error:
            self._note_lost(parent, str(error))
            return named
        kind = ObjectKind.CHUNK
        if record.kind == ObjectKind.MANIFEST and level_of(data) > LEAF_LEVEL:
            kind = ObjectKind.MANIFEST
        return named + [(child, kind) for child in children]

    def _depth_of(self, record: ObjectRecord) -> int:
        """How many bases a delta needs; a chain that does not end is found when it is read."""
        depth, base = 0, record.base
        while base and depth < CHAIN_MAX:
            below = self._bulk.index.get(OBJECT, base)
            depth, base = depth + 1, below.base if below is not None else b""
        return depth

    def _lost_row(self, lost: ObjectId, kind: int) -> ObjectRecord:
        """A row for an object that is named and not there, so that its users can be deleted."""
        place = self._damaged.get(lost, Location(self._pack, 0, 0))
        where = f"its frame at {place} is damaged" if place.stored else "no pack has it"
        self._note_lost(lost, where)
        return ObjectRecord(kind, 0, place.pack, place.offset, place.stored, 0)

    def _note_lost(self, lost: ObjectId, reason: str) -> None:
        self.lost.append(lost)
        record = DamagedRecord(f"rebuild-index: {reason}", self._now_ns, uncounted=True)
        self._bulk.put(DAMAGED, lost, record)
