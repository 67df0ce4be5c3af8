"""When is a delta worth having? Pure decisions; what each is worth is in docs/performance.md.

A delta makes its chunk need another one: to be read, and kept. So it has to be smaller than the
chunk compressed by itself by more than that is worth. It may be a weak one: a delta can be a base
in its turn, and where chains end, the base of the chain stands in.
"""

from typing import Final

from fsmodel.ids import OBJECT_ID_BYTES

ACCEPTED_PERCENT_MAX: Final = 85  # of what the chunk takes by itself
PROMISING_PERCENT_MAX: Final = 95  # up to here, more effort may bring it below
EXCELLENT_PERCENT_MAX: Final = 10  # then nothing is tried to make it smaller
BASE_COST_BYTES: Final = 2 * OBJECT_ID_BYTES + 2  # the base's id, in the frame and in the row
PLAIN_BYTES_MIN: Final = 2 * BASE_COST_BYTES  # of a payload that a delta can be smaller than
SMALL_BYTES: Final = 64 << 10  # chunks up to here deserve effort: each costs more than its bytes
BASES_MAX: Final = 4  # tried for a small chunk
BASES_MAX_LARGE: Final = 2  # and for a larger one
REFINED_LEVELS: Final = 3  # the best delta is made again, so many zstd levels up


def is_worth_seeking(payload_bytes: int) -> bool:
    """Whether any base could pay for a chunk whose own payload has this size."""
    return payload_bytes >= PLAIN_BYTES_MIN


def bases_max(chunk_bytes: int) -> int:
    """How many bases to try for a chunk of this size."""
    return BASES_MAX if chunk_bytes <= SMALL_BYTES else BASES_MAX_LARGE


def is_worth_a_base(delta_bytes: int, payload_bytes: int) -> bool:
    """Whether to store a chunk as a delta, rather than by itself."""
    return _cost(delta_bytes) * 100 <= payload_bytes * ACCEPTED_PERCENT_MAX


def is_excellent(delta_bytes: int, payload_bytes: int) -> bool:
    """Whether looking for a smaller delta is not worth its time."""
    return _cost(delta_bytes) * 100 <= payload_bytes * EXCELLENT_PERCENT_MAX


def is_worth_refining(delta_bytes: int, payload_bytes: int) -> bool:
    """Whether to spend more time on making the best delta smaller."""
    promising = _cost(delta_bytes) * 100 <= payload_bytes * PROMISING_PERCENT_MAX
    return promising and not is_excellent(delta_bytes, payload_bytes)


def _cost(delta_bytes: int) -> int:
    return delta_bytes + BASE_COST_BYTES
