"""What `cairnfs top` asks a daemon for, again and again: totals of this moment.

The one who asks makes rates of them (live_rates.py), so that any number can, at any pace.
"""

import msgspec


class OperationTotals(msgspec.Struct, frozen=True):
    """One kind of request since the mount; times in classes as operation_tallies.py has them."""

    started: int
    total_ns: int
    errors: int
    classes: tuple[int, ...]


class LiveTotals(msgspec.Struct, frozen=True):
    """A served store at a moment. `monotonic_seconds` is the daemon's own clock."""

    monotonic_seconds: float
    store: str
    mountpoint: str
    version: str
    long_work: str  # such as garbage collection; empty while none runs
    figures: dict[str, int | float]  # by the keys of metric_catalogue.py
    operations: dict[str, OperationTotals]  # those that were asked for
