"""`cairnfs umount`: have the daemon write everything out, unmount, and wait for it to end."""

import logging
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from daemon.control_client import ControlClient
from daemon.daemon_record import DaemonRecord, running_daemon
from daemon.holders import holders_elsewhere, holders_of, named
from daemon.mount_table import FSTYPE, Mount, mount_at, read_mount_table, store_of
from daemon.mounting import clear_dead_mount, last_line, run_unmount
from daemon.problems import MountProblem, NotServed, Problem

# After so long a look is taken whether another mount namespace is why the daemon does not end.
NAMESPACE_CHECK_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)


def unmount(mountpoint: str, *, lazy: bool, timeout_seconds: float) -> None:
    """End the cairnfs mount at a resolved path.

    Returns once the daemon has ended, so that the store is free; with `lazy`, which a busy mount
    needs, once the mount is out of sight. Raises MountProblem, which says who is in the way.
    """
    table = read_mount_table()
    mount = _require_ours(mount_at(table, mountpoint), mountpoint)
    if clear_dead_mount(table, mountpoint):
        return
    deadline = time.monotonic() + timeout_seconds
    store = store_of(mount)
    daemon = running_daemon(store) if store is not None else None
    with _process_watch(daemon) as watch:
        if store is not None:
            _ask_to_write_out(store, timeout_seconds)
        _unmount_now(mount, lazy=lazy, timeout_seconds=_left(deadline))
        if daemon is not None and watch is not None and not lazy:
            _wait_for_end(mount, daemon, watch, deadline)


def _require_ours(mount: Mount | None, mountpoint: str) -> Mount:
    if mount is None:
        raise MountProblem(f"{mountpoint} is no mount point: nothing is mounted there")
    if mount.fstype != FSTYPE:
        raise MountProblem(
            f"{mountpoint} is a mount of type {mount.fstype}, not of cairnfs: use umount for it"
        )
    return mount


def _ask_to_write_out(store: Path, timeout_seconds: float) -> None:
    """Shorten what unmounting has to wait for. Only that: unmounting writes everything itself."""
    try:
        with ControlClient(store) as client:
            client.ask("checkpoint", timeout_seconds=timeout_seconds)
    except NotServed:
        pass
    except Problem as problem:
        _log.warning("%s; unmounting goes on", problem)


def _unmount_now(mount: Mount, *, lazy: bool, timeout_seconds: float) -> None:
    try:
        result = run_unmount(mount.mountpoint, lazy=lazy, timeout_seconds=timeout_seconds)
    except subprocess.TimeoutExpired:
        raise MountProblem(
            f"{mount.mountpoint} was not unmounted within {timeout_seconds:.0f} s: the daemon may "
            f"still be writing; wait, or `cairnfs umount --lazy {mount.mountpoint}`"
        ) from None
    if result.returncode == 0:
        return
    reason = last_line(result.stderr)
    if "busy" not in reason:
        raise MountProblem(f"{mount.mountpoint} was not unmounted: {reason}")
    raise MountProblem(
        f"{mount.mountpoint} is in use by {named(holders_of(mount.mountpoint))}: end that, or "
        f"detach it with `cairnfs umount --lazy {mount.mountpoint}`"
    )


def _wait_for_end(mount: Mount, daemon: DaemonRecord, watch: int, deadline: float) -> None:
    """Wait for the daemon's process. Raises MountProblem when it stays."""
    if _ended(watch, min(NAMESPACE_CHECK_SECONDS, _left(deadline))):
        return
    elsewhere = holders_elsewhere(mount.device)
    if elsewhere:
        raise MountProblem(
            f"{mount.mountpoint} is unmounted here, but still mounted for {named(elsewhere)} in "
            f"another mount namespace: end that, and the daemon (pid {daemon.pid}) ends too"
        )
    if not _ended(watch, _left(deadline)):
        raise MountProblem(
            f"{mount.mountpoint} is unmounted, but its daemon (pid {daemon.pid}) has not ended: "
            "it may still be writing; see its log"
        )


def _left(deadline: float) -> float:
    return max(deadline - time.monotonic(), 0.0)


def _ended(watch: int, timeout_seconds: float) -> bool:
    return bool(select.select([watch], [], [], timeout_seconds)[0])


@contextmanager
def _process_watch(daemon: DaemonRecord | None) -> Iterator[int | None]:
    """A descriptor that becomes readable when the daemon ends; None when there is none to watch."""
    try:
        watch = os.pidfd_open(daemon.pid) if daemon is not None else None
    except OSError:  # it ended between the two looks
        watch = None
    try:
        yield watch
    finally:
        if watch is not None:
            os.close(watch)
