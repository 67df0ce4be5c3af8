"""Groups are decoded as far as somebody wants, to the same members as all at once, or an error."""

import random
import threading

import pytest

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.encoding.zstd_frames import compress
from fsmodel.errors import CompressionError, DataError, FrameCorrupt
from fsmodel.ids import PackId
from fsmodel.store.group_format import encode_group, encode_members, read_members
from fsmodel.store.open_groups import OpenGroup, OpenGroups
from fsmodel.store.pack_format import (
    Frame,
    Location,
    NewFrame,
    ObjectKind,
    encode_frame,
    parse_frame,
)

PLACE = Location(PackId(1), 48, 100)
SEED = 7
WORDS = [b"%d words of a text that compresses\n" % number for number in range(300)]
TEXTS = [b"".join(random.Random(n).choices(WORDS, k=n * 20)) for n in (9, 1, 0, 40, 3)]
NOISE = [random.Random(n).randbytes(n * 100) for n in (3, 0, 5)]


def frame_of(new: NewFrame) -> Frame:
    return parse_frame(b"".join(new.sealed(SEED)), 0, SEED, PLACE)


def group_of(members: list[bytes], level: int = 19) -> Frame:
    return frame_of(encode_group([(ObjectKind.CHUNK, data) for data in members], level))


def forged(members: list[bytes], payload: bytes, plain_size: int) -> Frame:
    """A frame whose checksums are right and whose payload is not."""
    plain = encode_members([(ObjectKind.CHUNK, data) for data in members], 3)
    named = object_id(plain)
    return frame_of(encode_frame(ObjectKind.GROUP, Codec.ZSTD, plain_size, named, payload))


@pytest.mark.parametrize("members", [TEXTS, NOISE, TEXTS[:1], [b"x" * 200_000, b"y" * 200_000]])
def test_members_come_in_any_order(members: list[bytes]) -> None:
    frame = group_of(members)
    assert [member.data for member in read_members(frame, PLACE)] == members
    for seed in range(4):
        group = OpenGroup(frame, PLACE)
        numbers = random.Random(seed).sample(range(len(members)), len(members))
        assert [group.member(number) for number in numbers] == [members[n] for n in numbers]


def test_no_more_is_decoded_than_is_wanted() -> None:
    group = OpenGroup(group_of(TEXTS), PLACE)
    assert group.decoded(0) is None
    group.member(2)
    assert [group.decoded(number) for number in range(5)] == [*TEXTS[:3], None, None]


def test_a_member_that_is_not_there() -> None:
    group = OpenGroup(group_of(TEXTS), PLACE)
    with pytest.raises(FrameCorrupt, match="the index names member 5 of 5"):
        group.member(5)
    assert group.decoded(5) is None


def test_another_frame_is_no_group() -> None:
    frame = frame_of(encode_frame(ObjectKind.CHUNK, Codec.RAW, 1, object_id(b"x"), b"x"))
    with pytest.raises(FrameCorrupt, match="but none is there"):
        OpenGroup(frame, PLACE)


def test_a_payload_that_ends_early_gives_what_it_has_and_then_an_error() -> None:
    members = [random.Random(n).randbytes(200_000) for n in range(2)]  # several blocks of zstd
    plain = encode_members([(ObjectKind.CHUNK, data) for data in members], 3)
    group = OpenGroup(forged(members, compress(plain, 3)[:-20], len(plain)), PLACE)
    assert group.member(0) == members[0]
    for _ in range(2):
        with pytest.raises(CompressionError):
            group.member(1)
    assert group.decoded(0) == members[0]


@pytest.mark.parametrize("extra", [b"x", compress(b"another frame", 3)])
def test_a_payload_that_goes_on_is_an_error_at_its_end(extra: bytes) -> None:
    plain = encode_members([(ObjectKind.CHUNK, data) for data in TEXTS], 3)
    group = OpenGroup(forged(TEXTS, compress(plain, 3) + extra, len(plain)), PLACE)
    assert group.member(3) == TEXTS[3]
    with pytest.raises(CompressionError):
        group.member(4)


def test_a_frame_of_another_size_is_refused() -> None:
    plain = encode_members([(ObjectKind.CHUNK, data) for data in TEXTS], 3)
    with pytest.raises(CompressionError, match="declares a size"):
        OpenGroup(forged(TEXTS, compress(plain, 3), len(plain) + 1), PLACE)


def test_a_table_that_speaks_of_other_bytes_is_refused() -> None:
    plain = encode_members([(ObjectKind.CHUNK, data) for data in TEXTS], 3) + b"x"
    with pytest.raises(FrameCorrupt, match="table speaks of"):
        OpenGroup(forged(TEXTS, compress(plain, 3), len(plain)), PLACE)


def test_any_garbled_payload_is_an_error_or_other_bytes() -> None:
    plain = encode_members([(ObjectKind.CHUNK, data) for data in TEXTS], 3)
    whole = bytearray(compress(plain, 3))
    for at in range(len(whole)):
        hurt = bytearray(whole)
        hurt[at] ^= 0x55
        try:
            group = OpenGroup(forged(TEXTS, bytes(hurt), len(plain)), PLACE)
            sizes = [len(group.member(number)) for number in range(len(TEXTS))]
        except DataError:
            continue
        assert sum(sizes) <= len(plain)  # the hash of a member tells that it is wrong


def test_threads_that_want_different_members() -> None:
    frame = group_of([bytes([n]) * 5_000 for n in range(100)])
    group, found = OpenGroup(frame, PLACE), list[bytes]()

    def take(numbers: range) -> None:
        found.extend(group.member(number) for number in numbers)

    threads = [threading.Thread(target=take, args=(range(n, 100, 4),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [bytes([n]) * 5_000 for n in range(100)]


def test_the_least_recently_used_group_leaves_first() -> None:
    groups = OpenGroups(2)
    places = [Location(PackId(1), offset, 100) for offset in (48, 148, 248)]
    for place in places[:2]:
        groups.keep(place, OpenGroup(group_of(TEXTS), place))
    assert groups.find(places[0]) is not None
    groups.keep(places[2], OpenGroup(group_of(TEXTS), places[2]))
    assert [groups.find(place) is not None for place in places] == [True, False, True]
    groups.drop(places[0])
    groups.drop(places[1])
    assert groups.find(places[0]) is None
