"""Arbitrary bytes as a group: its members, exactly as they would be written, or an error."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.encoding.zstd_frames import compress
from fsmodel.errors import CompressionError, FrameCorrupt
from fsmodel.ids import PackId
from fsmodel.store.group_format import (
    MEMBER_KINDS,
    decode_members,
    decode_table,
    encode_group,
    encode_members,
    group_bytes,
    level_of_group,
    read_members,
    shares,
)
from fsmodel.store.open_groups import OpenGroup
from fsmodel.store.pack_format import Location, ObjectKind, encode_frame, parse_frame
from tests.fuzz.test_pack_format import noise_or
from tests.support.packs import SEED, sealed

members = st.lists(
    st.tuples(st.sampled_from(sorted(MEMBER_KINDS)), st.binary(max_size=60)),
    min_size=1,
    max_size=9,
)
WHOLE: Final = encode_members([(ObjectKind.TREE, b"tree" * 9), (ObjectKind.CHUNK, b"chunk")], 3)


@given(members=members, level=st.integers(1, 19))
def test_what_is_encoded_is_decoded(members: list[tuple[ObjectKind, bytes]], level: int) -> None:
    frame = parse_frame(sealed(encode_group(members, level)), 0, SEED, "here")
    assert read_members(frame, "here") == members


@given(plain=noise_or(WHOLE))
def test_bytes_are_a_group_as_it_would_be_written_or_corrupt(plain: bytes) -> None:
    try:
        found = decode_members(plain, "here")
    except FrameCorrupt:
        return
    assert encode_members(found, level_of_group(plain)) == plain


@given(
    payload=noise_or(WHOLE),
    codec=st.sampled_from([Codec.RAW, Codec.ZSTD]),
    size=st.integers(0, 1 << 24),
)
def test_a_frame_with_right_checksums_and_any_payload_is_no_excuse(
    payload: bytes, codec: Codec, size: int
) -> None:
    declared = len(payload) if codec is Codec.RAW else size
    new = encode_frame(ObjectKind.GROUP, codec, declared, object_id(payload), payload)
    try:
        found = read_members(parse_frame(sealed(new), 0, SEED, "here"), "here")
    except (FrameCorrupt, CompressionError):
        return
    assert encode_members(found, level_of_group(payload)) == payload


@given(
    payload=noise_or(WHOLE, compress(WHOLE, 3)),
    codec=st.sampled_from([Codec.RAW, Codec.ZSTD]),
    size=st.sampled_from([len(WHOLE), len(WHOLE) - 1, 0, 1 << 24]),
)
def test_bit_by_bit_it_is_the_same_group_or_an_error(
    payload: bytes, codec: Codec, size: int
) -> None:
    declared = len(payload) if codec is Codec.RAW else size
    new = encode_frame(ObjectKind.GROUP, codec, declared, object_id(payload), payload)
    frame = parse_frame(sealed(new), 0, SEED, "here")
    try:
        expected = [member.data for member in read_members(frame, "here")]
    except (FrameCorrupt, CompressionError):
        expected = None
    try:
        group = OpenGroup(frame, Location(PackId(1), 48, frame.size))
        found = [group.member(number) for number in range(len(group))]
    except (FrameCorrupt, CompressionError):
        found = None
    assert found == expected


@given(start=noise_or(WHOLE), size=st.integers(0, 200))
def test_a_table_is_one_or_corrupt(start: bytes, size: int) -> None:
    try:
        table = decode_table(start, size, "here")
    except FrameCorrupt:
        return
    assert group_bytes([each for _, each in table]) == size


@given(data=st.data(), sizes=st.lists(st.integers(0, 1 << 20), min_size=1, max_size=50))
def test_shares_add_up(data: st.DataObject, sizes: list[int]) -> None:
    frame = data.draw(st.integers(len(sizes), 1 << 22))
    found = shares(frame, sizes)
    assert sum(found) == frame
    assert min(found) >= 1
