"""Immutable objects by id: stored once, counted, verified when read.

An object has a row in the index once something names it. Between being appended to a pack and
being named it is *unrecorded*: known in memory only, so that its row is written a single time,
with its first reference. If the process dies before, the frame is dead space that GC finds.

References are changed in the change that creates or deletes what refers: an inode's content ref,
a slot of a manifest page, and later versions, snapshots and delta children. An object whose count
falls to zero stays readable, and can be named again, until GC removes it.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import Any, Final, TypeVar

from fsmodel.buffers import Buffer
from fsmodel.change import Change, Changes
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import ChunkNotFound, NoSpace
from fsmodel.ids import ObjectId, PackId
from fsmodel.steps import Steps, Work, side_by_side
from fsmodel.store.bases import BaseFinder
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.dead_bytes import count_dead
from fsmodel.store.drafts import Draft, Encoded, Encoding, NewObject, Noise, batch_of
from fsmodel.store.encoder import Encoder
from fsmodel.store.epochs import Epochs
from fsmodel.store.frames import ChunkFacts
from fsmodel.store.group_writer import EncodedRun, GroupLimits, append_grouped, append_runs
from fsmodel.store.heat import HOT_READS, Heat
from fsmodel.store.object_reader import Located, ObjectReader, locate
from fsmodel.store.pack_format import Location, ObjectKind
from fsmodel.store.pack_reader import PackReader, RawChunk
from fsmodel.store.pack_writer import PackWriter
from fsmodel.store.reliance import Reliance
from fsmodel.store.similarity import FeatureIndex
from fsmodel.store.untried import UntriedPacks
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.records import ObjectRecord, PackRecord, PackState, RawRecord
from lmdb_index.schema import DAMAGED, OBJECT, PACK, UNREFERENCED

PART_BYTES: Final = 1 << 20  # of a batch that is compressed; parts of it can be at the same time
FALLEN_MAX: Final = 100_000  # remembered; a collection finds the others

Item = TypeVar("Item")
Made = TypeVar("Made")

_PRESENT: Final = RawRecord()


class ObjectStore:
    """All objects of a store. Owner: the thread that owns the index; `read` is for any thread."""

    def __init__(
        self,
        index: Index,
        changes: Changes,
        writer: PackWriter,
        reader: PackReader,
        cache: ByteCache,
        encoding: Encoding,
    ) -> None:
        self._index = index
        self._changes = changes
        self._writer = writer
        self._reader = ObjectReader(reader, cache)
        self._cache = cache
        self.encoder = Encoder(writer, self._reader, encoding)
        self.encoding = encoding
        self._features = FeatureIndex(index)
        self._bases = BaseFinder(
            index,
            self._features,
            self.find,
            self.locate,
            self.is_damaged,
            depth_max=encoding.depth_max,
        )
        self._groups = GroupLimits(encoding.level)
        self.makes_deltas = encoding.depth_max > 0
        self._unrecorded: dict[ObjectId, ObjectRecord] = {}
        self._new_bases: set[ObjectId] | None = None
        self._appending: Counter[PackId] = Counter()  # appends by the lowest pack they may go to
        self._known_pack = 0  # the last pack that was found to have its row
        self.fallen: deque[ObjectId] = deque()  # lost their last reference, and may name others
        self.heat = Heat()
        self.epochs = Epochs()
        self.reliance = Reliance()
        self.untried = UntriedPacks(index)

    @property
    def unrecorded(self) -> Mapping[ObjectId, ObjectRecord]:
        """Objects that are stored and that nothing names yet, with what will be their rows."""
        return MappingProxyType(self._unrecorded)

    @property
    def growing_from(self) -> PackId:
        """The lowest pack in which an object may still come to lie, appends under way included."""
        return min([self._writer.next_pack, *self._appending])

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

    def add(self, objects: Sequence[NewObject]) -> Steps[None]:
        """Store those that are new. They stay unrecorded until something names them.

        GC takes none of them, new or not, while this runs. Whoever does not name them before his
        own next step has to rely on them (reliance.py), or say that he names them in memory.
        """
        with self.reliance.on([new.id for new in objects]):
            missing = self._missing(objects)
            if missing:
                yield from self._store(missing)

    def add_one(self, new: NewObject) -> Steps[None]:
        """The same for a single object of few bytes, as small files have.

        What that takes is done here and now, as a step would cost as much as its work; but trying
        bases is one, since they may have to be read.
        """
        if not self.makes_deltas:
            yield from self.add([new])
        elif self._lacks(new.id):
            encoded = self.encoder.encode([new], brief=self._bases.brief)
            drafts = self._bases.draft(encoded)
            if drafts[0].bases:
                with self.reliance.on([new.id]):
                    yield from self._append_drafts(drafts)
            else:
                records = self.encoder.append(drafts, (None,))
                self._bases.note(drafts, records)
                self._register_all([new], records)

    def add_grouped(self, objects: Sequence[NewObject], plain_bytes: int = 0) -> Steps[None]:
        """The same for objects that are small and alike: neighbours go into a group together.

        Nothing is looked for that they resemble; the group is what they are compressed with. It has
        up to so many bytes, or the usual number.
        """
        with self.reliance.on([new.id for new in objects]):
            new = self._missing(objects)
            if new:
                size = sum(len(each.data) for each in new)
                limits = GroupLimits(self._groups.level, plain_bytes or self._groups.plain_bytes)
                work = Work(partial(append_grouped, self._writer, new, limits), size)
                self._register_all(new, (yield from self._appended(work)))

    def append(self, runs: Sequence[EncodedRun]) -> Steps[list[ObjectRecord]]:
        """Append other frames of objects that are stored; no row says so yet, see `replace`.

        Raises NoSpace, BackendError.
        """
        size = sum(run.size_bytes for run in runs)
        work = Work(partial(append_runs, self._writer, runs), size)
        records: list[ObjectRecord] = yield from self._appended(work)
        return records

    def redraft(self, encoded: Sequence[Encoded]) -> list[Draft]:
        """Bases that objects which are stored already may have; see BaseFinder.redraft."""
        return self._bases.redraft(encoded)

    def encode_stored(self, objects: Sequence[NewObject]) -> list[Encoded]:
        """Compress objects that were stored in haste, and take features. Any thread."""
        return self.encoder.encode(objects, brief=self._bases.brief)

    def draft_stored(
        self, encoded: Sequence[Encoded], is_free: Callable[[ObjectId], bool]
    ) -> list[Draft]:
        """Bases for objects that were stored in haste; see BaseFinder.draft_stored."""
        if not self.makes_deltas:
            return [Draft(each, ()) for each in encoded]
        return self._bases.draft_stored(encoded, is_free)

    def note_drafts(self, drafts: Sequence[Draft], records: Sequence[ObjectRecord]) -> None:
        """Learn from what came of them."""
        self._bases.note(drafts, records)

    def learn(self, chunk: ObjectId, features: Sequence[int]) -> None:
        """Remember what a chunk that is stored already resembles."""
        self._bases.learn(chunk, features)

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
            self._count(change, former, -1)
            self._count(change, record, 1)
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

    def add_parent(
        self, change: Change, kind: ObjectKind, data: bytes, children: Sequence[ObjectId]
    ) -> ObjectId:
        """Store an object that names others; they get their references with it."""
        parent_id = object_id(data)
        if self.is_damaged(parent_id):
            (healthy,) = self.encoder.store_plain([NewObject(kind, parent_id, data)])
            for child in children if self.names_nothing(parent_id) else ():
                self.add_reference(change, child)
            self._heal(change, parent_id, healthy)
        elif change.operation.get(OBJECT, parent_id) is None:
            record = self._unrecorded.get(parent_id)
            if record is None:
                (record,) = self.encoder.store_plain([NewObject(kind, parent_id, data)])
                self._unrecorded[parent_id] = record
            self._record(change, parent_id, record, references=0)
            for child in children:
                self.add_reference(change, child)
        return parent_id

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
            self._count(change, record, 1)
        change.operation.put(OBJECT, named, record)

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
            self._count(change, record, -1)
            if record.kind != ObjectKind.CHUNK and len(self.fallen) < FALLEN_MAX:
                change.when_applied(partial(self.fallen.append, named))
        change.operation.put(OBJECT, named, record)

    def locate(self, wanted: ObjectId) -> Located:
        """Where an object lies, down to the last base of its delta chain. Raises ChunkNotFound."""
        return locate(self.find, wanted, self.epochs.current)

    def cached(self, wanted: ObjectId) -> Buffer | None:
        """The bytes of an object if they are in memory."""
        data = self._cache.get(wanted)
        if data is None:
            self.heat.note(wanted)
        self.heat.touch(wanted, self._changes.now_ns())
        return data

    def note_reads(self, wanted: Sequence[ObjectId]) -> None:
        """Objects are going to be read from their packs, whether or not they are in memory."""
        self.heat.note_each(wanted, self._changes.now_ns())

    def is_read_often(self, wanted: ObjectId) -> bool:
        """Whether all of an object that `cached` did not have is worth its place in memory.

        Memory that is touched for the first time costs more than several readings.
        """
        return self.heat.reads(wanted) >= HOT_READS

    def read_part_nowait(
        self, place: tuple[PackId, int], chunk: RawChunk, low: int, high: int
    ) -> bytes | None:
        """Bytes [low, high) of a chunk that is stored as it is, or may be; see ObjectReader."""
        return self._reader.read_part_nowait(place, chunk, low, high)

    def read(self, located: Located) -> bytes:
        """The bytes of an object, verified. Any thread may call it. Raises DataError."""
        return self._reader.read(located)

    def read_raw(self, first: Located, wanted: Sequence[ChunkFacts], into: Buffer) -> int:
        """Read chunks that lie behind each other as they are; see ObjectReader. Any thread."""
        return self._reader.read_raw(first, wanted, into)

    def read_nowait(self, located: Located) -> Buffer | None:
        """The same; None when the host would have to wait for its disk, or it is long work."""
        return self._reader.read_nowait(located)

    def verify(self, located: Located) -> None:
        """Read an object's own frame from its pack, and decode it. Any thread may call it.

        Raises DataError; BaseUnreadable when the frame is whole and its base is not.
        """
        self._reader.verify(located)

    def members_at(self, location: Location) -> list[ObjectId]:
        """The ids of all members of a group, read now. Any thread may call it. Raises DataError."""
        return self._reader.members_at(location)

    def load(self, wanted: ObjectId) -> bytes:
        """The bytes of an object, read here and now. Raises DataError."""
        return bytes(self._cache.get(wanted) or self.read(self.locate(wanted)))

    def save_features(self) -> None:
        """Put what chunks resemble into the index; without room for it, a later time will do."""
        if not self._features.unsaved:
            return
        with suppress(NoSpace), self._changes.begin() as change:
            self._features.save(change.operation)
            change.when_applied(self._features.confirm_saved)

    def _store(self, objects: Sequence[NewObject]) -> Steps[None]:
        """Encode and append objects, in workers, and know them from then on."""
        size = sum(len(new.data) for new in objects)
        if objects[0].untried:
            yield from self._append_untried(objects, size)
            return
        if not self.makes_deltas:
            work = Work(partial(self.encoder.store_plain, objects), size)
            self._register_all(objects, (yield from self._appended(work)))
            return
        if self._bases.expects_noise(objects):
            encoded = yield from self._append_noise(objects, size)
        else:
            brief = self._bases.brief
            encode = partial(self.encoder.encode, brief=brief)
            encoded = yield from _in_parts(encode, objects, [len(new.data) for new in objects])
        if encoded:
            yield from self._append_encoded(encoded)

    def _append_untried(self, objects: Sequence[NewObject], size: int) -> Steps[None]:
        """Store objects as they are; what they could be made of is for archival to find out."""
        work = Work(partial(self.encoder.append_raw, objects), size)
        records = yield from self._appended(work)
        if self.untried.note({record.pack for record in records}):
            self._known_pack = 0  # its row is to be written along with those of the objects
        self.untried.keep_hints(objects)
        self._register_all(objects, records)

    def _append_noise(self, objects: Sequence[NewObject], size: int) -> Steps[list[Encoded]]:
        """Store what does not compress at once; what does is returned, compressed."""
        work = Work(partial(self.encoder.append_noise, objects), size)
        found: list[Noise] = yield from self._appended(work)
        self._bases.learn_noise(found)
        stored = [(each.encoded.new, each.record) for each in found if each.record is not None]
        self._register_all([new for new, _ in stored], [record for _, record in stored])
        return [each.encoded for each in found if each.record is None]

    def _append_encoded(self, encoded: Sequence[Encoded]) -> Steps[None]:
        """Find bases for what is compressed, and store it."""
        yield from self._append_drafts(self._bases.draft(encoded))

    def _append_drafts(self, drafts: Sequence[Draft]) -> Steps[None]:
        """Try the bases of drafts, and store all of them."""
        with self.reliance.on(base.id for draft in drafts for base in draft.bases):
            sizes = [draft.work_bytes for draft in drafts]
            deltas = None
            if sum(sizes) > PART_BYTES:
                make = partial(self.encoder.deltas.make, batch=batch_of(drafts))
                deltas = yield from _in_parts(make, drafts, sizes)
            work = Work(partial(self.encoder.append, drafts, deltas), sum(sizes))
            records = yield from self._appended(work)
            self._bases.note(drafts, records)
            self._register_all([draft.encoded.new for draft in drafts], records)

    def _appended(self, work: Work) -> Steps[Any]:
        """Have it done. Until it is back, the packs it may append to count as growing."""
        lowest = self._writer.next_pack
        self._appending[lowest] += 1
        try:
            return (yield work)
        finally:
            self._appending[lowest] -= 1
            if not self._appending[lowest]:
                del self._appending[lowest]

    def _register_all(self, objects: Sequence[NewObject], records: Sequence[ObjectRecord]) -> None:
        """Know objects that were appended, unless another write was first with the same bytes.

        In the order they were encoded in, so that a base is known before what needs it. The base
        may be another's, and so be deeper than what this batch has made of it.
        """
        for new, record in zip(objects, records, strict=True):
            if record.base:
                record.depth = self.get(ObjectId(record.base)).depth + 1
                self._note_base(ObjectId(record.base))
            if self._index.get(OBJECT, new.id) is None:
                self._unrecorded.setdefault(new.id, record)
            elif self.is_damaged(new.id) and not record.base:
                with self._changes.begin() as change:
                    self._heal(change, new.id, record)

    def _record(
        self, change: Change, named: ObjectId, record: ObjectRecord, *, references: int
    ) -> None:
        """Write the first row of an object."""
        record.references = references
        change.operation.put(OBJECT, named, record)
        if record.pack != self._known_pack:
            self._ensure_pack_row(change, record.pack)
        if references:
            self._count(change, record, 1)
        else:
            change.operation.put(UNREFERENCED, named, _PRESENT)
            change.operation.add("garbage_bytes", record.stored)
        if record.base:
            self.add_reference(change, ObjectId(record.base))
        change.when_applied(partial(self._forget_unrecorded, named))

    def _note_base(self, base: ObjectId) -> None:
        if self._new_bases is not None:
            self._new_bases.add(base)

    def _missing(self, objects: Sequence[NewObject]) -> list[NewObject]:
        """Those that `_lacks` says are to be stored, each once."""
        lacks = self._lacks if self._index.count(DAMAGED) else self._is_unknown
        return list({new.id: new for new in objects if lacks(new.id)}.values())

    def _is_unknown(self, wanted: ObjectId) -> bool:
        return self.find(wanted) is None

    def _lacks(self, wanted: ObjectId) -> bool:
        return self.find(wanted) is None or self.is_damaged(wanted)

    def _heal(self, change: Change, healed: ObjectId, record: ObjectRecord) -> None:
        """Let a row that points at a damaged frame point at a new one."""
        assert not record.base
        self.replace(change, healed, record)
        change.operation.delete(DAMAGED, healed)

    def _forget_unrecorded(self, named: ObjectId) -> None:
        self._unrecorded.pop(named, None)

    def _ensure_pack_row(self, change: Change, pack: int) -> None:
        key = number_key(pack)
        if change.operation.get(PACK, key) is None:
            change.operation.put(PACK, key, PackRecord(PackState.OPEN))
        self.untried.mark(change, pack)
        change.when_applied(partial(setattr, self, "_known_pack", pack))

    def _count(self, change: Change, record: ObjectRecord, sign: int) -> None:
        """Keep the figures of `cairnfs stats` as an object begins or ceases to be named."""
        add = change.operation.add
        add("stored_bytes", sign * record.stored)
        if record.kind == ObjectKind.CHUNK:
            add("chunks", sign)
            add("unique_bytes", sign * record.plain)
            add("delta_chunks", sign * bool(record.base))
        add("delta_saved_bytes", sign * record.saved)


def _in_parts(
    make: Callable[[Sequence[Item]], Sequence[Made]], items: Sequence[Item], sizes: Sequence[int]
) -> Steps[list[Made]]:
    """Make something of each of many items, in threads that have about PART_BYTES each."""
    works: list[Work] = []
    start = filled = 0
    for end, size in enumerate(sizes, 1):
        filled += size
        if filled >= PART_BYTES or end == len(items):
            works.append(Work(partial(make, items[start:end]), filled))
            start, filled = end, 0
    if len(works) == 1:
        return list((yield works[0]))
    made: list[Sequence[Made]] = yield side_by_side(works)
    return list(chain.from_iterable(made))
