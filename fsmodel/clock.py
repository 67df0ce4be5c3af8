"""Where the model takes its time from, so that a test can give it another."""

import time
from typing import Final, Protocol

CLOCK_REALTIME_COARSE: Final = 5  # linux/time.h; the time module does not name it


class Clock(Protocol):
    """A source of wall-clock time."""

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        ...


class SystemClock:
    """The kernel's coarse clock, the one it stamps UTIME_NOW with.

    With a finer clock, `touch` could set a time before that of the write it follows.
    """

    def now_ns(self) -> int:
        """Nanoseconds since the epoch, advancing once per kernel tick."""
        return time.clock_gettime_ns(CLOCK_REALTIME_COARSE)
