"""Frames and pack headers: what is written is read back, and nothing else passes."""

from struct import Struct

import pytest

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import FrameCorrupt
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.pack_format import (
    BODY_BYTES_MAX,
    FRAME_HEADER,
    OBJECT_BYTES_MAX,
    PACK_HEADER,
    NewFrame,
    ObjectKind,
    check_pack_header,
    encode_frame,
    encode_pack_header,
    pack_seed,
    parse_frame,
    parse_header,
)
from fsmodel.store.sections import section_values
from tests.support.packs import (
    BASE,
    OTHER_STORE,
    PACK,
    SEED,
    STORE,
    delta_frame,
    raw_frame,
    sealed,
    with_bit_flipped,
)

FACTS = Struct("<BBHII32s")
SAMPLES = {
    "raw": raw_frame(b"twenty bytes of text"),
    "empty": raw_frame(b""),
    "delta": delta_frame(b"some delta", 5000),
}


@pytest.fixture(params=SAMPLES)
def frame(request: pytest.FixtureRequest) -> NewFrame:
    return SAMPLES[request.param]


@pytest.mark.parametrize("kind", ObjectKind)
@pytest.mark.parametrize("codec", [Codec.RAW, Codec.ZSTD])
def test_a_frame_says_what_went_in(kind: ObjectKind, codec: Codec) -> None:
    block = b"before" + sealed(encode_frame(kind, codec, 7, BASE, b"payload"))
    frame = parse_frame(block, 6, SEED, "here")
    assert (frame.kind, frame.codec, frame.plain_size, frame.id) == (kind, codec, 7, BASE)
    assert (frame.base, bytes(frame.payload), frame.size) == (None, b"payload", len(block) - 6)


def test_a_delta_frame_names_its_base() -> None:
    frame = parse_frame(sealed(SAMPLES["delta"]), 0, SEED, "here")
    assert (frame.base, bytes(frame.payload)) == (BASE, b"some delta")
    assert (frame.codec, frame.plain_size) == (Codec.DELTA, 5000)


def test_values_of_sections_lie_behind_the_payload_and_are_no_part_of_it() -> None:
    data = bytes(40_000)
    block = bytearray(sealed(raw_frame(data)))
    assert block[FRAME_HEADER.size + len(data) :] == section_values(data)
    for at in range(FRAME_HEADER.size + len(data), len(block)):
        block[at] ^= 1  # nobody needs them: whoever uses them sees that they are wrong
        frame = parse_frame(block, 0, SEED, "here")
        assert (bytes(frame.payload), frame.size) == (data, len(block))


def test_values_can_be_given_or_left_out() -> None:
    data = bytes(40_000)
    facts = ObjectKind.CHUNK, Codec.RAW, len(data), BASE, data
    assert encode_frame(*facts, values=section_values(data)) == encode_frame(*facts)
    bare = sealed(encode_frame(*facts, values=b""))
    assert len(bare) == FRAME_HEADER.size + len(data)
    assert bytes(parse_frame(bare, 0, SEED, "here").payload) == data


@pytest.mark.parametrize(
    ("kind", "codec"), [(ObjectKind.MANIFEST, Codec.RAW), (ObjectKind.CHUNK, Codec.ZSTD)]
)
def test_only_chunks_as_they_are_have_values(kind: ObjectKind, codec: Codec) -> None:
    data = bytes(40_000)
    frame = encode_frame(kind, codec, len(data), BASE, data, values=section_values(data))
    assert frame.size == FRAME_HEADER.size + len(data)


def test_the_payload_is_a_view_of_the_block() -> None:
    block = bytearray(sealed(SAMPLES["raw"]))
    frame = parse_frame(block, 0, SEED, "here")
    block[-4:] = b"TEXT"
    assert bytes(frame.payload[-4:]) == b"TEXT"


def test_sealing_does_not_copy_the_payload() -> None:
    data = bytes(100)
    assert raw_frame(data).sealed(SEED)[1] is data


def test_the_size_is_known_before_the_pack(frame: NewFrame) -> None:
    assert frame.size == len(sealed(frame))


def test_every_flipped_bit_is_noticed(frame: NewFrame) -> None:
    block = sealed(frame)
    for bit in range(8 * len(block)):
        with pytest.raises(FrameCorrupt):
            parse_frame(with_bit_flipped(block, bit), 0, SEED, "here")


def test_every_cut_is_noticed(frame: NewFrame) -> None:
    block = sealed(frame)
    for length in range(len(block)):
        with pytest.raises(FrameCorrupt):
            parse_frame(block[:length], 0, SEED, "here")


def test_bytes_behind_a_frame_do_not_matter(frame: NewFrame) -> None:
    block = sealed(frame)
    assert parse_frame(block + b"more", 0, SEED, "here").size == len(block)


def test_an_offset_behind_the_block_is_no_frame() -> None:
    with pytest.raises(FrameCorrupt, match="0 bytes"):
        parse_frame(b"short", 99, SEED, "here")


@pytest.mark.parametrize(("store", "pack"), [(OTHER_STORE, PACK), (STORE, PackId(PACK + 1))])
def test_a_frame_of_another_store_or_pack_is_no_frame(store: bytes, pack: PackId) -> None:
    with pytest.raises(FrameCorrupt, match="header"):
        parse_frame(sealed(SAMPLES["raw"]), 0, pack_seed(store, pack), "here")


def test_the_error_names_the_place() -> None:
    with pytest.raises(FrameCorrupt, match="frame at the usual place: "):
        parse_frame(b"", 0, SEED, "the usual place")


def test_a_header_can_be_trusted_without_the_body(frame: NewFrame) -> None:
    header = parse_header(sealed(frame)[: FRAME_HEADER.size], 0, SEED, "here")
    assert header.size == frame.size


def test_every_flipped_bit_of_a_header_is_noticed_without_the_body() -> None:
    """All but the checksum of the body, which only the body can confirm."""
    header = sealed(SAMPLES["raw"])[: FRAME_HEADER.size]
    for bit in [*range(8 * 8), *range(8 * 16, 8 * len(header))]:
        with pytest.raises(FrameCorrupt):
            parse_header(with_bit_flipped(header, bit), 0, SEED, "here")


def forged(
    kind: int = 1, codec: int = 0, flags: int = 0, plain: int = 4, body: bytes = b"four"
) -> bytes:
    """A frame with right checksums, whatever it says."""
    return sealed(NewFrame(FACTS.pack(kind, codec, flags, plain, len(body), bytes(32)), body))


FORGERIES = {
    "unknown kind": forged(kind=0),
    "later kind": forged(kind=200),
    "unknown codec": forged(codec=250),
    "flags": forged(flags=1),
    "later flags": forged(flags=2, plain=40_000, body=bytes(40_000)),
    "more flags": forged(flags=3, plain=40_000, body=bytes(40_096)),
    "no values": forged(flags=1, plain=40_000, body=bytes(40_000)),
    "values of more": forged(flags=1, plain=40_000, body=bytes(40_128)),
    "values of a page": forged(kind=2, flags=1, plain=40_000, body=bytes(40_096)),
    "values of what is compressed": forged(codec=1, flags=1, plain=40_000, body=bytes(40_096)),
    "values that nobody told of": forged(plain=40_000, body=bytes(40_096)),
    "raw size": forged(plain=5),
    "bomb": forged(codec=1, plain=OBJECT_BYTES_MAX + 1),
    "delta without base": forged(codec=2, body=bytes(31)),
    "delta against itself": forged(codec=2, body=bytes(40)),
}


def test_the_forger_can_make_a_right_frame() -> None:
    assert parse_frame(forged(), 0, SEED, "here").plain_size == 4


@pytest.mark.parametrize("name", FORGERIES)
def test_right_checksums_do_not_excuse_wrong_facts(name: str) -> None:
    with pytest.raises(FrameCorrupt):
        parse_frame(FORGERIES[name], 0, SEED, "here")


def test_a_body_beyond_the_limit_is_refused_before_it_is_looked_at() -> None:
    facts = FACTS.pack(1, 1, 0, 4, BODY_BYTES_MAX + 1, bytes(32))
    with pytest.raises(FrameCorrupt):
        parse_header(sealed(NewFrame(facts, b"")), 0, SEED, "here")


def test_the_largest_object_fits() -> None:
    data = bytes(OBJECT_BYTES_MAX)
    assert parse_frame(sealed(raw_frame(data)), 0, SEED, "here").plain_size == OBJECT_BYTES_MAX


@pytest.mark.parametrize(
    ("codec", "plain", "payload", "base"),
    [
        (Codec.RAW, OBJECT_BYTES_MAX + 1, bytes(OBJECT_BYTES_MAX + 1), None),
        (Codec.RAW, 3, b"four", None),
        (Codec.DELTA, 3, b"abc", None),
        (Codec.ZSTD, 3, b"abc", BASE),
        (Codec.DELTA, 3, b"abc", object_id(b"itself")),
    ],
)
def test_a_frame_that_could_not_be_read_is_never_made(
    codec: Codec, plain: int, payload: bytes, base: ObjectId | None
) -> None:
    with pytest.raises(AssertionError):
        encode_frame(ObjectKind.CHUNK, codec, plain, object_id(b"itself"), payload, base=base)


def test_a_pack_header_is_recognised() -> None:
    header = encode_pack_header(STORE, PACK)
    assert len(header) == PACK_HEADER.size
    check_pack_header(header + b"frames", STORE, PACK)


def test_every_flipped_bit_of_a_pack_header_is_noticed() -> None:
    header = encode_pack_header(STORE, PACK)
    for bit in range(8 * len(header)):
        with pytest.raises(FrameCorrupt):
            check_pack_header(with_bit_flipped(header, bit), STORE, PACK)


def test_every_cut_of_a_pack_header_is_noticed() -> None:
    header = encode_pack_header(STORE, PACK)
    for length in range(len(header)):
        with pytest.raises(FrameCorrupt):
            check_pack_header(header[:length], STORE, PACK)


def test_a_pack_of_another_store_is_named() -> None:
    with pytest.raises(FrameCorrupt, match=f"pack 0+9 of store {OTHER_STORE.hex()}"):
        check_pack_header(encode_pack_header(OTHER_STORE, PackId(9)), STORE, PACK)
