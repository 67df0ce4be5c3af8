"""Reading objects: from the cache, or from packs, verified, along the chain of their bases.

A delta is decoded with its base, which may be a delta itself. Chains are short by configuration,
and finite in any case: a base is stored before what needs it. An index that says otherwise is
damaged, and is found out rather than followed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fsmodel.encoding.codecs import Codec, decode
from fsmodel.errors import BaseUnreadable, ChunkNotFound, DataError, FrameCorrupt
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.byte_cache import ByteCache
from fsmodel.store.epochs import Epoch
from fsmodel.store.pack_format import Frame, Location
from fsmodel.store.pack_reader import PackReader, verify_plain
from lmdb_index.records import ObjectRecord

CHAIN_MAX: Final = 64  # objects; no configuration allows half of it
NOWAIT_BYTES_MAX: Final = 256 << 10  # decoded without a thread, bases included

Find = Callable[[ObjectId], ObjectRecord | None]


@dataclass(frozen=True, slots=True)
class Located:
    """Where an object lies, with all it takes to decode it; usable in any thread."""

    id: ObjectId
    codec: Codec
    location: Location
    plain: int
    base: "Located | None"
    epoch: Epoch  # while this is held, no pack it speaks of is deleted


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
        location = Location(PackId(record.pack), record.offset, record.stored)
        base = Located(each, Codec(record.codec), location, record.plain, base, epoch)
    assert base is not None
    return base


class ObjectReader:
    """Objects by their place. Any thread may use it."""

    def __init__(self, packs: PackReader, cache: ByteCache) -> None:
        self._packs = packs
        self._cache = cache

    def read(self, located: Located) -> bytes:
        """The bytes of an object, verified. Raises DataError."""
        chain, data = self._unread(located)
        while chain:
            each = chain.pop()
            data = self._decoded(each, self._packs.read_frame(each.location, each.id), data)
        assert data is not None
        return data

    def read_nowait(self, located: Located) -> bytes | None:
        """The same; None when the host would have to wait for its disk, or it is long work."""
        chain, data = self._unread(located)
        if sum(each.plain for each in chain) > NOWAIT_BYTES_MAX:
            return None
        while chain:
            each = chain.pop()
            frame = self._packs.read_frame_nowait(each.location, each.id)
            if frame is None:
                return None
            data = self._decoded(each, frame, data)
        return data

    def verify(self, located: Located) -> None:
        """Read an object's own frame from its pack, and decode it.

        Raises DataError; BaseUnreadable when the frame is whole and its base is not.
        """
        frame = self._packs.read_frame(located.location, located.id)
        base = None
        if located.base is not None:
            try:
                base = self.read(located.base)
            except DataError as error:
                raise BaseUnreadable(located.id, located.base.id, str(error)) from error
        self._decode(located, frame, base)

    def _unread(self, located: Located) -> tuple[list[Located], bytes | None]:
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

    def _decoded(self, located: Located, frame: Frame, base: bytes | None) -> bytes:
        data = self._decode(located, frame, base)
        self._cache.put(located.id, data)
        return data

    def _decode(self, located: Located, frame: Frame, base: bytes | None) -> bytes:
        base_id = located.base.id if located.base is not None else None
        if (frame.codec, frame.base) != (located.codec, base_id):
            raise FrameCorrupt(str(located.location), "the index names another codec or base")
        data = decode(frame.codec, frame.payload, located.plain, base, located.id)
        verify_plain(located.id, data, str(located.location))
        return data
