"""The kernel's mounts and FUSE connections, found without touching a mount, which might hang.

Read here anew rather than through the daemon's own reader, so that one mistake cannot hide another.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONNECTIONS: Final = Path("/sys/fs/fuse/connections")
_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of /proc/self/mountinfo."""

    minor: int  # of its device number, which also names its FUSE connection
    mountpoint: Path
    options: frozenset[str]
    fstype: str
    source: str


def mounts() -> list[Mount]:
    """All mounts of this namespace, in the order they were made."""
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    return [_parse(line) for line in lines]


def mount_at(mountpoint: Path) -> Mount | None:
    """The mount on top at a path; None when nothing is mounted there."""
    found = [mount for mount in mounts() if mount.mountpoint == mountpoint]
    return found[-1] if found else None


def abort_connection(mount: Mount) -> None:
    """Cut a FUSE mount off its daemon: whoever waits in it gets ECONNABORTED. Needs root."""
    show_connections()
    abort = CONNECTIONS / str(mount.minor) / "abort"
    if abort.exists():
        abort.write_text("1")


def show_connections() -> None:
    """Have the kernel list FUSE connections, which many containers leave out."""
    if os.geteuid() == 0 and not os.path.ismount(CONNECTIONS):
        subprocess.run(
            ["mount", "-t", "fusectl", "fusectl", str(CONNECTIONS)], check=False, timeout=20
        )


def _parse(line: bytes) -> Mount:
    # 36 35 0:52 /root /mountpoint rw,noatime shared:1 - fstype source rw,user_id=0
    place, _, filesystem = line.partition(b" - ")
    _, _, device, _, mountpoint, options, *_ = place.split(b" ")
    fstype, source, super_options = filesystem.split(b" ", 2)
    return Mount(
        minor=int(device.partition(b":")[2]),
        mountpoint=Path(_text(mountpoint)),
        options=frozenset(_text(options + b"," + super_options).split(",")),
        fstype=_text(fstype),
        source=_text(source),
    )


def _text(field: bytes) -> str:
    return os.fsdecode(_ESCAPE.sub(lambda match: bytes([int(match[1], 8)]), field))
