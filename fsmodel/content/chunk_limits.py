"""How long chunks may be, and the numbers the cutting kernels work with.

The rule is normalized chunking as in FastCDC (Xia et al., USENIX ATC 2016, section 3.4): up to the
normal size a cut needs a hash that is four times rarer than one in `average`, behind it one that
is four times more frequent, so that most chunks end close to the average.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fsmodel.content.gear import RUN_HASH_MIN, WINDOW_BYTES

CHUNKER: Final = "gear-fastcdc-1"  # in format.json; another table or rule is another name
AVERAGE_MIN: Final = 512  # bytes; below it a run of one repeated byte could cut (see gear.py)
MAX_SIZE_LIMIT: Final = 1 << 26  # bytes


class CutRule(NamedTuple):
    """What a kernel is told: sizes in bytes, and the gear hashes below which a chunk ends.

    A chunk ends at the first size from `min_size` on at which the hash of the 64 bytes before is
    less than `rare_below` (sizes less than `normal_size`) or `frequent_below` (from there on), and
    at the latest at `max_size`.
    """

    min_size: int
    normal_size: int
    max_size: int
    rare_below: int
    frequent_below: int


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """Smallest, average and largest size of a chunk, in bytes.

    The last chunk of a file may be smaller than `min_size`. On random bytes the mean size is
    within 3 % of `average` when `min_size` is a quarter of it and `max_size` four times as much.
    Raises ValueError for limits that cannot be kept.
    """

    min_size: int = 16384
    average: int = 65536
    max_size: int = 262144
    rule: CutRule = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not AVERAGE_MIN <= self.average:
            raise ValueError(f"average chunk size {self.average} is below {AVERAGE_MIN} bytes")
        if not WINDOW_BYTES <= self.min_size < self.average < self.max_size <= MAX_SIZE_LIMIT:
            raise ValueError(
                f"chunk sizes {self.min_size}, {self.average}, {self.max_size} must rise "
                f"from at least {WINDOW_BYTES} to at most {MAX_SIZE_LIMIT} bytes"
            )
        object.__setattr__(self, "rule", _rule_of(self.min_size, self.average, self.max_size))


def _rule_of(min_size: int, average: int, max_size: int) -> CutRule:
    """Thresholds for the limits; 13/16 of the average as normal size makes the mean come true."""
    rule = CutRule(
        min_size=min_size,
        normal_size=max(min_size, average * 13 // 16),
        max_size=max_size,
        rare_below=(1 << 64) // (average * 4),
        frequent_below=(1 << 64) * 4 // average,
    )
    assert 0 < rule.rare_below < rule.frequent_below <= RUN_HASH_MIN
    return rule
