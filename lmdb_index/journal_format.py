r"""Journal segments: what has been done since the last commit of the index.

A segment is a file named after its first sequence number: a header, then records without gaps.
Little-endian, without padding. Checksums are seeded with the store's uuid, so that records of
another store, or journal bytes that users have stored, are never taken for ours.

Segment header:

     0  magic         8s  b"\\x89CAIRNJL"        16  store uuid      16s
     8  version       u16                       32  first sequence  u64
    10  flags         u16, zero                 40  checksum        u64, of bytes 0 to 39
    12  zero          u32

Record header, then the payload:

     0  magic         4s  b"\\x89JRN"             8  size        u32  of the payload
     4  kind          u8   RecordKind           12  sequence    u64
     5  zero          3x                        20  checksum    u64, of bytes 4 to 19 and payload

An operation's payload is a MessagePack array: its mutations, each (table, key, value or nil), and
its counter changes as a map. A sync marker has no payload: its sequence number says that every
record up to that one was durable when the marker was written.
"""

from collections.abc import Iterator, Sequence
from enum import IntEnum
from struct import Struct
from typing import Final, NamedTuple

import msgspec
from xxhash import xxh3_64_intdigest

from lmdb_index.errors import IndexTooNew, JournalCorrupt
from lmdb_index.operation import Mutation

SEGMENT_MAGIC: Final = b"\x89CAIRNJL"
SEGMENT_VERSION: Final = 1
SEGMENT_HEADER: Final = Struct("<8sHHI16sQQ")
assert SEGMENT_HEADER.size == 48  # docs/on-disk-format.md says the same, and a test compares them
SEGMENT_CHECKED: Final = 40

RECORD_MAGIC: Final = b"\x89JRN"
RECORD_HEADER: Final = Struct("<4sB3xIQQ")
assert RECORD_HEADER.size == 28  # docs/on-disk-format.md says the same, and a test compares them
_FACTS: Final = Struct("<B3xIQ")
_CHECKED_FROM: Final = 4
RECORD_BYTES_MAX: Final = 1 << 30


class RecordKind(IntEnum):
    """What a record says."""

    OPERATION = 1
    SYNC_MARKER = 2


class JournalRecord(NamedTuple):
    """A record that passed its checks, and where the next one starts."""

    kind: RecordKind
    sequence: int
    payload: bytes
    end: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(
    tuple[list[tuple[int, bytes, bytes | None]], dict[str, int]]
).decode


def journal_seed(store: bytes) -> int:
    """The seed of every checksum in a store's journal."""
    return xxh3_64_intdigest(store)


def encode_segment_header(store: bytes, first_sequence: int) -> bytes:
    """The first bytes of a segment."""
    start = SEGMENT_HEADER.pack(SEGMENT_MAGIC, SEGMENT_VERSION, 0, 0, store, first_sequence, 0)[
        :SEGMENT_CHECKED
    ]
    return start + xxh3_64_intdigest(start, seed=journal_seed(store)).to_bytes(8, "little")


def parse_segment_header(block: bytes, store: bytes, place: object) -> int:
    """The first sequence number of a segment. Raises JournalCorrupt, IndexTooNew."""
    if len(block) < SEGMENT_HEADER.size:
        raise JournalCorrupt(f"{place}: {len(block)} bytes cannot hold a segment header")
    magic, version, _, _, found, first, checksum = SEGMENT_HEADER.unpack_from(block)
    if magic != SEGMENT_MAGIC:
        raise JournalCorrupt(f"{place}: no journal segment")
    if version > SEGMENT_VERSION:
        raise IndexTooNew(f"{place}: journal version {version}: upgrade cairnfs")
    if found != store:
        raise JournalCorrupt(f"{place}: belongs to store {found.hex()}, not to this one")
    if xxh3_64_intdigest(block[:SEGMENT_CHECKED], seed=journal_seed(store)) != checksum:
        raise JournalCorrupt(f"{place}: the segment header fails its checksum")
    return int(first)


def encode_record(kind: RecordKind, sequence: int, payload: bytes, seed: int) -> bytes:
    """A record's header; the payload follows it."""
    facts = _FACTS.pack(kind, len(payload), sequence)
    return (
        RECORD_MAGIC + facts + xxh3_64_intdigest(facts + payload, seed=seed).to_bytes(8, "little")
    )


def parse_record(block: bytes, at: int, seed: int) -> JournalRecord | None:
    """The record at an offset; None when no whole, undamaged one is there."""
    if len(block) - at < RECORD_HEADER.size:
        return None
    magic, kind, size, sequence, checksum = RECORD_HEADER.unpack_from(block, at)
    start = at + RECORD_HEADER.size
    if magic != RECORD_MAGIC or size > RECORD_BYTES_MAX or start + size > len(block):
        return None
    payload = block[start : start + size]
    facts = block[at + _CHECKED_FROM : at + _CHECKED_FROM + _FACTS.size]
    if xxh3_64_intdigest(facts + payload, seed=seed) != checksum:
        return None
    try:
        return JournalRecord(RecordKind(kind), sequence, payload, start + size)
    except ValueError:
        return None


def records_from(block: bytes, at: int, seed: int) -> Iterator[JournalRecord]:
    """The records from an offset on, up to the first that is not whole."""
    record = parse_record(block, at, seed)
    while record is not None:
        yield record
        record = parse_record(block, record.end, seed)


def markers_behind(block: bytes, at: int, seed: int) -> Iterator[int]:
    """What sync markers behind an offset say to be durable, whatever damage lies between."""
    at = block.find(RECORD_MAGIC, at)
    while at >= 0:
        record = parse_record(block, at, seed)
        if record is not None and record.kind is RecordKind.SYNC_MARKER:
            yield record.sequence
        at = block.find(RECORD_MAGIC, at + 1)


def encode_operation(mutations: Sequence[Mutation], deltas: dict[str, int]) -> bytes:
    """The payload of an operation's record."""
    return _encode((mutations, deltas))


def decode_operation(payload: bytes) -> tuple[list[Mutation], dict[str, int]]:
    """Mutations and counter changes of a record. Raises JournalCorrupt."""
    try:
        mutations, deltas = _decode(payload)
    except msgspec.DecodeError as error:
        raise JournalCorrupt(f"a journal record does not decode: {error}") from error
    return [Mutation(*mutation) for mutation in mutations], deltas
