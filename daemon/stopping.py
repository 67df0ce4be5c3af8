"""Ending a mount when the daemon is told to: cleanly if nobody uses it, else losing nothing.

1. Unmount, again and again while it is busy, until the grace period is over. The kernel writes
   out all it holds before it lets go, and the daemon goes on serving meanwhile.
2. Still busy: detach lazily. Nobody new can enter; those with open files have another grace period.
3. Unmounted here, yet still mounted in another mount namespace: the same grace period.
4. Whoever is still inside then: the kernel is made to write out what it holds, and serving ends.

Owner of the state: the event-loop thread. Everything that touches the mount runs in a thread, as
this very daemon has to answer it.
"""

import logging
import os
import subprocess
from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from daemon.holders import holders_elsewhere, holders_of, named
from daemon.mount_table import mount_at, read_mount_table
from daemon.mounting import last_line, run_unmount
from daemon.problems import MountProblem

RETRY_SECONDS: Final = 0.25
WRITE_OUT_SECONDS_MAX: Final = 60.0
QUIET_SECONDS: Final = 0.5

_log = logging.getLogger(__name__)


class Stopper:
    """Stops the serving of one mount, known by its path and the device number it was given.

    `end` has serving return; `is_used` tells whether files are open in the mount; `activity`
    gives something that changes with every write.
    """

    def __init__(
        self,
        mountpoint: str,
        device: str,
        grace_seconds: float,
        *,
        end: Callable[[], None],
        is_used: Callable[[], bool],
        activity: Callable[[], object],
    ) -> None:
        self._mountpoint = mountpoint
        self._device = device
        self.grace_seconds = grace_seconds  # may change at any time
        self._end = end
        self._is_used = is_used
        self._activity = activity
        self._hurry = trio.Event()

    @property
    def detached(self) -> bool:
        """Whether the path holds our mount no longer, so that whatever is there is another's."""
        mount = mount_at(read_mount_table(), self._mountpoint)
        return mount is None or mount.device != self._device

    def hurry(self) -> None:
        """Somebody has asked a second time: wait for nobody any more."""
        self._hurry.set()

    async def stop(self) -> None:
        """Bring serving to its end. Cancelled when it ends by itself, as after a clean unmount."""
        if not await self._unmounted():
            failure = await self._try_unmount(lazy=True)
            _log.warning("%s is busy and now detached: %s", self._mountpoint, failure or "lazily")
        elif elsewhere := await trio.to_thread.run_sync(holders_elsewhere, self._device):
            _log.warning("%s is still mounted for %s", self._mountpoint, named(elsewhere))
        await self._wait_for_users()
        await write_out(self._activity)
        self._end()

    async def _unmounted(self) -> bool:
        """Unmount, trying until the grace period ends."""
        complained = False
        with trio.move_on_after(self.grace_seconds):
            while not self.detached:
                failure = await self._try_unmount(lazy=False)
                if failure is None or self._hurry.is_set():
                    return failure is None
                if not complained:
                    complained = True
                    holders = await trio.to_thread.run_sync(holders_of, self._mountpoint)
                    _log.warning("%s is in use by %s", self._mountpoint, named(holders))
                await self._pause()
            return True
        return False

    async def _wait_for_users(self) -> None:
        """Leave those who have files open some time to finish."""
        with trio.move_on_after(self.grace_seconds):
            while self._is_used() and not self._hurry.is_set():
                await self._pause()

    async def _try_unmount(self, *, lazy: bool) -> str | None:
        """What kept it from being unmounted; None when nothing did."""
        try:
            result = await trio.to_thread.run_sync(
                partial(run_unmount, self._mountpoint, lazy=lazy)
            )
        except (MountProblem, OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        return None if result.returncode == 0 else last_line(result.stderr)

    async def _pause(self) -> None:
        with trio.move_on_after(RETRY_SECONDS):
            await self._hurry.wait()


async def write_out(activity: Callable[[], object]) -> None:
    """Have the kernel send every dirty page it holds, and wait until nothing arrives any more.

    sync(2) reaches filesystems that no path leads to. It may return while requests to a FUSE
    daemon are still queued in the kernel, so serving goes on until all is quiet.
    """
    with trio.move_on_after(WRITE_OUT_SECONDS_MAX):
        await trio.to_thread.run_sync(os.sync, abandon_on_cancel=True)
        before = None
        while (now := activity()) != before:
            before = now
            await trio.sleep(QUIET_SECONDS)
