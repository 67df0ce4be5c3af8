r"""Journal segments: a header, then records without gaps.

The seed of a segment is XXH3-64 over its magic, the store's uuid and its first sequence number.
A record's checksum is seeded with that and with the record's offset. So a record is valid only at
its own place: old journals that users store in files, and which therefore stand inside the
payloads of this one, are never taken for records.

Segment header, little-endian, without padding:

     0  magic           8s  b"\x89CAIRNWL"      16  store uuid      16s
     8  version         u16                     32  first sequence  u64
    10  flags           u16, zero               40  index size      u64, see below
    12  zero            u32                     48  checksum        u64, of bytes 0 to 47

Index size is how many bytes index/data.mdb has at least: a shorter file has been cut. Before a
smaller one takes its place (shrinking.py), the empty segment is made again to say so.

Record header, little-endian, then the payload:

     0  kind            4s  RecordKind           8  sequence        u64, see below
     4  payload size    u32                     16  checksum        u64, see below

Checksum = XXH3-64 of the payload, seeded with XXH3-64 of bytes 0 to 15, seeded with the sum of
segment seed and offset (modulo 2**64). Operations are numbered without gaps. A sync marker has no
payload, and its sequence is that of the last operation which is known to be durable.

The payload of an operation is a MessagePack array of two: a map of counters and what to add to
each, and an array of mutations. A mutation is an array of table number, key and value, the value
being nil when the row is deleted.
"""

from collections.abc import Sequence
from enum import Enum
from struct import Struct
from typing import Final, NamedTuple

import msgspec
from xxhash import xxh3_64_intdigest

from lmdb_index.errors import IndexTooNew, JournalCorrupt

SEGMENT_MAGIC: Final = b"\x89CAIRNWL"
SEGMENT_VERSION: Final = 1
SEGMENT_HEADER: Final = Struct("<8sHHI16sQQQ")
assert SEGMENT_HEADER.size == 56  # docs/format-index.md says the same, and a test compares them
SEGMENT_CHECKED: Final = 48

RECORD_HEADER: Final = Struct("<4sIQQ")
assert RECORD_HEADER.size == 24  # docs/format-index.md says the same, and a test compares them
RECORD_CHECKED: Final = 16
_FACTS: Final = Struct("<4sIQ")  # the record header up to the checksum
_CHECKSUM: Final = Struct("<Q")
assert _FACTS.size == RECORD_CHECKED
assert _FACTS.size + _CHECKSUM.size == RECORD_HEADER.size
_SEED: Final = Struct("<8s16sQ")

STORE_UUID_BYTES: Final = 16
PAYLOAD_BYTES_MAX: Final = 256 << 20
_MASK: Final = (1 << 64) - 1


class RecordKind(bytes, Enum):
    """The first bytes of a record. Never given another meaning."""

    OPERATION = b"\x89OPR"
    SYNC_MARKER = b"\x89SYN"


_KINDS: Final = {kind.value: kind for kind in RecordKind}

RawMutation = tuple[int, bytes, bytes | None]  # table number, key, value; None when deleted
ADVICE: Final = "run cairnfs fsck --repair"


class SegmentHeader(NamedTuple):
    """What a segment says about itself."""

    uuid: bytes
    first_sequence: int
    index_bytes: int


class JournalRecord(NamedTuple):
    """A record that passed its check. `end` is the offset behind it."""

    kind: RecordKind
    sequence: int
    payload: memoryview
    offset: int
    end: int


class Payload(msgspec.Struct, array_like=True, frozen=True):
    """What one operation changed."""

    counters: dict[str, int]
    mutations: list[RawMutation]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Payload).decode


def segment_seed(uuid: bytes, first_sequence: int) -> int:
    """The seed of every checksum in a segment."""
    assert len(uuid) == STORE_UUID_BYTES
    return xxh3_64_intdigest(_SEED.pack(SEGMENT_MAGIC, uuid, first_sequence))


def encode_segment_header(header: SegmentHeader) -> bytes:
    """The first bytes of a segment."""
    start = SEGMENT_HEADER.pack(SEGMENT_MAGIC, SEGMENT_VERSION, 0, 0, *header, 0)[:SEGMENT_CHECKED]
    seed = segment_seed(header.uuid, header.first_sequence)
    return start + _CHECKSUM.pack(xxh3_64_intdigest(start, seed))


def parse_segment_header(block: bytes | memoryview, place: object) -> SegmentHeader:
    """Decode and verify a segment's header. Raises JournalCorrupt, IndexTooNew."""
    if len(block) < SEGMENT_HEADER.size:
        raise JournalCorrupt(f"{place}: {len(block)} bytes cannot hold a header: {ADVICE}")
    fields = SEGMENT_HEADER.unpack_from(block)
    magic, version, flags, zero, uuid, first_sequence, index_bytes, checksum = fields
    if magic != SEGMENT_MAGIC:
        raise JournalCorrupt(f"{place}: not a journal segment: {ADVICE}")
    seed = segment_seed(uuid, first_sequence)
    if xxh3_64_intdigest(block[:SEGMENT_CHECKED], seed) != checksum:
        raise JournalCorrupt(f"{place}: its header fails the checksum: {ADVICE}")
    if (version, flags, zero) != (SEGMENT_VERSION, 0, 0):
        raise IndexTooNew(
            f"{place}: version {version}, this cairnfs knows {SEGMENT_VERSION}: use a later cairnfs"
        )
    return SegmentHeader(uuid, first_sequence, index_bytes)


def encode_record(kind: RecordKind, sequence: int, payload: bytes, seed: int, offset: int) -> bytes:
    """A record as it stands at an offset of the segment that has this seed."""
    facts = _FACTS.pack(kind, len(payload), sequence)
    checksum = xxh3_64_intdigest(payload, xxh3_64_intdigest(facts, (seed + offset) & _MASK))
    return facts + _CHECKSUM.pack(checksum) + payload


def parse_record(block: memoryview, offset: int, seed: int) -> JournalRecord | None:
    """Decode and verify the record at an offset of a whole segment; None when there is none."""
    if len(block) - offset < RECORD_HEADER.size:
        return None
    kind, size, sequence, checksum = RECORD_HEADER.unpack_from(block, offset)
    payload_at = offset + RECORD_HEADER.size
    end = payload_at + size
    if kind not in _KINDS or end > len(block):
        return None
    header_hash = xxh3_64_intdigest(
        block[offset : offset + RECORD_CHECKED], (seed + offset) & _MASK
    )
    payload = block[payload_at:end]
    if xxh3_64_intdigest(payload, header_hash) != checksum:
        return None
    return JournalRecord(_KINDS[kind], sequence, payload, offset, end)


def encode_payload(counters: dict[str, int], mutations: Sequence[RawMutation]) -> bytes:
    """The payload of an operation."""
    return _encode((counters, mutations))


def decode_payload(payload: bytes | memoryview, place: object) -> Payload:
    """What an operation's payload says. Raises JournalCorrupt: its checksum was right."""
    try:
        return _decode(payload)
    except msgspec.MsgspecError as error:
        raise JournalCorrupt(f"{place}: a record that says nothing known: {error}") from error
