"""The gear hash: the constants that decide where chunks end and what makes them resemble.

The hash of a position is that of the 64 bytes before it: hash = (hash << 1) + GEAR[byte], modulo
2**64, so that each byte has left the word after 64 more (Xia et al., Ddelta, 2014). Its highest
bits depend on all 64 bytes, hence every test compares the whole word with a threshold.

None of these numbers may ever change: with others, new chunks would no longer equal stored ones.
They are drawn from SHAKE-256 of a label. The label is the first of its kind (numbered from 1) for
which a run of any one repeated byte has a hash of 2**57 or more: such a run is never cut by its
hash, however long. Files with holes rely on it for zeros.

Features look at fewer bytes than cuts, as what two versions of a program have in common are short
runs between addresses that moved; with still fewer, words that are frequent everywhere would drown
the others. The low 36 bits of the hash depend on 36 bytes, and that is one of the lengths for
which no run of one repeated byte is sampled.

_gear.h and _features.c hold the same constants; chunking.py refuses an extension with others.
"""

from hashlib import shake_256
from typing import Final

WINDOW_BYTES: Final = 64
WORD_MASK: Final = (1 << 64) - 1

RUN_HASH_MIN: Final = 1 << 57  # no run of one repeated byte has a smaller hash

FEATURE_COUNT: Final = 12
FEATURE_BYTES: Final = 36  # before a sampled position, which its word depends on
WORD_SHIFT: Final = WINDOW_BYTES - FEATURE_BYTES
SAMPLED_BELOW: Final = 1 << 57  # words; one position in 128 is sampled for the features


def _words(label: bytes, count: int) -> tuple[int, ...]:
    """Big-endian 64-bit words of the SHAKE-256 stream of a label."""
    stream = shake_256(label).digest(8 * count)
    return tuple(int.from_bytes(stream[at : at + 8], "big") for at in range(0, len(stream), 8))


GEAR: Final = _words(b"cairnfs gear table 8", 256)

# One linear transform for each feature: word * MULTIPLIERS[n] + ADDENDS[n], modulo 2**64.
# An odd multiplier makes it a permutation of the words.
MULTIPLIERS: Final = tuple(
    word | 1 for word in _words(b"cairnfs feature multipliers", FEATURE_COUNT)
)
ADDENDS: Final = _words(b"cairnfs feature addends", FEATURE_COUNT)
