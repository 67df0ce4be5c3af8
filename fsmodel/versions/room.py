"""When the host runs full, versions go before a write fails: the oldest first.

Only what can be collected at once is let go: while something else keeps a collection from running,
as a scrub does for hours, versions would go for nothing.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from time import sleep
from typing import Any, Final

from fsmodel.errors import Busy, NoSpace
from fsmodel.steps import Steps, Work
from fsmodel.store.space import HostSpace
from fsmodel.versions.retention import Retention

OLDEST_SHARE: Final = 8  # one version in so many goes before the host is asked again
MARGIN_SHARE: Final = 4  # of the reserve, so that the next write finds room as well
WAIT_SECONDS: Final = 0.1
WAITS_MAX: Final = 50  # for what keeps a collection from running
HOP_BYTES: Final = 1 << 20  # waiting belongs in a worker


def make_room(
    space: HostSpace,
    retention: Retention,
    collect: Callable[[], Steps[Any]],
    is_busy: Callable[[], bool],
    size_bytes: int,
) -> Steps[int]:
    """Drop versions and collect what they leave until the host has room; returns how many went.

    `is_busy` tells whether a collection would be refused. Raises BackendError. Ends when there is
    room, or no version is left, or it has been waited for long enough.
    """
    dropped = 0
    if space.has_room(size_bytes):
        return dropped
    wanted = size_bytes + space.statistics().reserve_bytes // MARGIN_SHARE
    waits = 0
    while not space.has_room(wanted):
        if is_busy():
            if waits == WAITS_MAX:
                break
            waits += 1
            yield Work(partial(sleep, WAIT_SECONDS), HOP_BYTES)
            continue
        gone = yield from retention.drop_oldest(OLDEST_SHARE)
        if not gone:
            break
        dropped += gone
        with suppress(Busy, NoSpace):  # no room to compact packs: the next may empty whole ones
            yield from collect()
    return dropped
