"""How quick syncs are, which says where the next one is waited for.

A hop to a worker thread and back costs the event loop about 150 us of CPU time and several
wake-ups. A disk that keeps its cache over a loss of power syncs a few kilobytes in 30 to 60 us, and
then it is cheaper for everybody if the loop waits in place. Any other disk takes milliseconds, in
which the loop has other requests to answer.
"""

from typing import Final

QUICK_NS: Final = 200_000  # on average: about what a hop costs
SLOW_NS: Final = 1_000_000  # a single one that takes as long ends waiting in place
WEIGHT: Final = 8  # the last sync counts for an eighth of the average
SMALL_BYTES: Final = 64 << 10  # with more to write, the last times say nothing about the next one


class SyncPace:
    """A moving average of how long small syncs take. Owner: the event-loop thread."""

    def __init__(self) -> None:
        self._average_ns = float(SLOW_NS)  # nothing is known yet

    def note(self, took_ns: int) -> None:
        """A small sync has taken so long.

        After a slow one it takes some 25 quick ones in a row, more if it was very slow, until
        syncs count as quick again.
        """
        if took_ns >= SLOW_NS:
            self._average_ns = float(took_ns)
        else:
            self._average_ns += (took_ns - self._average_ns) / WEIGHT

    @property
    def is_quick(self) -> bool:
        """Whether the next small sync is likely to take less than a hop to a thread."""
        return self._average_ns <= QUICK_NS
