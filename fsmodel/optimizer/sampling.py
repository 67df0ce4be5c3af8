"""What a sample of the jobs says about all of them.

Jobs are taken at equal distances. What they would save is told in proportion to what all store now
(a ratio estimate); the error is twice the standard error of that, corrected for the share of jobs
that was looked at, so that it is zero when all were. See Cochran, Sampling Techniques, chapter 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from typing import Final, NamedTuple, TypeVar

SAMPLED_MAX: Final = 24  # jobs
ERRORS: Final = 2  # standard errors on each side: the truth lies within, 19 times of 20

Item = TypeVar("Item")


class Tried(NamedTuple):
    """A job that was attempted: what its objects take now, and what would be saved."""

    stored_bytes: int
    saved_bytes: int
    offered: bool  # whether anything would be stored anew


@dataclass(frozen=True, slots=True)
class Prediction:
    """What all jobs would save, by a sample."""

    saved_bytes: int
    error_bytes: int  # on each side
    sampled: int
    jobs: int
    offered: bool  # whether anything of the sample would be stored anew


def sample(items: Sequence[Item], count: int = SAMPLED_MAX) -> list[Item]:
    """So many items at equal distances, or all."""
    if len(items) <= count:
        return list(items)
    return [items[(2 * number + 1) * len(items) // (2 * count)] for number in range(count)]


def predict(tried: Sequence[Tried], jobs: int, stored_bytes: int) -> Prediction:
    """What so many jobs, that store so much now, would save. Pure."""
    sampled, offered = len(tried), any(each.offered for each in tried)
    weight = sum(each.stored_bytes for each in tried)
    if not weight:
        return Prediction(0, 0, sampled, jobs, offered)
    ratio = sum(each.saved_bytes for each in tried) / weight
    saved = round(ratio * stored_bytes)
    if sampled >= jobs:
        return Prediction(sum(each.saved_bytes for each in tried), 0, sampled, jobs, offered)
    if sampled < 2:
        return Prediction(saved, stored_bytes, sampled, jobs, offered)
    spread = sum((each.saved_bytes - ratio * each.stored_bytes) ** 2 for each in tried)
    variance = spread / (sampled - 1) / sampled * (1 - sampled / jobs)
    error = ceil(ERRORS * sqrt(variance) * jobs)
    return Prediction(saved, error, sampled, jobs, offered)
