"""When is a delta worth having? Pure decisions; what each is worth is in docs/performance.md.

A delta makes its chunk need another one: to be read, and kept. So it has to be smaller than the
chunk compressed by itself by more than that is worth. It may be a weak one: a delta can be a base
in its turn.
"""

from typing import Final

from fsmodel.ids import OBJECT_ID_BYTES

ACCEPTED_PERCENT_MAX: Final = 85  # of what the chunk takes by itself
PROMISING_PERCENT_MAX: Final = 92  # of a trial; up to here, more effort may bring it below
EXCELLENT_PERCENT_MAX: Final = 10  # then no other base is tried
BASE_COST_BYTES: Final = 2 * OBJECT_ID_BYTES + 2  # the base's id, in the frame and in the row
DELTA_BYTES_MIN: Final = 20  # no zstd frame of a chunk is smaller
# Of a payload for which a delta could be accepted:
PLAIN_BYTES_MIN: Final = (BASE_COST_BYTES + DELTA_BYTES_MIN) * 100 // ACCEPTED_PERCENT_MAX
SMALL_BYTES: Final = 64 << 10  # chunks up to here deserve effort: each costs more than its bytes
BASES_MAX: Final = 6  # tried for a small chunk
BASES_MAX_LARGE: Final = 4  # and for a larger one
TRIAL_LEVEL: Final = 1  # of zstd, to find the best of several bases
HASTY_PERCENT: Final = 97  # of a hasty payload; measured, packs grow with less and with more
REFINED_LEVELS: Final = 3  # added to the level for a delta that is not excellent by itself


def is_worth_seeking(payload_bytes: int) -> bool:
    """Whether any base could pay for a chunk whose own payload has this size."""
    return payload_bytes >= PLAIN_BYTES_MIN


def bases_max(chunk_bytes: int) -> int:
    """How many bases to try for a chunk of this size."""
    return BASES_MAX if chunk_bytes <= SMALL_BYTES else BASES_MAX_LARGE


def careful_bytes(payload_bytes: int, *, hasty: bool) -> int:
    """About what a chunk takes by itself once time was taken for it: deltas compete with that."""
    return payload_bytes * HASTY_PERCENT // 100 if hasty else payload_bytes


def is_worth_a_base(delta_bytes: int, payload_bytes: int) -> bool:
    """Whether to store a chunk as a delta, rather than by itself."""
    return _cost(delta_bytes) * 100 <= payload_bytes * ACCEPTED_PERCENT_MAX


def is_excellent(delta_bytes: int, payload_bytes: int) -> bool:
    """Whether looking for a better base is not worth its time."""
    return _cost(delta_bytes) * 100 <= payload_bytes * EXCELLENT_PERCENT_MAX


def is_promising(trial_bytes: int, payload_bytes: int) -> bool:
    """Whether a delta made at the trial level may become one that is worth a base."""
    return _cost(trial_bytes) * 100 <= payload_bytes * PROMISING_PERCENT_MAX


def _cost(delta_bytes: int) -> int:
    return delta_bytes + BASE_COST_BYTES
