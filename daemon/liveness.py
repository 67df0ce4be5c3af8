"""Whether a mount really answers, asked through the kernel from another thread."""

import logging
import os
from typing import Final

import trio

from daemon.sd_notify import WATCHDOG, ServiceManager

PROBE_SECONDS: Final = 30.0

# A mount that hangs keeps the thread that asks it: one of them is enough, and none of the threads
# that others need.
_ASKING: Final = trio.CapacityLimiter(1)

_log = logging.getLogger(__name__)


async def mount_answers(mountpoint: str, timeout_seconds: float = PROBE_SECONDS) -> bool:
    """Whether statvfs comes back in time. Unlike stat, the kernel never answers it by itself.

    Raises OSError when the mount point is gone or the connection has ended.
    """
    with trio.move_on_after(timeout_seconds):
        await trio.to_thread.run_sync(
            os.statvfs, mountpoint, abandon_on_cancel=True, limiter=_ASKING
        )
        return True
    return False


async def feed_watchdog(manager: ServiceManager, mountpoint: str) -> None:
    """Give the service manager its signs of life, as long as the mount answers."""
    period = manager.watchdog_seconds
    if period is None:
        return
    while True:
        try:
            if await mount_answers(mountpoint, period / 2):
                manager.notify(WATCHDOG)
            else:
                _log.error("the mount at %s has not answered within %g s", mountpoint, period / 2)
        except OSError as error:  # somebody has moved it away, or the connection is being ended
            _log.error("the mount at %s cannot be reached: %s", mountpoint, error.strerror)
        await trio.sleep(period / 2)
