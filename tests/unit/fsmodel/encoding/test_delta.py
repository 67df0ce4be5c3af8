"""Deltas: the whole base can be referred to, and only with that base they come back."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.encoding.codecs import Codec, decode, encode_delta
from fsmodel.encoding.delta import BASE_BYTES_MIN
from fsmodel.errors import CompressionError

LEVELS = [-1, 1, 2, 3, 6, 9]


@given(
    base=st.binary(min_size=BASE_BYTES_MIN, max_size=2000),
    plain=st.binary(max_size=2000),
    level=st.sampled_from(LEVELS),
)
def test_what_is_encoded_comes_back(base: bytes, plain: bytes, level: int) -> None:
    payload = encode_delta(plain, base, level)
    assert decode(Codec.DELTA, payload, len(plain), base) == plain


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [100, 16384, 65536, 262144, 1 << 20])
def test_every_part_of_the_base_is_within_reach(level: int, size: int) -> None:
    """Noise that begins with the base's end and ends with its beginning costs next to nothing."""
    base = Random(size).randbytes(size)
    plain = base[size // 2 :] + b"edited" + base[: size // 2]
    payload = encode_delta(plain, base, level)
    assert len(payload) < 64 + size // 500
    assert decode(Codec.DELTA, payload, len(plain), base) == plain


@pytest.mark.parametrize("level", LEVELS)
def test_a_small_chunk_can_be_taken_from_the_start_of_a_big_base(level: int) -> None:
    base = Random(2).randbytes(262144)
    assert len(encode_delta(base[:20_000], base, level)) < 64


def test_the_buffers_may_be_views() -> None:
    base, plain = Random(3).randbytes(5000), Random(3).randbytes(4000)
    payload = encode_delta(memoryview(plain), memoryview(base), 3)
    assert decode(Codec.DELTA, memoryview(payload), 4000, memoryview(base)) == plain


def test_a_wrong_base_is_noticed_or_gives_other_bytes() -> None:
    """Other bytes of the right size fail the comparison with the object's id."""
    base = Random(4).randbytes(5000)
    plain = base[1000:4000]
    payload = encode_delta(plain, base, 3)
    for other in (Random(5).randbytes(5000), base[:2000], base + b"x"):
        try:
            assert decode(Codec.DELTA, payload, len(plain), other) != plain
        except CompressionError:
            continue


def test_a_base_too_short_for_any_delta_is_refused() -> None:
    payload = encode_delta(bytes(100), bytes(100), 3)
    with pytest.raises(CompressionError, match="too short"):
        decode(Codec.DELTA, payload, 100, b"short", b"\xab" * 32)


@pytest.mark.parametrize("claimed", [0, 2999, 3001])
def test_a_payload_of_another_size_is_refused(claimed: int) -> None:
    base = Random(6).randbytes(5000)
    with pytest.raises(CompressionError, match=f"not {claimed}"):
        decode(Codec.DELTA, encode_delta(base[:3000], base, 3), claimed, base)


def test_every_truncation_is_refused() -> None:
    base = Random(7).randbytes(5000)
    payload = encode_delta(base[:1000] + bytes(range(256)) + base[2000:], base, 3)
    for length in range(len(payload)):
        with pytest.raises(CompressionError):
            decode(Codec.DELTA, payload[:length], 4256, base)
