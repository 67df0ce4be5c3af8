"""What must hold before a mount is made, checked in advance so that a failure can be explained."""

import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from errno import EACCES, EPERM
from pathlib import Path
from typing import Final

from daemon.daemon_record import running_daemon
from daemon.mount_options import MountOptions
from daemon.mount_table import (
    DEAD_ERRNOS,
    FSTYPE,
    Mount,
    is_dead,
    is_within,
    mount_at,
    mount_of_store,
    read_mount_table,
    store_of,
)
from daemon.problems import MountProblem

FUSE_DEVICE: Final = "/dev/fuse"
FUSE_CONFIGURATION: Final = "/etc/fuse.conf"
AUTOMOUNT_FSTYPE: Final = "autofs"  # what systemd and automount(8) put under a mount to come
PROCESS_STATUS: Final = "/proc/self/status"
CAP_SYS_ADMIN: Final = 21  # the number of its bit, capabilities(7)
UNMOUNT_SECONDS: Final = 30.0


def check_mount_point(mountpoint: str, store: Path) -> None:
    """Whether a mount may be made at a resolved path, clearing a dead one of ours first.

    Raises MountProblem when it is missing, no folder, in use, or entangled with the store.
    """
    table = read_mount_table()
    if clear_dead_mount(table, mountpoint):
        table = read_mount_table()
    served = mount_of_store(table, store)
    daemon = running_daemon(store)
    if served is not None and daemon is not None:
        raise MountProblem(
            f"store {store} is already mounted at {served.mountpoint} by process {daemon.pid}: "
            f"use it there, or unmount it with `cairnfs umount {served.mountpoint}`"
        )
    _require_folder(mountpoint)
    occupant = mount_at(table, mountpoint)
    if occupant is not None and occupant.fstype != AUTOMOUNT_FSTYPE:
        raise MountProblem(
            f"{mountpoint} is in use: {_described(occupant)} is mounted there: "
            "name another folder, or unmount that"
        )
    if is_within(str(store), mountpoint) or is_within(mountpoint, str(store)):
        raise MountProblem(
            f"mount point {mountpoint} and store {store} lie in each other: name another folder"
        )


def check_host(options: MountOptions) -> None:
    """Whether this host lets this user mount with these options. Raises MountProblem."""
    _require_device()
    if os.geteuid() == 0 or _may_mount():
        return
    if shutil.which("fusermount3") is None:
        raise MountProblem(
            "fusermount3 is not installed, which users other than root need to mount: "
            "install the package fuse3"
        )
    if options.shared and not _others_allowed():
        raise MountProblem(
            "allow_other and allow_root are for root only here: "
            f"have root add the line user_allow_other to {FUSE_CONFIGURATION}, or leave them out"
        )


def clear_dead_mount(table: Sequence[Mount], mountpoint: str) -> bool:
    """Detach what a killed daemon left at a path. Raises MountProblem when that is not allowed."""
    mount = mount_at(table, mountpoint)
    if mount is None or mount.fstype != FSTYPE or not is_dead(mount):
        return False
    result = run_unmount(mountpoint, lazy=True)
    if result.returncode != 0:
        raise MountProblem(
            f"{mountpoint} holds the mount of a killed daemon, which could not be cleared: "
            f"{last_line(result.stderr)}"
        )
    return True


def clear_dead_mounts(table: Sequence[Mount]) -> None:
    """Detach everything that killed daemons left. Raises MountProblem when that is not allowed.

    A mount that its daemon has moved away from what a file says by now is found here as well.
    """
    for mount in table:
        if mount.fstype == FSTYPE:
            clear_dead_mount(table, mount.mountpoint)


def unmount_command(mountpoint: str, *, lazy: bool) -> list[str]:
    """The program that unmounts for this user, with its arguments."""
    if os.geteuid() == 0:
        return ["umount", "-i", *(["-l"] if lazy else []), "--", mountpoint]
    return ["fusermount3", "-u", *(["-z"] if lazy else []), "--", mountpoint]


def run_unmount(
    mountpoint: str, *, lazy: bool, timeout_seconds: float = UNMOUNT_SECONDS
) -> subprocess.CompletedProcess[bytes]:
    """Unmount and wait for that. Raises MountProblem, subprocess.TimeoutExpired."""
    command = unmount_command(mountpoint, lazy=lazy)
    try:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_seconds,
            check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise MountProblem(f"{command[0]} is not installed: it is needed to unmount") from None


def last_line(output: bytes) -> str:
    """What a program said last."""
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it gave no reason"


def _require_folder(mountpoint: str) -> None:
    try:
        mode = os.stat(mountpoint).st_mode
    except FileNotFoundError:
        raise MountProblem(
            f"mount point {mountpoint} does not exist: make it with `mkdir -p {mountpoint}`"
        ) from None
    except OSError as error:
        dead = " (the mount of a killed daemon)" if error.errno in DEAD_ERRNOS else ""
        raise MountProblem(
            f"mount point {mountpoint} cannot be used{dead}: {error.strerror}"
        ) from None
    if not stat.S_ISDIR(mode):
        raise MountProblem(f"mount point {mountpoint} is no folder: name a folder")


def _require_device() -> None:
    try:
        os.close(os.open(FUSE_DEVICE, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        if error.errno in (EACCES, EPERM):
            reason = "may not be used by this user: ask for access to it"
        else:
            reason = "is missing: load the kernel's module with `modprobe fuse` as root"
        raise MountProblem(
            f"{FUSE_DEVICE} {reason}; in a container, start that with --device {FUSE_DEVICE} "
            "and the right to mount"
        ) from None


def _may_mount() -> bool:
    """Whether a service's user was given the right to mount without fusermount3's help."""
    with suppress(OSError, ValueError):
        for line in Path(PROCESS_STATUS).read_text().splitlines():
            if line.startswith("CapEff:"):
                return bool(int(line.split()[1], 16) >> CAP_SYS_ADMIN & 1)
    return False


def _others_allowed() -> bool:
    try:
        lines = Path(FUSE_CONFIGURATION).read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any(line.partition("#")[0].strip() == "user_allow_other" for line in lines)


def _described(mount: Mount) -> str:
    if mount.fstype != FSTYPE:
        return f"a filesystem of type {mount.fstype}"
    store = store_of(mount)
    daemon = running_daemon(store) if store is not None else None
    by = f" by process {daemon.pid}" if daemon is not None else ""
    return f"the cairnfs store {store or mount.source}{by}"
