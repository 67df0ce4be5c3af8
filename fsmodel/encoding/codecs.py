"""Codecs: the forms in which an object's bytes are stored, and the way there and back."""

from enum import IntEnum
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.encoding.delta import decode_delta, encode_delta
from fsmodel.encoding.few_letters import compress_few_letters
from fsmodel.encoding.taste import tastes_incompressible, tastes_of_few_letters
from fsmodel.encoding.zstd_frames import FrameProblem, compress, decompress
from fsmodel.errors import CompressionError

__all__ = ["Codec", "decode", "encode", "encode_delta", "encode_solid"]

SAVED_PERCENT_MIN: Final = 2  # less than this is not worth decompressing at every read

_HASTY_LEVEL: Final = 1
_TASTED_LEVEL_MIN: Final = 3  # below, giving up early is as fast as tasting


class Codec(IntEnum):
    """How an object is held. Stored, so a value is never given another meaning."""

    RAW = 0  # as it is
    ZSTD = 1  # a zstd frame
    DELTA = 2  # a zstd frame that refers to a base
    GROUP = 3  # with others in the frame of a group; stands in rows only, never in a frame


def encode(plain: Buffer, level: int) -> tuple[Codec, Buffer]:
    """The smaller of raw and compressed at a zstd level. Any thread may call it.

    Raw bytes are returned as they came, not copied. Bytes that taste incompressible are still
    compressed, at the hasty level 1, which sees long repeats and soon gives up without them.
    Raises ValueError for a level zstd does not have.
    """
    if level >= _TASTED_LEVEL_MIN and tastes_incompressible(plain):
        level = _HASTY_LEVEL
    return encode_solid(plain, level)


def encode_solid(plain: Buffer, level: int) -> tuple[Codec, Buffer]:
    """The same without tasting first: for bytes that have much in common far from each other."""
    payload = compress(plain, level)
    if tastes_of_few_letters(plain):
        payload = min(payload, compress_few_letters(plain), key=len)
    if len(payload) * 100 <= len(plain) * (100 - SAVED_PERCENT_MIN):
        return Codec.ZSTD, payload
    return Codec.RAW, plain


def decode(
    codec: Codec,
    payload: Buffer,
    plain_size: int,
    base: Buffer | None = None,
    object_id: bytes = b"",
) -> bytes:
    """The plain bytes of a payload, exactly `plain_size` of them. Any thread may call it.

    A DELTA needs the bytes of its base. A payload of another size, a damaged or a forged one
    raises CompressionError, which names the object; memory is never taken for more than
    `plain_size`. A result of the right size can still be wrong when the payload or the base was:
    compare it with its id.
    """
    try:
        return _decode(codec, payload, plain_size, base)
    except FrameProblem as problem:
        raise CompressionError(object_id, str(problem)) from problem


def _decode(codec: Codec, payload: Buffer, plain_size: int, base: Buffer | None) -> bytes:
    if codec is Codec.ZSTD:
        return decompress(payload, plain_size)
    if codec is Codec.DELTA:
        assert base is not None  # the index names one for every delta
        return decode_delta(payload, plain_size, base)
    assert codec is Codec.RAW  # what lies in a group is taken out of it, not decoded
    if len(payload) != plain_size:
        raise FrameProblem(f"the payload has {len(payload)} bytes, not {plain_size}")
    return bytes(payload)
