"""Codecs: what is encoded comes back, and nothing that was not is taken for it."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from backports.zstd import CompressionParameter, ZstdCompressor
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.encoding.codecs import SAVED_PERCENT_MIN, Codec, decode, encode
from fsmodel.errors import CompressionError

TEXT = b"".join(b"line %d of some text that compresses well\n" % n for n in range(1500))
NOISE = Random(1).randbytes(65536)
LEVELS = [-5, 1, 2, 3, 6, 19]


def frame(plain: bytes, *, declared: bool = True) -> bytes:
    options: dict[int, int] = {CompressionParameter.content_size_flag: int(declared)}
    return ZstdCompressor(options=options).compress(plain, ZstdCompressor.FLUSH_FRAME)


def refused(codec: Codec, payload: bytes, plain_size: int) -> str:
    """What decoding says when it refuses, which it must."""
    with pytest.raises(CompressionError) as caught:
        decode(codec, payload, plain_size, object_id=b"\xab" * 32)
    assert caught.value.object_id == b"\xab" * 32
    return caught.value.reason


@given(plain=st.binary(max_size=4000), level=st.sampled_from(LEVELS[:-1]))
def test_what_is_encoded_comes_back(plain: bytes, level: int) -> None:
    codec, payload = encode(plain, level)
    assert decode(codec, payload, len(plain)) == plain


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("plain", [b"", b"x", TEXT, NOISE, bytes(1 << 20), TEXT * 20 + NOISE])
def test_chunks_of_every_kind_come_back(plain: bytes, level: int) -> None:
    codec, payload = encode(plain, level)
    assert decode(codec, memoryview(payload), len(plain)) == plain


@pytest.mark.parametrize("level", LEVELS)
def test_text_is_compressed_and_noise_stays_as_it_came(level: int) -> None:
    codec, payload = encode(TEXT, level)
    assert codec is Codec.ZSTD
    assert len(payload) < len(TEXT) // 4
    assert encode(NOISE, level) == (Codec.RAW, NOISE)
    assert encode(NOISE, level)[1] is NOISE


@pytest.mark.parametrize("level", LEVELS)
def test_a_saving_that_is_not_worth_it_is_not_taken(level: int) -> None:
    saved = len(NOISE) * SAVED_PERCENT_MIN // 100
    assert encode(NOISE[saved // 2 :] + bytes(saved // 2), level)[0] is Codec.RAW
    assert encode(NOISE[saved * 2 :] + bytes(saved * 2), level)[0] is Codec.ZSTD


@pytest.mark.parametrize("level", LEVELS)
def test_what_only_tastes_of_noise_is_still_compressed(level: int) -> None:
    """Bytes that do not compress where they are tasted, but elsewhere, or by being repeated."""
    hidden = bytearray(65536)
    for at in (0, 32768, 65536 - 4096):
        hidden[at : at + 4096] = NOISE[at : at + 4096]
    for plain in (bytes(hidden), NOISE[:16384] * 4):
        codec, payload = encode(plain, level)
        assert codec is Codec.ZSTD
        assert len(payload) < len(plain) // 3


def test_a_level_that_zstd_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        encode(TEXT, 100)
    assert encode(TEXT, 3)[0] is Codec.ZSTD


def test_any_buffer_can_be_encoded() -> None:
    for kind in (bytes, bytearray, memoryview):
        for plain in (TEXT, NOISE):
            codec, payload = encode(kind(plain), 3)
            assert decode(codec, payload, len(plain)) == plain


def test_threads_do_not_disturb_each_other() -> None:
    plains = [Random(n).randbytes(200) * (n % 50 + 1) + TEXT[n:] for n in range(200)]
    with ThreadPoolExecutor(4) as threads:
        encoded = list(threads.map(lambda plain: encode(plain, 3), plains))
        decoded = threads.map(lambda of, plain: decode(of[0], of[1], len(plain)), encoded, plains)
        assert list(decoded) == plains


@pytest.mark.parametrize("claimed", [0, 1, 999, 1001, 1 << 40])
def test_a_payload_of_another_size_is_refused(claimed: int) -> None:
    assert f"not {claimed}" in refused(Codec.RAW, bytes(1000), claimed)
    assert f"not {claimed}" in refused(Codec.ZSTD, frame(bytes(1000)), claimed)


def test_a_bomb_takes_no_memory() -> None:
    """A frame of 64 MiB that says so, that is silent about it, and that says 1000 bytes."""
    honest, silent = frame(bytes(64 << 20)), frame(bytes(64 << 20), declared=False)
    size_field = honest.index((64 << 20).to_bytes(4, "little"))
    forged = honest[:size_field] + (1000).to_bytes(4, "little") + honest[size_field + 4 :]
    tracemalloc.start()
    try:
        for bomb in (honest, silent, forged):
            refused(Codec.ZSTD, bomb, 1000)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_every_truncation_is_refused() -> None:
    payload = encode(TEXT[:3000], 3)[1]
    for length in range(len(payload)):
        refused(Codec.ZSTD, bytes(payload[:length]), 3000)


def test_bytes_behind_the_frame_are_refused() -> None:
    payload = frame(TEXT)
    assert "follow" in refused(Codec.ZSTD, payload + b"x", len(TEXT))
    assert "follow" in refused(Codec.ZSTD, payload + payload, len(TEXT))


def test_a_garbled_payload_is_refused_or_has_the_right_size() -> None:
    """Which of both, the frame's checksum and the object's id make irrelevant."""
    payload = encode(TEXT[:3000], 3)[1]
    for at in range(len(payload)):
        garbled = bytearray(payload)
        garbled[at] ^= 1 << at % 8
        try:
            assert len(decode(Codec.ZSTD, garbled, 3000)) == 3000
        except CompressionError:
            continue


@given(payload=st.binary(max_size=200), size=st.integers(0, 300))
def test_no_payload_ends_in_another_error(payload: bytes, size: int) -> None:
    for data in (payload, b"\x28\xb5\x2f\xfd" + payload):
        try:
            assert len(decode(Codec.ZSTD, data, size)) == size
        except CompressionError:
            continue
