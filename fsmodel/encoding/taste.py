"""Tasting bytes before they are compressed: a kilobyte tells which way of compressing suits them.

Tastes are cheap and may be wrong: they decide what is tried, never what is right.
"""

from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.encoding.zstd_frames import compress

TASTED_BYTES_MIN: Final = 16384  # what is smaller is not worth a taste
LETTERS_MAX: Final = 24  # different bytes in a taste: nucleotides, amino acids, digits

_TASTE_BYTES: Final = 340  # from each of three places
_SIP_BYTES: Final = 96  # of the start, where most that has many letters shows them
_TASTED_LEVEL: Final = 1


def tastes_incompressible(plain: Buffer) -> bool:
    """Whether a kilobyte from the start, the middle and the end does not compress at all."""
    if len(plain) < TASTED_BYTES_MIN:
        return False
    taste = _taste(plain)
    return len(compress(taste, _TASTED_LEVEL)) >= len(taste)


def tastes_of_few_letters(plain: Buffer) -> bool:
    """Whether the same kilobyte is written with a small alphabet."""
    if len(plain) < TASTED_BYTES_MIN or len(set(plain[:_SIP_BYTES])) > LETTERS_MAX:
        return False
    return len(set(_taste(plain))) <= LETTERS_MAX


def _taste(plain: Buffer) -> bytes:
    view = memoryview(plain)
    middle = len(view) // 2
    parts = (view[:_TASTE_BYTES], view[middle : middle + _TASTE_BYTES], view[-_TASTE_BYTES:])
    return b"".join(parts)
