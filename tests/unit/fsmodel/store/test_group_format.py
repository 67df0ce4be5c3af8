"""Groups as bytes: what is put together comes apart again, and nothing else passes for a group."""

import struct

import pytest

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.encoding.zstd_frames import compress
from fsmodel.errors import CompressionError, FrameCorrupt
from fsmodel.store.group_format import (
    GROUP_BYTES_MAX,
    GROUP_HEADER,
    GROUP_MEMBERS_MAX,
    Member,
    decode_members,
    encode_group,
    encode_members,
    group_bytes,
    level_of_group,
    read_members,
    shares,
)
from fsmodel.store.pack_format import Frame, NewFrame, ObjectKind, encode_frame, parse_frame
from tests.support.packs import BASE, SEED, sealed, with_bit_flipped

MEMBERS = [
    Member(ObjectKind.TREE, b"page of a tree " * 9),
    Member(ObjectKind.CHUNK, b""),
    Member(ObjectKind.CHUNK, bytes(range(256))),
]
PLAIN = encode_members(MEMBERS, 7)


def frame_of(new: NewFrame) -> Frame:
    return parse_frame(sealed(new), 0, SEED, "here")


def group_of(plain: bytes, payload: bytes, *, size: int | None = None) -> Frame:
    """A frame that says it is a group, whatever it holds."""
    declared = len(plain) if size is None else size
    codec = Codec.ZSTD if payload != plain else Codec.RAW
    return frame_of(encode_frame(ObjectKind.GROUP, codec, declared, object_id(plain), payload))


def test_members_come_out_as_they_went_in() -> None:
    assert decode_members(PLAIN, "here") == MEMBERS
    assert level_of_group(PLAIN) == 7
    assert len(PLAIN) == group_bytes([len(member.data) for member in MEMBERS])


@pytest.mark.parametrize("level", [1, 3, 19])
def test_a_frame_of_a_group_is_read(level: int) -> None:
    frame = frame_of(encode_group(MEMBERS, level))
    assert frame.kind is ObjectKind.GROUP
    assert read_members(frame, "here") == MEMBERS


def test_what_resembles_is_stored_once() -> None:
    page = bytes(range(256)) * 8
    members = [(ObjectKind.TREE, page + bytes([number])) for number in range(100)]
    assert encode_group(members, 3).size < 1500


def test_every_length_it_is_cut_to_is_refused() -> None:
    for length in range(len(PLAIN)):
        with pytest.raises(FrameCorrupt):
            decode_members(PLAIN[:length], "here")
    with pytest.raises(FrameCorrupt):
        decode_members(PLAIN + b"x", "here")


def test_every_flipped_bit_of_its_table_is_refused_or_seen_in_what_comes_out() -> None:
    for bit in range(8 * len(PLAIN)):
        if bit // 8 == 1:
            continue  # the level, which says nothing about the members
        try:
            found = decode_members(with_bit_flipped(PLAIN, bit), "here")
        except FrameCorrupt:
            continue
        assert found != MEMBERS


def test_every_flipped_bit_of_a_frame_is_refused() -> None:
    whole = sealed(encode_group(MEMBERS, 3))
    for bit in range(8 * len(whole)):
        with pytest.raises(FrameCorrupt):
            parse_frame(with_bit_flipped(whole, bit), 0, SEED, "here")


@pytest.mark.parametrize(
    "header",
    [(2, 3, 0, 3), (1, 3, 1, 3), (1, 3, 0, 0), (1, 3, 0, GROUP_MEMBERS_MAX + 1), (1, 3, 0, 4)],
)
def test_a_header_that_cannot_be_is_refused(header: tuple[int, ...]) -> None:
    with pytest.raises(FrameCorrupt):
        decode_members(GROUP_HEADER.pack(*header) + PLAIN[GROUP_HEADER.size :], "here")


@pytest.mark.parametrize("kind", [0, ObjectKind.GROUP, 7, 255])
def test_a_member_of_an_unknown_kind_and_a_group_in_a_group_are_refused(kind: int) -> None:
    plain = bytearray(PLAIN)
    plain[GROUP_HEADER.size] = kind
    with pytest.raises(FrameCorrupt):
        decode_members(bytes(plain), "here")


def test_a_member_that_claims_the_bytes_of_others_is_refused() -> None:
    plain = bytearray(PLAIN)
    struct.pack_into("<I", plain, GROUP_HEADER.size + 3, (1 << 32) - 1)
    with pytest.raises(FrameCorrupt):
        decode_members(bytes(plain), "here")


def test_a_bomb_is_not_decoded() -> None:
    """Neither one that says how much it holds nor one that says less."""
    bomb = compress(bytes(15 << 20), 19)
    with pytest.raises(FrameCorrupt, match=str(15 << 20)):
        read_members(group_of(bytes(15 << 20), bomb), "here")
    with pytest.raises(CompressionError):
        read_members(group_of(bytes(GROUP_BYTES_MAX), bomb, size=GROUP_BYTES_MAX), "here")


def test_a_group_is_no_delta_and_nothing_else_is_a_group() -> None:
    delta = encode_frame(
        ObjectKind.GROUP, Codec.DELTA, len(PLAIN), object_id(PLAIN), PLAIN, base=BASE
    )
    chunk = encode_frame(ObjectKind.CHUNK, Codec.RAW, len(PLAIN), object_id(PLAIN), PLAIN)
    for new in (delta, chunk):
        with pytest.raises(FrameCorrupt):
            read_members(frame_of(new), "here")


def test_a_frame_cannot_say_that_it_lies_in_a_group() -> None:
    facts = encode_frame(ObjectKind.CHUNK, Codec.RAW, 1, object_id(b"x"), b"x").facts
    forged = NewFrame(facts[:1] + bytes([Codec.GROUP]) + facts[2:], b"x")
    with pytest.raises(FrameCorrupt):
        frame_of(forged)


def test_more_members_than_bytes_are_refused() -> None:
    crowd = encode_group([(ObjectKind.CHUNK, b"x")] * GROUP_MEMBERS_MAX, 3)
    assert crowd.size < GROUP_MEMBERS_MAX
    with pytest.raises(FrameCorrupt):
        read_members(frame_of(crowd), "here")


@pytest.mark.parametrize(
    ("frame", "sizes"),
    [(100, [5]), (100, [0, 0, 0]), (3, [9, 9, 9]), (1000, [1, 10, 100]), (77, list(range(60)))],
)
def test_shares_are_the_whole_frame(frame: int, sizes: list[int]) -> None:
    found = shares(frame, sizes)
    assert sum(found) == frame
    assert min(found) >= 1


def test_shares_follow_the_sizes() -> None:
    assert shares(1003, [99, 199, 699]) == [101, 201, 701]
