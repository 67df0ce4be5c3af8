"""When the host runs full, versions go before a write fails: the oldest first."""

from collections.abc import Callable
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
HOP_BYTES: Final = 1 << 20  # waiting belongs in a worker


def make_room(
    space: HostSpace, retention: Retention, collect: Callable[[], Steps[Any]], size_bytes: int
) -> Steps[int]:
    """Drop versions and collect what they leave until the host has room; returns how many went.

    Raises BackendError. Ends when there is room, or no version is left.
    """
    dropped = 0
    if space.has_room(size_bytes):
        return dropped
    wanted = size_bytes + space.statistics().reserve_bytes // MARGIN_SHARE
    while not space.has_room(wanted):
        gone = yield from retention.drop_oldest(OLDEST_SHARE)
        if not gone:
            break
        dropped += gone
        try:
            yield from collect()
        except Busy:  # a collection is running: it will take them, too
            yield Work(partial(sleep, WAIT_SECONDS), HOP_BYTES)
        except NoSpace:
            continue  # no room to compact packs: the next versions may empty whole ones
    return dropped
