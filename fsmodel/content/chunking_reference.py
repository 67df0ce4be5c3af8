"""Cutting and features in plain Python: what they mean, and what the C kernel must equal.

About 5 MB/s: for tests, and for a machine where the extension could not be built.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

from fsmodel.buffers import Buffer
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
from fsmodel.store.sections import section_values

NOISE_BYTES_MIN: Final = 16384
SAMPLE_WINDOWS: Final = 64
SEEN_BITS: Final = 12
SEEN_MULTIPLIER: Final = 2654435761  # Knuth's: 2**32 by the golden ratio
NOISE_SQUARES_MAX: Final = 71_800
NOISE_REPEATS_MAX: Final = 1

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
    pieces: list[Buffer], rule: CutRule, final: bool, pack: int = -1, offset: int = 0
) -> list[tuple[int, bytes, bytes]]:
    """The same of bytes in pieces, with the ids of chunks and more; see chunking.py.

    What a pack has is not looked at: it changes nothing but how long this takes.
    """
    view = memoryview(b"".join(pieces))
    ends = cut_points(view, rule, final)
    chunks = [view[start:end] for start, end in pairwise([0, *ends])]
    return [
        (end, object_id(chunk), section_values(chunk))
        for end, chunk in zip(ends, chunks, strict=True)
    ]


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


def is_noise(data: bytes | bytearray | memoryview) -> bool:
    """Whether `data` looks random; see chunking.py.

    A sample of 64 windows of 64 bytes, evenly spread, must be even and repeat nothing. Even: the
    squares of how often each byte occurs sum up to no more than noise has in one of a million
    samples (69,616 on average, with a deviation of 360). Nothing repeats: hardly a word of four
    bytes of a quarter of the windows, put by a hash into one of 4,096 places, finds itself there.
    """
    view = memoryview(data).cast("B")
    if len(view) < NOISE_BYTES_MIN:
        return False
    starts = [n * (len(view) - WINDOW_BYTES) // (SAMPLE_WINDOWS - 1) for n in range(SAMPLE_WINDOWS)]
    windows = [view[start : start + WINDOW_BYTES] for start in starts]
    counts = Counter(byte for window in windows for byte in window)
    if sum(count * count for count in counts.values()) > NOISE_SQUARES_MAX:
        return False
    return _repeats(windows[::4]) <= NOISE_REPEATS_MAX


def _repeats(windows: Iterable[memoryview]) -> int:
    seen = [0] * (1 << SEEN_BITS)
    repeats = 0
    for window in windows:
        for at in range(len(window) - 3):
            word = int.from_bytes(window[at : at + 4], "little")
            place = (word * SEEN_MULTIPLIER & 0xFFFFFFFF) >> (32 - SEEN_BITS)
            repeats += seen[place] == word
            seen[place] = word
    return repeats


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
