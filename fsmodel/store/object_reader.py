"""Reading objects: from the cache, or from packs, verified, along the chain of their bases.

A member of a group is decoded with those that lie in front of it, which are kept as well: what lies
together is read together (open_groups.py).

A delta is decoded with its base, which may be a delta itself. Chains are short by configuration,
and finite in any case: a base is stored before what needs it. An index that says otherwise is
damaged, and is found out rather than followed.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from fsmodel.buffers import Buffer
from fsmodel.encoding.codecs import Codec, decode
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import (
    BaseUnreadable,
    ChunkNotFound,
    CompressionError,
    DataError,
    FrameCorrupt,
)
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.epochs import Epoch
from fsmodel.store.frames import ChunkFacts, blank
from fsmodel.store.group_format import GROUP_BYTES_MAX, Member, read_members
from fsmodel.store.open_groups import OpenGroup, OpenGroups, groups_within
from fsmodel.store.pack_format import Frame, Location
from fsmodel.store.pack_reader import PackReader, RawChunk, verify_plain
from fsmodel.store.placement import Placement, placement_of
from fsmodel.store.sections import is_little
from lmdb_index.records import ObjectRecord

CHAIN_MAX: Final = 64  # objects; no configuration allows half of it
NOWAIT_BYTES_MAX: Final = 256 << 10  # decoded without a thread, bases included

Find = Callable[[ObjectId], ObjectRecord | None]


class Located(NamedTuple):
    """Where an object lies, with all it takes to decode it; usable in any thread."""

    id: ObjectId
    codec: Codec
    place: Placement
    plain: int
    base: "Located | None"
    epoch: Epoch  # while this is held, no pack it speaks of is deleted

    @property
    def location(self) -> Location:
        """The frame to be read."""
        return self.place.location

    @property
    def in_group(self) -> bool:
        """Whether it shares the frame with others."""
        return self.codec is Codec.GROUP

    @property
    def is_raw(self) -> bool:
        """Whether a frame of its own holds its bytes as they are."""
        return self.codec is Codec.RAW

    @property
    def work_bytes(self) -> int:
        """About how many bytes decoding it goes through, its base not counted."""
        return GROUP_BYTES_MAX if self.in_group else self.plain


def locate(find: Find, wanted: ObjectId, epoch: Epoch) -> Located:
    """Where an object and its bases lie, by the rows that `find` gives.

    `epoch` is that of the rows: the current one, or that of the snapshot they are read from.
    Raises ChunkNotFound, also for a base; FrameCorrupt for a chain without end.
    """
    chain: list[tuple[ObjectId, ObjectRecord]] = []
    at = wanted
    while at:
        record = find(at)
        if record is None:
            raise ChunkNotFound(at)
        chain.append((at, record))
        if len(chain) > CHAIN_MAX:
            raise FrameCorrupt(f"object {wanted.hex()}", f"more than {CHAIN_MAX - 1} bases deep")
        at = ObjectId(record.base)
    base: Located | None = None
    for each, record in reversed(chain):
        place = placement_of(record)
        base = Located(each, Codec(record.codec), place, record.plain, base, epoch)
    assert base is not None
    return base


class ObjectReader:
    """Objects by their place. Any thread may use it."""

    def __init__(self, packs: PackReader, cache: ByteCache) -> None:
        self._packs = packs
        self._cache = cache
        self._groups = OpenGroups(groups_within(cache.limit_bytes))

    def read(self, located: Located) -> bytes:
        """The bytes of an object, verified. Raises DataError."""
        chain, data = self._unread(located)
        while chain:
            each = chain.pop()
            if each.in_group:
                data = self._member(each)
            else:
                data = self._decoded(each, self._packs.read_frame(each.location, each.id), data)
        assert data is not None
        return bytes(data)

    def read_nowait(self, located: Located) -> Buffer | None:
        """The same; None when the host would have to wait for its disk, or it is long work."""
        if located.is_raw and located.plain <= NOWAIT_BYTES_MAX:
            chunk = RawChunk(located.id, located.plain)
            raw = self.read_part_nowait(located.place[:2], chunk, 0, chunk.size)
            if raw is not None:
                self._cache.put(located.id, raw)
                return raw
        chain, data = self._unread(located)
        if chain and chain[-1].in_group:
            data = self._decoded_member(chain.pop())
            if data is None:
                return None
        if sum(each.work_bytes for each in chain) > NOWAIT_BYTES_MAX:
            return None
        while chain:
            each = chain.pop()
            frame = self._packs.read_frame_nowait(each.location, each.id)
            if frame is None:
                return None
            data = self._decoded(each, frame, data)
        return data

    def read_part_nowait(
        self, place: tuple[PackId, int], chunk: ChunkFacts, low: int, high: int
    ) -> bytes | None:
        """Bytes [low, high) of a chunk that is stored as it is, or may be, past the cache.

        `place` is the pack and the offset of its frame. None when what lies there is something
        else, and when it is for `read_nowait` or `read` to read, or to say what is wrong with it.
        """
        if chunk[1] > NOWAIT_BYTES_MAX:
            return None
        return self._packs.read_raw_part_nowait(place, chunk, low, high)

    def read_part_at(
        self, place: tuple[PackId, int], chunk: ChunkFacts, low: int, high: int
    ) -> bytes | None:
        """The same, waiting for the disk where it has to bring some sections of the chunk."""
        if is_little(chunk[1], low, high):
            return self._packs.read_raw_part_at(place, chunk, low, high)
        return self.read_part_nowait(place, chunk, low, high)

    def read_part(self, located: Located, low: int, high: int) -> bytes:
        """Bytes [low, high) of a chunk that is stored as it is, past the cache.

        Raises DataError.
        """
        chunk = RawChunk(located.id, located.plain)
        part = self._packs.read_raw_part(located.location, chunk, low, high)
        if part is not None:
            return part
        buffer = blank(chunk.size)
        if self._packs.read_raw_chunks(located.location, [chunk], buffer):
            return bytes(buffer[low:high])
        return self.read(located)[low:high]

    def read_raw(self, first: Located, wanted: Sequence[ChunkFacts], into: Buffer) -> int:
        """Chunks that are stored as they are, in frames without gaps, past the cache.

        Their bytes go into a buffer, one chunk behind the other. Returns how many are right, from
        the first on: those behind are for `read` to read, or to say what is wrong with them.
        """
        return self._packs.read_raw_chunks(first.location, wanted, into)

    def verify(self, located: Located) -> None:
        """Read an object's own frame from its pack, and decode it.

        Raises DataError; BaseUnreadable when the frame is whole and its base is not.
        """
        frame = self._frame(located)
        base = None
        if located.base is not None:
            try:
                base = self.read(located.base)
            except DataError as error:
                raise BaseUnreadable(located.id, located.base.id, str(error)) from error
        self._decode(located, frame, base)

    def members_at(self, location: Location) -> list[ObjectId]:
        """The ids of all members of a group, taken from their bytes. Raises DataError."""
        frame = self._packs.read_frame(location, None)
        return [object_id(member.data) for member in read_members(frame, location)]

    def _frame(self, located: Located) -> Frame:
        expected = None if located.in_group else located.id
        return self._packs.read_frame(located.location, expected)

    def _unread(self, located: Located) -> tuple[list[Located], Buffer | None]:
        """What has to be read, the last first, and the bytes of the base that is in memory."""
        chain: list[Located] = []
        at: Located | None = located
        while at is not None:
            data = self._cache.peek(at.id)  # whoever asked has looked, and was counted
            if data is not None:
                return chain, data
            chain.append(at)
            at = at.base
        return chain, None

    def _member(self, located: Located) -> bytes:
        """The bytes of an object out of those of its group, verified; decoded if need be."""
        place = located.location
        group = self._groups.find(place)
        if group is None:
            group = OpenGroup(self._packs.read_frame(place, None), place)
            self._groups.keep(place, group)
        try:
            return self._verified_member(located, group.member(located.place.member))
        except DataError:
            self._groups.drop(place)  # whoever asks again looks at the pack again
            raise

    def _decoded_member(self, located: Located) -> bytes | None:
        """The same if it is decoded already, else None."""
        group = self._groups.find(located.location)
        data = None if group is None else group.decoded(located.place.member)
        return None if data is None else self._verified_member(located, data)

    def _verified_member(self, located: Located, data: bytes) -> bytes:
        verify_plain(located.id, data, str(located.location))
        self._cache.put(located.id, data)
        return data

    def _decoded(self, located: Located, frame: Frame, base: Buffer | None) -> bytes:
        data = self._decode(located, frame, base)
        self._cache.put(located.id, data)
        return data

    def _decode(self, located: Located, frame: Frame, base: Buffer | None) -> bytes:
        if located.in_group:
            return _member_of(read_members(frame, located.location), located)
        base_id = located.base.id if located.base is not None else None
        if (frame.codec, frame.base) != (located.codec, base_id):
            raise FrameCorrupt(str(located.location), "the index names another codec or base")
        try:
            data = decode(frame.codec, frame.payload, located.plain, base, located.id)
        except CompressionError as error:
            place = str(located.location)
            raise CompressionError(located.id, error.reason, place) from error
        verify_plain(located.id, data, str(located.location))
        return data


def _member_of(members: Sequence[Member], located: Located) -> bytes:
    """The bytes of one object out of those of its group, verified."""
    number = located.place.member
    if number >= len(members):
        raise FrameCorrupt(
            str(located.location), f"the index names member {number} of {len(members)}"
        )
    data = members[number].data
    verify_plain(located.id, data, str(located.location))
    return data
