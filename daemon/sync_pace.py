"""How quick syncs are and who they hold up, which says where the next one is waited for.

A hop to a worker thread and back costs the event loop about 150 us of CPU time and several
wake-ups, and more than twice as much when processors are busy. The loop waits in place instead

  * where syncs are quick: a disk that keeps its cache over a loss of power syncs a few kilobytes
    in 30 to 60 us, and then that is cheaper for everybody;
  * where they take some milliseconds at most, and nobody but who waits for them has asked for
    anything during the last ones: then there is nobody to hold up. A request that came meanwhile
    ends that, so that at most one sync in many has kept somebody waiting.

Any other disk's syncs are waited for by threads, while the loop answers requests.
"""

from typing import Final

QUICK_NS: Final = 200_000  # on average: about what a hop costs
SLOW_NS: Final = 1_000_000  # a single one that takes as long counts as no quick disk's
BEARABLE_NS: Final = 5_000_000  # on average: what somebody may be kept waiting once
ALONE_MIN: Final = 64  # syncs during which nobody else asked, before the loop waits
WEIGHT: Final = 8  # the last sync counts for an eighth of the average
SMALL_BYTES: Final = 64 << 10  # with more to write, the last times say nothing about the next one


class SyncPace:
    """Moving averages of how long small syncs take. Owner: the event-loop thread."""

    def __init__(self) -> None:
        self._quick_ns = float(SLOW_NS)  # nothing is known yet; a slow one stands out in this
        self._average_ns = float(BEARABLE_NS)
        self._alone = 0  # syncs since somebody else has asked for something during one

    def note(self, took_ns: int, *, alone: bool) -> None:
        """A small sync has taken so long, and nobody else has asked for anything meanwhile, or has.

        After a slow one it takes some 25 quick ones in a row, more if it was very slow, until
        syncs count as quick again.
        """
        if took_ns >= SLOW_NS:
            self._quick_ns = float(took_ns)
        else:
            self._quick_ns += (took_ns - self._quick_ns) / WEIGHT
        self._average_ns += (took_ns - self._average_ns) / WEIGHT
        self._alone = self._alone + 1 if alone else 0

    @property
    def is_quick(self) -> bool:
        """Whether the next small sync is likely to take less than a hop to a thread."""
        return self._quick_ns <= QUICK_NS

    @property
    def allows_waiting(self) -> bool:
        """Whether the loop may wait in place for the next small sync."""
        return self.is_quick or (self._alone >= ALONE_MIN and self._average_ns <= BEARABLE_NS)
