"""Segment headers and records: what is written is read back, and nothing else passes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_intdigest

from lmdb_index.errors import IndexTooNew, JournalCorrupt
from lmdb_index.journal_format import (
    RECORD_HEADER,
    SEGMENT_CHECKED,
    SEGMENT_HEADER,
    SEGMENT_MAGIC,
    RecordKind,
    SegmentHeader,
    decode_payload,
    encode_payload,
    encode_record,
    encode_segment_header,
    parse_record,
    parse_segment_header,
    segment_seed,
)
from tests.support.index_store import OTHER_UUID, UUID

HEADER = SegmentHeader(UUID, 7, 8192)
SEED = segment_seed(UUID, 7)
OFFSET = 100
mutations = st.lists(
    st.tuples(st.integers(1, 255), st.binary(max_size=50), st.none() | st.binary(max_size=99))
)


def placed(kind: RecordKind = RecordKind.OPERATION, payload: bytes = b"payload") -> bytes:
    """A block with a record at OFFSET."""
    return bytes(OFFSET) + encode_record(kind, 9, payload, SEED, OFFSET)


def parse(block: bytes, offset: int = OFFSET, seed: int = SEED) -> bool:
    """Whether a valid record stands there."""
    return parse_record(memoryview(block), offset, seed) is not None


@pytest.mark.parametrize("kind", RecordKind)
@pytest.mark.parametrize("payload", [b"", b"payload", bytes(300)])
def test_a_record_says_what_went_in(kind: RecordKind, payload: bytes) -> None:
    block = placed(kind, payload) + b"what follows"
    record = parse_record(memoryview(block), OFFSET, SEED)
    assert record is not None
    assert (record.kind, record.sequence, bytes(record.payload)) == (kind, 9, payload)
    assert (record.offset, record.end) == (OFFSET, len(block) - len(b"what follows"))
    assert record.end - OFFSET == RECORD_HEADER.size + len(payload)


@pytest.mark.parametrize("kind", RecordKind)
def test_every_flipped_bit_of_a_record_is_noticed(kind: RecordKind) -> None:
    block = placed(kind)
    for bit in range(8 * OFFSET, 8 * len(block)):
        flipped = bytearray(block)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not parse(bytes(flipped))


def test_every_cut_of_a_record_is_noticed() -> None:
    block = placed()
    assert parse(block)
    assert not any(parse(block[:size]) for size in range(len(block)))


def test_a_record_is_valid_only_at_its_own_place() -> None:
    block = placed()
    assert not parse(block[1:], OFFSET - 1)
    assert not parse(b" " + block, OFFSET + 1)
    assert not parse(block, seed=segment_seed(UUID, 8))
    assert not parse(block, seed=segment_seed(OTHER_UUID, 7))


def test_a_segment_header_says_what_went_in() -> None:
    block = encode_segment_header(HEADER)
    assert len(block) == SEGMENT_HEADER.size
    assert parse_segment_header(block + b"records", "here") == HEADER


def test_every_flipped_bit_of_a_segment_header_is_noticed() -> None:
    block = encode_segment_header(HEADER)
    for bit in range(8 * len(block)):
        flipped = bytearray(block)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(JournalCorrupt, match=r"^here: .*run cairnfs fsck --repair$"):
            parse_segment_header(bytes(flipped), "here")


def test_every_cut_of_a_segment_header_is_noticed() -> None:
    block = encode_segment_header(HEADER)
    for size in range(len(block)):
        with pytest.raises(JournalCorrupt, match=f"^here: {size} bytes"):
            parse_segment_header(block[:size], "here")


@pytest.mark.parametrize(("version", "flags"), [(2, 0), (1, 1)])
def test_a_later_version_is_refused_as_such(version: int, flags: int) -> None:
    start = SEGMENT_HEADER.pack(SEGMENT_MAGIC, version, flags, 0, *HEADER, 0)[:SEGMENT_CHECKED]
    block = start + checksum_of(start)
    with pytest.raises(IndexTooNew, match=r"^here: .*use a later cairnfs$"):
        parse_segment_header(block, "here")


def checksum_of(start: bytes) -> bytes:
    """A segment header's checksum, as its description says."""
    return xxh3_64_intdigest(start, SEED).to_bytes(8, "little")


def test_the_checksum_is_what_the_description_says() -> None:
    assert encode_segment_header(HEADER)[SEGMENT_CHECKED:] == checksum_of(
        encode_segment_header(HEADER)[:SEGMENT_CHECKED]
    )


@given(st.dictionaries(st.text(max_size=9), st.integers(-(2**40), 2**40)), mutations)
def test_a_payload_says_what_went_in(
    counters: dict[str, int], changed: list[tuple[int, bytes, bytes | None]]
) -> None:
    payload = decode_payload(encode_payload(counters, changed), "here")
    assert (payload.counters, payload.mutations) == (counters, changed)


@given(st.binary())
def test_whatever_a_payload_holds_it_is_refused_in_our_words(payload: bytes) -> None:
    try:
        decoded = decode_payload(payload, "here")
    except JournalCorrupt:
        return
    assert msgspec.msgpack.decode(payload)[:2] == [decoded.counters, decoded.mutations]


@given(st.binary(max_size=200), st.integers(0, 250))
def test_arbitrary_bytes_are_no_record(block: bytes, offset: int) -> None:
    assert not parse(block, offset)
