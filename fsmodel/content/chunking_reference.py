"""Cutting and features in plain Python: what they mean, and what the C kernel must equal.

About 5 MB/s: for tests, and for a machine where the extension could not be built.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from fsmodel.content.chunk_limits import CutRule
from fsmodel.content.gear import (
    ADDENDS,
    GEAR,
    MULTIPLIERS,
    SAMPLED_BELOW,
    WINDOW_BYTES,
    WORD_MASK,
    WORD_SHIFT,
)
from fsmodel.encoding.hashing import object_id

_FEATURE_SHIFT: Final = 32  # a feature is the high half of a transformed hash


def cut_points(data: bytes | bytearray | memoryview, rule: CutRule, final: bool) -> list[int]:
    """End offsets of the chunks of `data`; see chunking.py."""
    view = memoryview(data).cast("B")
    cuts: list[int] = []
    start = 0
    while start < len(view):
        end = _chunk_end(view, start, rule)
        if end is None:
            if final:
                cuts.append(len(view))
            break
        cuts.append(end)
        start = end
    return cuts


def cut_chunks(
    data: bytes | bytearray | memoryview, rule: CutRule, final: bool
) -> list[tuple[int, bytes]]:
    """The same, with the object id of each chunk; see chunking.py."""
    view = memoryview(data).cast("B")
    ends = cut_points(data, rule, final)
    return [(end, object_id(view[start:end])) for start, end in pairwise([0, *ends])]


def features(data: bytes | bytearray | memoryview) -> tuple[int, ...]:
    """The resemblance features of `data`; see chunking.py."""
    view = memoryview(data).cast("B")
    words = (hash_ << WORD_SHIFT & WORD_MASK for _, hash_ in _hashes(view, WINDOW_BYTES))
    sampled = [word for word in words if word < SAMPLED_BELOW]
    if not sampled:
        return ()
    return tuple(
        max((word * multiplier + addend) & WORD_MASK for word in sampled) >> _FEATURE_SHIFT
        for multiplier, addend in zip(MULTIPLIERS, ADDENDS, strict=True)
    )


def _chunk_end(view: memoryview, start: int, rule: CutRule) -> int | None:
    """Where the chunk that begins at `start` ends; None when more data is needed to say so."""
    for size, word in _hashes(view[start : start + rule.max_size], rule.min_size):
        below = rule.rare_below if size < rule.normal_size else rule.frequent_below
        if word < below or size == rule.max_size:
            return start + size
    return None


def _hashes(view: memoryview, first: int) -> Iterator[tuple[int, int]]:
    """Each position from `first` on, with the gear hash of the 64 bytes before it."""
    word = 0
    for position, byte in enumerate(view[first - WINDOW_BYTES :], first - WINDOW_BYTES + 1):
        word = ((word << 1) + GEAR[byte]) & WORD_MASK
        if position >= first:
            yield position, word
