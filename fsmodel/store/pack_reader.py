"""Reads single frames out of packs, verified.

Any thread may call anything. A bounded number of packs stays open, the least recently used leaving
first. A descriptor is closed when the last user lets go of it: a thread that is reading while its
pack is dropped from the cache finishes on the file it began with.
"""

import os
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from errno import EAGAIN, EOPNOTSUPP
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from fsmodel.buffers import Buffer
from fsmodel.encoding.hashing import object_id as id_of
from fsmodel.errors import BackendError, FrameCorrupt, HashMismatch
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.frames import PART_BYTES_MAX, ChunkFacts, bring_part, read_chunks, read_part
from fsmodel.store.layout import PACK_NUMBER_MAX, StoreLayout
from fsmodel.store.pack_format import (
    FRAME_BYTES_MAX,
    FRAME_HEADER,
    PACK_HEADER,
    Frame,
    Location,
    pack_seed,
    parse_frame,
    raw_frame_size,
)
from fsmodel.store.read_ahead import ReadAhead
from fsmodel.store.sections import SECTIONED_ABOVE, bytes_touched

OPEN_PACKS_MAX: Final = 128
PARTS_UNCOUNTED_MAX: Final = 512
_OFFSET_MAX: Final = (1 << 63) - 1 - FRAME_BYTES_MAX


@dataclass(frozen=True, slots=True)
class ReaderStatistics:
    """What a reader holds and has done since it was made."""

    open_packs: int
    frames_read: int
    bytes_read: int


class RawChunk(NamedTuple):
    """A chunk that is expected in a frame of its own, neither compressed nor a delta."""

    id: ObjectId
    size: int


class _OpenPack:
    """A pack's descriptors and seed. The descriptors close with the last reference to this.

    Through `scattered`, which parts of longer chunks are read by, the host brings what it is asked
    for and no more. Of reads here and there it takes some for a stream otherwise, and reads ahead:
    twice what is wanted, on the whole.
    """

    __slots__ = ("descriptor", "scattered", "seed")

    def __init__(self, path: Path, seed: int) -> None:
        """Raises OSError."""
        self.descriptor = self.scattered = -1
        self.seed = seed
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.scattered = os.open(f"/proc/self/fd/{self.descriptor}", os.O_RDONLY | os.O_CLOEXEC)
        os.posix_fadvise(self.scattered, 0, 0, os.POSIX_FADV_RANDOM)

    def __del__(self) -> None:
        for descriptor in (self.descriptor, self.scattered):
            if descriptor >= 0:
                os.close(descriptor)


class PackReader:
    """Frames by location; `ahead` brings them before they are asked for."""

    def __init__(
        self, layout: StoreLayout, store: bytes, *, open_packs_max: int = OPEN_PACKS_MAX
    ) -> None:
        self._layout = layout
        self._store = store
        self._open_packs_max = open_packs_max
        self._packs: OrderedDict[PackId, _OpenPack] = OrderedDict()
        self._lock = Lock()
        self._is_crowded = False  # else it does not matter which pack was used last
        self._nowait_works = hasattr(os, "RWF_NOWAIT")
        self._frames = self._bytes = 0
        self._parts: list[tuple[int, int, int]] = []  # of what size, from where to where: uncounted
        self.ahead = ReadAhead(self._opened)

    def read_frame(self, location: Location, expected: ObjectId | None) -> Frame:
        """The frame at a location, verified, and that of the expected object.

        Of a group nothing is expected, as what the index names is its members. Raises
        FrameCorrupt; BackendError when the host cannot open or read the pack.
        """
        _check_location(location)
        try:
            pack = self._opened(location.pack)
            block = os.pread(pack.descriptor, location.stored, location.offset)
        except OSError as error:
            raise BackendError(str(location), error) from error
        return self._verified(block, pack.seed, location, expected)

    def read_frame_nowait(self, location: Location, expected: ObjectId) -> Frame | None:
        """The same if the host has the bytes in memory and the pack is open here, else None.

        Raises FrameCorrupt, BackendError.
        """
        _check_location(location)
        pack = self._used(location.pack)
        if pack is None or not self._nowait_works:
            return None
        block = bytearray(location.stored)
        try:
            count = os.preadv(pack.descriptor, [block], location.offset, os.RWF_NOWAIT)
        except OSError as error:
            self._check_not_now(location, error)
            return None
        if count < location.stored:  # a part is not in memory, or the pack ends: see read_frame
            return None
        return self._verified(block, pack.seed, location, expected)

    def read_raw_chunks(self, first: Location, wanted: Sequence[ChunkFacts], into: Buffer) -> int:
        """Read chunks that are stored as they are, in frames without gaps, from a first one on.

        Their bytes go straight to where they are wanted, one chunk behind the other, and the hash
        of each must be its id, which sees whatever a frame's checksum would. Returns how many are
        right; the first that is not, and those behind it, are left to `read_frame` to read and to
        tell what is wrong.
        """
        try:
            _check_location(first)
            pack = self._opened(first.pack)
            right = read_chunks(pack.descriptor, first.offset, pack.seed, wanted, into)
        except (OSError, FrameCorrupt):
            return 0
        self._count(right, sum([raw_frame_size(chunk[1]) for chunk in wanted[:right]]))
        return right

    def read_raw_part_nowait(
        self, place: tuple[PackId, int], chunk: ChunkFacts, low: int, high: int
    ) -> bytes | None:
        """Bytes [low, high) of such a chunk, checked by its id, of which none are kept.

        `place` is its pack and the offset of its frame. None unless the host has it in memory and
        the pack is open here; also where another frame lies or what lies there is damaged:
        `read_frame` tells.
        """
        return self._part_at(place, chunk, low, high, is_patient=False)

    def read_raw_part_at(
        self, place: tuple[PackId, int], chunk: ChunkFacts, low: int, high: int
    ) -> bytes | None:
        """The same, waiting for the disk where the host has nothing of them in memory."""
        return self._part_at(place, chunk, low, high, is_patient=True)

    def read_raw_part(
        self, location: Location, chunk: RawChunk, low: int, high: int
    ) -> bytes | None:
        """The same, waiting for the disk, and without reading the rest of the chunk.

        None where the pack does not have what it takes to check them like that.
        """
        if chunk.size > PART_BYTES_MAX or high > chunk.size:  # a page of a manifest can be wrong
            return None
        try:
            _check_location(location)
            pack = self._opened(location.pack)
            descriptor = pack.scattered if chunk.size > SECTIONED_ABOVE else pack.descriptor
            part = bring_part(descriptor, location.offset, chunk, low, high)
        except (OSError, FrameCorrupt):
            return None
        if part is not None:
            self._count(1, FRAME_HEADER.size + bytes_touched(chunk.size, low, high))
        return part

    @contextmanager
    def descriptor(self, number: PackId) -> Iterator[int]:
        """The descriptor of a pack, which stays open while the block runs; -1 if there is none."""
        try:
            pack = self._opened(number)
        except OSError:
            yield -1
        else:
            yield pack.descriptor

    def forget(self, pack: PackId) -> None:
        """Let go of a pack whose file is about to be deleted or was replaced."""
        with self._lock:
            self._packs.pop(pack, None)

    def statistics(self) -> ReaderStatistics:
        """Figures since the reader was made."""
        self._count_parts()
        frames, size = self.ahead.counts()
        return ReaderStatistics(len(self._packs), self._frames + frames, self._bytes + size)

    def close(self) -> None:
        """Let go of all packs."""
        self.ahead.close()
        with self._lock:
            self._packs.clear()

    def _part_at(
        self, place: tuple[PackId, int], chunk: ChunkFacts, low: int, high: int, *, is_patient: bool
    ) -> bytes | None:
        number, offset = place
        pack = self._used(number) if self._is_crowded else self._packs.get(number)
        if pack is None or not self._nowait_works:
            return None
        descriptor = pack.scattered if chunk[1] > SECTIONED_ABOVE else pack.descriptor
        try:
            try:
                part = read_part(descriptor, offset, pack.seed, chunk, low, high)
            except BlockingIOError:
                if not is_patient:
                    return None
                part = bring_part(descriptor, offset, chunk, low, high)
        except (OSError, OverflowError):
            return None
        if part is not None:
            self._parts.append((chunk[1], low, high))
            if len(self._parts) >= PARTS_UNCOUNTED_MAX:
                self._count_parts()
        return part

    def _count(self, frames: int, size: int) -> None:
        self._frames += frames
        self._bytes += size

    def _count_parts(self) -> None:
        """Add up what parts were read, which would take as long as a third of asking for one."""
        parts, self._parts = self._parts, []
        self._count(len(parts), sum([FRAME_HEADER.size + bytes_touched(*part) for part in parts]))

    def _used(self, number: PackId) -> _OpenPack | None:
        """A pack that is open, as the one most recently used."""
        with self._lock:
            pack = self._packs.get(number)
            if pack is not None:
                self._packs.move_to_end(number)
            return pack

    def _opened(self, number: PackId) -> _OpenPack:
        """A pack, opened if need be; the lock is not held meanwhile. Raises OSError."""
        pack = self._used(number)
        if pack is None:
            pack = _OpenPack(self._layout.pack(number), pack_seed(self._store, number))
            with self._lock:
                pack = self._packs.setdefault(number, pack)
                if len(self._packs) > self._open_packs_max:
                    self._packs.popitem(last=False)
                self._is_crowded = len(self._packs) > self._open_packs_max // 2
        return pack

    def _check_not_now(self, location: Location, error: OSError) -> None:
        """Let errors pass that only say "not without waiting"; raise any other."""
        if error.errno == EOPNOTSUPP:
            self._nowait_works = False
        elif error.errno != EAGAIN:
            raise BackendError(str(location), error) from error

    def _verified(
        self, block: Buffer, seed: int, location: Location, expected: ObjectId | None
    ) -> Frame:
        if len(block) < location.stored:
            raise FrameCorrupt(
                str(location), f"the pack ends after {len(block)} of its {location.stored} bytes"
            )
        frame = parse_frame(block, 0, seed, location)
        if (frame.id, frame.size) != (expected or frame.id, location.stored):
            wanted = f"object {expected.hex()}" if expected is not None else "a group"
            raise FrameCorrupt(
                str(location),
                f"{frame.size} bytes of object {frame.id.hex()} stand where the index says "
                f"{location.stored} of {wanted}",
            )
        self._frames += 1
        self._bytes += frame.size
        return frame


def verify_plain(object_id: ObjectId, plain: Buffer, place: object) -> None:
    """Raise HashMismatch, naming the place, unless decoded bytes are those the id names."""
    if id_of(plain) != object_id:
        raise HashMismatch(object_id, str(place))


def _check_location(location: Location) -> None:
    """Refuse what no frame can have, before memory is taken for it."""
    pack, offset, stored = location
    if not (
        0 <= pack <= PACK_NUMBER_MAX
        and PACK_HEADER.size <= offset <= _OFFSET_MAX
        and FRAME_HEADER.size <= stored <= FRAME_BYTES_MAX
    ):
        raise FrameCorrupt(str(location), f"no frame of {stored} bytes can lie there")
