"""The rows of objects: where each lies, how many places name it, and what hangs on that.

An object has a row in the index once something names it. Between being appended to a pack and
being named it is *unrecorded*: known in memory only, so that its row is written a single time,
with its first reference. If the process dies before, the frame is dead space that GC finds.

References are changed in the change that creates or deletes what refers: an inode's content ref,
a slot of a manifest page, and later versions, snapshots and delta children. An object whose count
falls to zero stays readable, and can be named again, until GC removes it.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import filterfalse, repeat
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from fsmodel.change import Change
from fsmodel.errors import ChunkNotFound
from fsmodel.ids import ObjectId
from fsmodel.store.dead_bytes import count_dead
from fsmodel.store.pack_format import ObjectKind
from fsmodel.store.untried import UntriedPacks
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.records import ObjectRecord, PackRecord, PackState, RawRecord
from lmdb_index.schema import DAMAGED, OBJECT, PACK, UNREFERENCED

FALLEN_MAX: Final = 100_000  # remembered; a collection finds the others

_PRESENT: Final = RawRecord()
_PACK, _STORED, _PLAIN = attrgetter("pack"), attrgetter("stored"), attrgetter("plain")
_BASE, _SAVED = attrgetter("base"), attrgetter("saved")


class ObjectRows:
    """Rows and references of all objects. Owner: the thread that owns the index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._unrecorded: dict[ObjectId, ObjectRecord] = {}
        self._new_bases: set[ObjectId] | None = None
        self._known_pack = 0  # the last pack that was found to have its row
        self.fallen: deque[ObjectId] = deque()  # lost their last reference, and may name others
        self.untried = UntriedPacks(index)

    @property
    def unrecorded(self) -> Mapping[ObjectId, ObjectRecord]:
        """Objects that are stored and that nothing names yet, with what will be their rows."""
        return MappingProxyType(self._unrecorded)

    def forget_unrecorded(self, unwanted: ObjectId) -> None:
        """Nobody will name this object: from now on it counts as not stored."""
        del self._unrecorded[unwanted]

    def move_unrecorded(self, moved: ObjectId, record: ObjectRecord) -> None:
        """An object that has no row yet was copied elsewhere: this will be its row."""
        assert moved in self._unrecorded
        self._unrecorded[moved] = record

    def is_damaged(self, wanted: ObjectId) -> bool:
        """Whether an object is known to be unreadable; what is written again replaces it."""
        return self._index.count(DAMAGED) > 0 and self._index.get(DAMAGED, wanted) is not None

    def names_nothing(self, damaged: ObjectId) -> bool:
        """Whether what a damaged object names has got no references from it."""
        note = self._index.get(DAMAGED, damaged)
        return note is not None and note.uncounted

    def find(self, wanted: ObjectId) -> ObjectRecord | None:
        """The row of an object, or what will be its row; None when it is not stored."""
        return self._index.get(OBJECT, wanted) or self._unrecorded.get(wanted)

    def get(self, wanted: ObjectId) -> ObjectRecord:
        """The row of an object. Raises ChunkNotFound."""
        record = self.find(wanted)
        if record is None:
            raise ChunkNotFound(wanted)
        return record

    @contextmanager
    def new_bases(self) -> Iterator[set[ObjectId]]:
        """Gives the objects that become bases while the block runs, as they do."""
        assert self._new_bases is None
        self._new_bases = {ObjectId(row.base) for row in self._unrecorded.values() if row.base}
        try:
            yield self._new_bases
        finally:
            self._new_bases = None

    def replace(self, change: Change, replaced: ObjectId, record: ObjectRecord) -> None:
        """Let the row of an object point at another frame of it; the former one is dead then.

        Raises ChunkNotFound when it needs a base that is not stored.
        """
        former = change.operation.get(OBJECT, replaced)
        assert former is not None
        record.references = former.references
        if former.references:
            self._count(change, (former,), -1)
            self._count(change, (record,), 1)
        else:
            change.operation.add("garbage_bytes", record.stored - former.stored)
        if record.base:
            self.add_reference(change, ObjectId(record.base))
            self._note_base(ObjectId(record.base))
        change.operation.put(OBJECT, replaced, record)
        self._ensure_pack_row(change, record.pack)
        count_dead(change, former.pack, former.stored)
        if former.base:
            self.drop_reference(change, ObjectId(former.base))

    def add_reference(self, change: Change, named: ObjectId) -> None:
        """Count one more place that names an object. Raises ChunkNotFound."""
        record = change.operation.get(OBJECT, named)
        if record is None:
            record = self._unrecorded.get(named)
            if record is None:
                raise ChunkNotFound(named)
            self._record(change, named, record, references=1)
            return
        record.references += 1
        if record.references == 1:
            change.operation.delete(UNREFERENCED, named)
            change.operation.add("garbage_bytes", -record.stored)
            self._count(change, (record,), 1)
        change.operation.put(OBJECT, named, record)

    def add_references(self, change: Change, named: Sequence[ObjectId]) -> None:
        """The same for each of many, of which those without a row are counted together."""
        operation, find = change.operation, self._unrecorded.get
        fresh = {
            each: record for each in named if (record := find(each)) is not None and not record.base
        }
        for each in operation.present(OBJECT, list(fresh)):
            del fresh[ObjectId(each)]
        for record in fresh.values():
            record.references = 1
        operation.put_new(OBJECT, fresh)
        self._count(change, fresh.values(), 1)
        for pack in set(map(_PACK, fresh.values())) - {self._known_pack}:
            self._ensure_pack_row(change, pack)
        change.when_applied(partial(self._forget_unrecorded, fresh))
        if len(fresh) < len(named):
            once = set(fresh)
            for each in named:
                if each in once:
                    once.remove(each)
                else:
                    self.add_reference(change, each)

    def drop_reference(self, change: Change, named: ObjectId) -> None:
        """Count one place less. Raises ChunkNotFound."""
        record = change.operation.get(OBJECT, named)
        if record is None:
            raise ChunkNotFound(named)
        assert record.references > 0
        record.references -= 1
        if record.references == 0:
            change.operation.put(UNREFERENCED, named, _PRESENT)
            change.operation.add("garbage_bytes", record.stored)
            self._count(change, (record,), -1)
            if record.kind != ObjectKind.CHUNK and len(self.fallen) < FALLEN_MAX:
                change.when_applied(partial(self.fallen.append, named))
        change.operation.put(OBJECT, named, record)

    def _record(
        self, change: Change, named: ObjectId, record: ObjectRecord, *, references: int
    ) -> None:
        """Write the first row of an object."""
        record.references = references
        change.operation.put(OBJECT, named, record)
        if record.pack != self._known_pack:
            self._ensure_pack_row(change, record.pack)
        if references:
            self._count(change, (record,), 1)
        else:
            change.operation.put(UNREFERENCED, named, _PRESENT)
            change.operation.add("garbage_bytes", record.stored)
        if record.base:
            self.add_reference(change, ObjectId(record.base))
        change.when_applied(partial(self._forget_unrecorded, (named,)))

    def _note_base(self, base: ObjectId) -> None:
        if self._new_bases is not None:
            self._new_bases.add(base)

    def _unknown(self, wanted: Iterable[ObjectId]) -> list[ObjectId]:
        """Those that are not stored, in the same order."""
        absent = list(filterfalse(self._unrecorded.__contains__, wanted))
        stored = self._index.present(OBJECT, absent)
        return [each for each in absent if each not in stored] if stored else absent

    def _lacks(self, wanted: ObjectId) -> bool:
        return self.find(wanted) is None or self.is_damaged(wanted)

    def _heal(self, change: Change, healed: ObjectId, record: ObjectRecord) -> None:
        """Let a row that points at a damaged frame point at a new one."""
        assert not record.base
        self.replace(change, healed, record)
        change.operation.delete(DAMAGED, healed)

    def _forget_unrecorded(self, named: Iterable[ObjectId]) -> None:
        deque(map(self._unrecorded.pop, named, repeat(None)), maxlen=0)

    def _ensure_pack_row(self, change: Change, pack: int) -> None:
        key = number_key(pack)
        if change.operation.get(PACK, key) is None:
            change.operation.put(PACK, key, PackRecord(PackState.OPEN))
        self.untried.mark(change, pack)
        change.when_applied(partial(setattr, self, "_known_pack", pack))

    def _count(self, change: Change, records: Collection[ObjectRecord], sign: int) -> None:
        """Keep the figures of `cairnfs stats` as objects begin or cease to be named."""
        chunks = [record for record in records if record.kind == ObjectKind.CHUNK]
        add = change.operation.add
        add("stored_bytes", sign * sum(map(_STORED, records)))
        add("chunks", sign * len(chunks))
        add("unique_bytes", sign * sum(map(_PLAIN, chunks)))
        add("delta_chunks", sign * sum(map(bool, map(_BASE, chunks))))
        add("delta_saved_bytes", sign * sum(map(_SAVED, records)))
