"""Deltas: a chunk stored as its difference from a similar one, its base.

The base is a zstd prefix, as `zstd --patch-from` uses it: the frame may copy from the base as if
it stood before the chunk. The base must be handed to the decoder byte for byte; with another one
the result is wrong or an error, so whoever decodes compares the result with its id.
"""

from collections.abc import Mapping
from typing import Final

from backports.zstd import CompressionParameter, ZstdDict

from fsmodel.buffers import Buffer
from fsmodel.encoding.few_letters import LONG_MATCHES
from fsmodel.encoding.taste import tastes_of_few_letters
from fsmodel.encoding.zstd_frames import FrameProblem, Prefix, compress_after, decompress

BASE_BYTES_MIN: Final = 8  # zstd takes no shorter prefix

_WINDOW_LOG_MIN: Final = 10
_HASH_LOG_MIN: Final = 10
_FAST_LEVEL_MAX: Final = 2  # levels with one small hash table
_INDEXED_BYTES: Final = 512 << 10  # of a prefix, by the tables of the other levels


def encode_delta(plain: Buffer, base: Buffer, level: int) -> bytes:
    """A payload from which, and from the base, `plain` can be had again. Any thread may call it.

    Whether it is small enough to be worth a base is for the caller to say. The base has at least
    BASE_BYTES_MIN bytes.
    """
    assert len(base) >= BASE_BYTES_MIN
    if level_matters(plain):
        options = _options(len(plain), len(base), level)
    else:
        options = _long_match_options(len(plain), len(base))
    return compress_after(_prefix(base), plain, options)


def level_matters(plain: Buffer) -> bool:
    """Whether a delta of these bytes depends on the level; one of few letters does not."""
    return not tastes_of_few_letters(plain)


def decode_delta(payload: Buffer, plain_size: int, base: Buffer) -> bytes:
    """The plain bytes of a delta against this base. Raises FrameProblem."""
    if len(base) < BASE_BYTES_MIN:
        raise FrameProblem(f"a base of {len(base)} bytes is too short for a delta")
    return decompress(payload, plain_size, _prefix(base))


def _prefix(base: Buffer) -> Prefix:
    return ZstdDict(base, is_raw=True).as_prefix


def _options(plain_bytes: int, base_bytes: int, level: int) -> Mapping[int, int]:
    """Parameters with which every byte of the base can be referred to.

    The window covers base and chunk together. zstd indexes no more of a prefix than eight bytes
    for each slot of its hash table and drops the beginning, which at level 1 halves the worth of
    a base of 256 KiB: there the table gets a slot for every byte or two.
    """
    options: dict[int, int] = {
        CompressionParameter.compression_level: level,
        CompressionParameter.window_log: _window_log(plain_bytes, base_bytes),
    }
    if level <= _FAST_LEVEL_MAX or base_bytes > _INDEXED_BYTES:
        options[CompressionParameter.hash_log] = max(_HASH_LOG_MIN, base_bytes.bit_length() - 1)
    return options


def _long_match_options(plain_bytes: int, base_bytes: int) -> Mapping[int, int]:
    """The same for few letters, at whatever level: tables with room for each position of both."""
    log = _window_log(plain_bytes, base_bytes)
    return {
        **LONG_MATCHES,
        CompressionParameter.window_log: log,
        CompressionParameter.hash_log: log,
        CompressionParameter.chain_log: log,
    }


def _window_log(plain_bytes: int, base_bytes: int) -> int:
    return max(_WINDOW_LOG_MIN, (plain_bytes + base_bytes).bit_length())
