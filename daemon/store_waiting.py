"""Waiting for a store whose daemon is about to let go of it.

After umount(8) has returned, the daemon still writes out what is left and stores it more tightly.
Whoever wants the store meanwhile tells it to come to an end, and waits. A store that is in use
otherwise is not waited for.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from daemon.control_client import ControlClient
from daemon.mount_table import mount_at, read_mount_table
from daemon.problems import Problem
from fsmodel.errors import StoreLocked

WAIT_SECONDS_MAX: Final = 30.0
DETACHED_SECONDS_MAX: Final = 2.0  # for one that goes on serving those with open files
RETRY_SECONDS: Final = 0.05
ASK_SECONDS: Final = 5.0

Opened = TypeVar("Opened")


def open_when_released(store: Path, opening: Callable[[], Opened]) -> Opened:
    """What `opening` returns, tried again while a daemon that is no longer mounted has the store.

    Raises StoreLocked when it is in use, or not given up within half a minute; and as `opening`.
    """
    began = time.monotonic()
    while True:
        try:
            return opening()
        except StoreLocked as error:
            if not _is_unmounted(error):
                raise
            patience = WAIT_SECONDS_MAX if _is_ending(store) else DETACHED_SECONDS_MAX
            if time.monotonic() - began >= patience:
                raise
        time.sleep(RETRY_SECONDS)


def _is_unmounted(locked: StoreLocked) -> bool:
    """Whether the holder serves a mount that is not in sight: any more, or yet."""
    place = locked.mountpoint
    return place is not None and mount_at(read_mount_table(), place) is None


def _is_ending(store: Path) -> bool:
    """Have the daemon come to its end. False: its mount is only detached, and others use it."""
    try:
        with ControlClient(store) as client:
            return bool(client.ask("release", timeout_seconds=ASK_SECONDS)["stopping"])
    except Problem:
        return True  # it has ended, or its socket is gone already
