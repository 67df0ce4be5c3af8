r"""Packs: append-only files of self-describing, checksummed frames, one for each object or group.

What a group is says group_format.py.

Every checksum in a pack is seeded with the store's uuid and the pack's number. So a frame that
stands anywhere else is no frame: not one in the pack of another store, and not one inside the
bytes of a file, as when somebody backs up a store into a mount. After damage, a scan can look for
the next frame byte by byte and cannot be led astray by what users have stored.

Pack header, then frames without gaps. Little-endian, without padding:

     0  magic         8s  b"\x89CAIRNPK"        16  store uuid     16s
     8  version       u16                       32  pack number    u64
    10  flags         u16, zero                 40  checksum       u64, of bytes 0 to 39
    12  zero          u32

Frame header, then the body:

     0  magic         6s  b"\x89FRAME"          20  kind           u8   ObjectKind
     6  version       u16                       21  codec          u8   Codec
     8  checksum      u64, see below            22  flags          u16  1 SECTIONED, or 0
    16  header check  u32, see below            24  plain size     u32  of the decoded object
                                                28  body size      u32
                                                32  object id      32s

The body is the payload; of a delta frame it is the 32-byte id of the base, then the payload; of a
frame with the flag SECTIONED it is the payload, then the values of its sections (sections.py).
With header hash = XXH3-64 of bytes 20 to 63, seeded with the pack's seed:
header check = its low half; checksum = XXH3-64 of the body, seeded with the header hash. Values of
sections are not part of that: whoever uses them sees by the object id whether they are right, and
a chunk is whole without them.
"""

from collections.abc import Iterable
from enum import IntEnum
from itertools import accumulate
from struct import Struct
from typing import Final, NamedTuple

from fsmodel.buffers import Buffer
from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import checksum64
from fsmodel.errors import FrameCorrupt
from fsmodel.ids import OBJECT_ID_BYTES, ObjectId, PackId
from fsmodel.store.sections import (
    SECTION_BYTES,
    SECTIONED_ABOVE,
    SECTIONED_MAX,
    VALUE_BYTES,
    section_values,
    values_bytes,
)

PACK_MAGIC: Final = b"\x89CAIRNPK"
PACK_VERSION: Final = 1
PACK_HEADER: Final = Struct("<8sHHI16sQQ")
assert PACK_HEADER.size == 48  # docs/on-disk-format.md says the same, and a test compares them
PACK_CHECKED: Final = 40

FRAME_MAGIC: Final = b"\x89FRAME"
FRAME_VERSION: Final = 1
FRAME_HEADER: Final = Struct("<6sHQIBBHII32s")
assert FRAME_HEADER.size == 64  # docs/on-disk-format.md says the same, and a test compares them
SECTIONED: Final = 1  # a flag: the values of its sections lie behind the payload
FACTS_FROM: Final = 20
CHECKSUM_BYTES: Final = range(8, 16)
_CHECKS: Final = Struct("<6sHQI")  # the header up to the facts
_FACTS: Final = Struct("<BBHII32s")  # the rest of it, which the header check covers
assert _CHECKS.size == FACTS_FROM
assert _CHECKS.size + _FACTS.size == FRAME_HEADER.size
_SEED: Final = Struct("<16sQ")

STORE_UUID_BYTES: Final = 16
OBJECT_BYTES_MAX: Final = 16 << 20  # decoded
BODY_BYTES_MAX: Final = OBJECT_BYTES_MAX + OBJECT_ID_BYTES
FRAME_BYTES_MAX: Final = FRAME_HEADER.size + BODY_BYTES_MAX


class ObjectKind(IntEnum):
    """What an object holds. Stored in every frame, so a value is never given another meaning."""

    CHUNK = 1  # a piece of file content
    MANIFEST = 2  # a page of a contents list
    TREE = 3  # a directory at a moment
    DOCUMENT = 4  # a metadata document
    ROOT = 5  # a snapshot or checkpoint
    GROUP = 6  # several objects compressed together


_SECTIONED_KIND: Final = (ObjectKind.CHUNK, Codec.RAW)  # what may have values of sections


class Location(NamedTuple):
    """Where a frame lies: its pack, the offset of its first byte there, its size in bytes."""

    pack: PackId
    offset: int
    stored: int

    def __str__(self) -> str:
        return f"pack {self.pack:016x} offset {self.offset}"


class NewFrame(NamedTuple):
    """A frame that lies in no pack yet and so has no checksums. `encode_frame` makes it."""

    facts: bytes
    body: Buffer  # but for values of sections
    values: bytes = b""

    @property
    def size(self) -> int:
        """Bytes it will take in a pack."""
        return FRAME_HEADER.size + len(self.body) + len(self.values)

    def sealed(self, seed: int) -> tuple[bytes, Buffer, bytes]:
        """Its header, body and values as they stand in the pack that has this seed."""
        header_hash = checksum64(self.facts, seed)
        checksum = checksum64(self.body, header_hash)
        checks = _CHECKS.pack(FRAME_MAGIC, FRAME_VERSION, checksum, header_hash & 0xFFFFFFFF)
        return checks + self.facts, self.body, self.values


class FrameHeader(NamedTuple):
    """A frame's header that passed its check; the body may still be damaged."""

    kind: ObjectKind
    codec: Codec
    plain_size: int
    body_size: int
    values_size: int  # bytes of values of sections, at the end of the body
    id: ObjectId
    checksum: int
    header_hash: int

    @property
    def size(self) -> int:
        """Bytes of the whole frame."""
        return FRAME_HEADER.size + self.body_size


class Frame(NamedTuple):
    """A frame that passed all its checks. That its payload decodes to the id is for the caller."""

    kind: ObjectKind
    codec: Codec
    plain_size: int
    id: ObjectId
    base: ObjectId | None
    payload: memoryview
    size: int


def pack_seed(store: bytes, pack: PackId) -> int:
    """The seed of every checksum in a pack: its number and the store's uuid make it."""
    assert len(store) == STORE_UUID_BYTES
    return checksum64(_SEED.pack(store, pack))


def encode_pack_header(store: bytes, pack: PackId) -> bytes:
    """The first bytes of a pack."""
    start = PACK_HEADER.pack(PACK_MAGIC, PACK_VERSION, 0, 0, store, pack, 0)[:PACK_CHECKED]
    return start + checksum64(start, pack_seed(store, pack)).to_bytes(8, "little")


def check_pack_header(block: Buffer, store: bytes, pack: PackId) -> None:
    """Raise FrameCorrupt unless a block starts as this pack of this store must."""
    place = f"pack {pack:016x} header"
    if len(block) < PACK_HEADER.size:
        raise FrameCorrupt(place, f"{len(block)} bytes cannot hold it")
    if bytes(block[: PACK_HEADER.size]) == encode_pack_header(store, pack):
        return
    magic, _, _, _, found_store, found_pack, _ = PACK_HEADER.unpack_from(block)
    if magic == PACK_MAGIC and (found_store, found_pack) != (store, pack):
        raise FrameCorrupt(place, f"it names pack {found_pack:016x} of store {found_store.hex()}")
    raise FrameCorrupt(place, "it is damaged, or of a version this cairnfs does not know")


def encode_frame(
    kind: ObjectKind,
    codec: Codec,
    plain_size: int,
    object_id: ObjectId,
    payload: Buffer,
    *,
    base: ObjectId | None = None,
    values: bytes | None = None,
) -> NewFrame:
    """A frame for an object; `base` is given exactly when the codec is DELTA.

    The payload is not copied, except for a delta's. The values of a chunk's sections can be given
    if they are known; they are made if they are not.
    """
    assert codec is not Codec.GROUP
    assert (codec is Codec.DELTA) == (base is not None)
    assert base != object_id
    assert 0 <= plain_size <= OBJECT_BYTES_MAX
    body = payload if base is None else base + payload
    assert len(body) <= BODY_BYTES_MAX
    assert codec is not Codec.RAW or len(payload) == plain_size
    if (kind, codec) != _SECTIONED_KIND:
        values = b""
    elif values is None:
        values = section_values(payload)
    facts = _FACTS.pack(
        kind,
        codec,
        SECTIONED if values else 0,
        plain_size,
        len(body) + len(values),
        object_id,
    )
    return NewFrame(facts, body, values)


def parse_header(block: Buffer, at: int, seed: int, place: object) -> FrameHeader:
    """Decode and verify a frame's header, without looking at the body.

    `place` names the frame in errors. Raises FrameCorrupt.
    """
    if len(block) - at < FRAME_HEADER.size:
        raise FrameCorrupt(str(place), f"{max(len(block) - at, 0)} bytes cannot hold a header")
    fields = FRAME_HEADER.unpack_from(block, at)
    magic, version, checksum, check, kind, codec, flags, plain_size, body_size, object_id = fields
    if (magic, version) != (FRAME_MAGIC, FRAME_VERSION):
        raise FrameCorrupt(str(place), "no version 1 frame starts here")
    header_hash = checksum64(block[at + FACTS_FROM : at + FRAME_HEADER.size], seed)
    if header_hash & 0xFFFFFFFF != check:
        raise FrameCorrupt(str(place), "its header fails the check")
    values_size = values_bytes(plain_size) if flags == SECTIONED else 0
    if (
        (flags and (kind, codec, body_size) != (*_SECTIONED_KIND, plain_size + values_size))
        or bool(flags) != bool(values_size)
        or plain_size > OBJECT_BYTES_MAX
        or body_size > BODY_BYTES_MAX
    ):
        raise FrameCorrupt(str(place), f"flags {flags}, {plain_size} bytes in {body_size}")
    try:
        kinds = ObjectKind(kind), Codec(codec)
    except ValueError as error:
        raise FrameCorrupt(str(place), f"kind {kind}, codec {codec}: not known") from error
    if kinds[1] is Codec.GROUP:
        raise FrameCorrupt(str(place), "a frame cannot lie in a group")
    return FrameHeader(
        *kinds, plain_size, body_size, values_size, ObjectId(object_id), checksum, header_hash
    )


def parse_frame(block: Buffer, at: int, seed: int, place: object) -> Frame:
    """Decode and verify the frame at an offset; whoever holds a Frame may trust what it says.

    The payload is a view of `block`. `place` names the frame in errors. Raises FrameCorrupt.
    """
    header = parse_header(block, at, seed, place)
    body = memoryview(block)[at + FRAME_HEADER.size : at + header.size]
    if len(body) != header.body_size:
        raise FrameCorrupt(str(place), f"{len(body)} of {header.body_size} body bytes are there")
    body = body[: header.body_size - header.values_size]
    if checksum64(body, header.header_hash) != header.checksum:
        raise FrameCorrupt(str(place), "its body fails the checksum")
    base, payload = _split_body(header, body, place)
    if header.codec is Codec.RAW and len(payload) != header.plain_size:
        raise FrameCorrupt(str(place), f"{len(payload)} raw bytes, not {header.plain_size}")
    return Frame(
        header.kind, header.codec, header.plain_size, header.id, base, payload, header.size
    )


def raw_frame_size(size: int) -> int:
    """Bytes of the frame of a chunk that is stored as it is, with the values of its sections."""
    return FRAME_HEADER.size + size + values_bytes(size)


def raw_frame_offsets(sizes: Iterable[int]) -> list[int]:
    """Where the frames of such chunks lie, from the first on, and where the last one ends.

    As `raw_frame_size` has them, without a call for each: a page has a thousand.
    """
    header, section, value = FRAME_HEADER.size, SECTION_BYTES, VALUE_BYTES
    frames = [
        header + size - (-size // section * value if SECTIONED_ABOVE < size <= SECTIONED_MAX else 0)
        for size in sizes
    ]
    return list(accumulate(frames, initial=0))


def raw_chunk_header(seed: int, chunk: ObjectId, size: int, *, sectioned: bool) -> bytes:
    """The header of a chunk that is stored as it is, but for the checksum of its bytes: zero here.

    What stands in a pack is compared with it, and the hash of the bytes with the id. `sectioned`:
    the values of its sections follow.
    """
    flags, values = (SECTIONED, values_bytes(size)) if sectioned else (0, 0)
    facts = _FACTS.pack(*_SECTIONED_KIND, flags, size, size + values, chunk)
    return _CHECKS.pack(FRAME_MAGIC, FRAME_VERSION, 0, checksum64(facts, seed) & 0xFFFFFFFF) + facts


def _split_body(
    header: FrameHeader, body: memoryview, place: object
) -> tuple[ObjectId | None, memoryview]:
    if header.codec is not Codec.DELTA:
        return None, body
    base = ObjectId(bytes(body[:OBJECT_ID_BYTES]))
    if len(base) < OBJECT_ID_BYTES or base == header.id:
        raise FrameCorrupt(str(place), "a delta without a base of its own")
    return base, body[OBJECT_ID_BYTES:]
