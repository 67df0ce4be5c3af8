"""Immutable objects by id: stored once, counted, verified when read.

What an object's row says, and how many places name it, is in object_rows.py; here are its bytes,
on their way into packs and out of them.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from operator import itemgetter
from typing import Any, Final

from fsmodel.buffers import Buffer
from fsmodel.change import Change, Changes
from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import NoSpace
from fsmodel.ids import ObjectId, PackId
from fsmodel.steps import PART_BYTES, Steps, Work, in_parts
from fsmodel.store.bases import BaseFinder
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.drafts import Draft, Encoded, Encoding, NewObject, Noise, batch_of
from fsmodel.store.encoder import Encoder
from fsmodel.store.epochs import Epochs
from fsmodel.store.frames import ChunkFacts
from fsmodel.store.group_writer import EncodedRun, GroupLimits, append_grouped, append_runs
from fsmodel.store.heat import HOT_READS, Heat
from fsmodel.store.object_reader import Located, ObjectReader, locate
from fsmodel.store.object_rows import ObjectRows
from fsmodel.store.pack_format import Location, ObjectKind
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_writer import PackWriter
from fsmodel.store.reliance import Reliance
from fsmodel.store.similarity import FeatureIndex
from lmdb_index.index import Index
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import DAMAGED, OBJECT

_ID: Final = itemgetter(1)  # of a new object
_DATA: Final = itemgetter(2)


class ObjectStore(ObjectRows):
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
        super().__init__(index)
        self._changes = changes
        self._writer = writer
        self._packs = reader
        self._reader = ObjectReader(reader, cache)
        self.ahead = reader.ahead
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
        self._appending: Counter[PackId] = Counter()  # appends by the lowest pack they may go to
        self.heat = Heat()
        self.epochs = Epochs()
        self.reliance = Reliance()

    @property
    def growing_from(self) -> PackId:
        """The lowest pack in which an object may still come to lie, appends under way included."""
        return min([self._writer.next_pack, *self._appending])

    def add(self, objects: Sequence[NewObject]) -> Steps[None]:
        """Store those that are new. They stay unrecorded until something names them.

        GC takes none of them, new or not, while this runs. Whoever does not name them before his
        own next step has to rely on them (reliance.py), or say that he names them in memory.
        """
        with self.reliance.on(map(_ID, objects)):
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

    def add_parent(
        self, change: Change, kind: ObjectKind, data: bytes, children: Sequence[ObjectId]
    ) -> ObjectId:
        """Store an object that names others; they get their references with it."""
        parent_id = object_id(data)
        if self.is_damaged(parent_id):
            (healthy,) = self.encoder.store_plain([NewObject(kind, parent_id, data)])
            if self.names_nothing(parent_id):
                self.add_references(change, children)
            self._heal(change, parent_id, healthy)
        elif change.operation.get(OBJECT, parent_id) is None:
            record = self._unrecorded.get(parent_id)
            if record is None:
                (record,) = self.encoder.store_plain([NewObject(kind, parent_id, data)])
                self._unrecorded[parent_id] = record
            self._record(change, parent_id, record, references=0)
            self.add_references(change, children)
        return parent_id

    def locate(self, wanted: ObjectId) -> Located:
        """Where an object lies, down to the last base of its delta chain. Raises ChunkNotFound."""
        return locate(self.find, wanted, self.epochs.current)

    def is_cached(self, wanted: ObjectId) -> bool:
        """Whether an object is in memory; nobody is said to have read it."""
        return wanted in self._cache

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
        self, place: tuple[PackId, int], chunk: ChunkFacts, low: int, high: int
    ) -> bytes | None:
        """Bytes [low, high) of a chunk that is stored as it is, or may be; see ObjectReader."""
        return self._reader.read_part_nowait(place, chunk, low, high)

    def read_part_often(
        self, place: tuple[PackId, int], chunk: ChunkFacts, low: int, high: int
    ) -> bytes | None:
        """The same for who asks for a chunk that is not in memory, which counts as `cached` does.

        Waits for the disk if few bytes are all it has to bring. None for one as well that is worth
        its place in memory by now.
        """
        if self.heat.reads(chunk[0]) >= HOT_READS - 1:
            return None
        part = self._reader.read_part_at(place, chunk, low, high)
        if part is not None:
            self._cache.misses += 1
            self.heat.note_at(chunk[0], self._changes.now_ns())
        return part

    def read_part(self, located: Located, low: int, high: int) -> bytes:
        """Bytes [low, high) of a chunk that is stored as it is, verified. Any thread may call it.

        Raises DataError.
        """
        return self._reader.read_part(located, low, high)

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

    def place_behind(self, stored: ObjectId) -> tuple[PackId, int] | None:
        """The pack and the offset where what was stored after a chunk begins, if that is known."""
        record = self.find(stored)
        if record is None or record.codec == Codec.GROUP:
            return None
        return PackId(record.pack), record.offset + record.stored

    def descriptor(self, pack: PackId) -> AbstractContextManager[int]:
        """Of a pack that stays open meanwhile, or -1; see PackReader. Any thread."""
        return self._packs.descriptor(pack)

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
        size = sum(map(len, map(_DATA, objects)))
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
            encoded = yield from in_parts(encode, objects, [len(new.data) for new in objects])
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
                deltas = yield from in_parts(make, drafts, sizes)
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
        ids, unrecorded = list(map(_ID, objects)), self._unrecorded
        stored = self._index.present(OBJECT, ids)
        for new, record in zip(ids, records, strict=True):
            if record.base:
                record.depth = self.get(ObjectId(record.base)).depth + 1
                self._note_base(ObjectId(record.base))
            if new not in stored:
                unrecorded.setdefault(new, record)
            elif self.is_damaged(new) and not record.base:
                with self._changes.begin() as change:
                    self._heal(change, new, record)

    def _missing(self, objects: Sequence[NewObject]) -> list[NewObject]:
        """Those that are not stored, or damaged, each once."""
        first: dict[ObjectId, NewObject] = dict(zip(map(_ID, objects), objects, strict=True))
        if self._index.count(DAMAGED):
            return [new for new in first.values() if self._lacks(new.id)]
        return [first[each] for each in self._unknown(first)]
