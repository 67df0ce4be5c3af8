"""The kernel's mount table, /proc/PID/mountinfo, read and asked. Format: proc(5).

Paths are text in the file system's encoding, with bytes that are none kept as surrogates.
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from errno import ECONNABORTED, ENOTCONN
from pathlib import Path
from typing import Final

FSTYPE: Final = "fuse.cairnfs"
STORE_ATTRIBUTE: Final = "cairnfs.store"  # on the root of a mount, when its source says otherwise
DEAD_ERRNOS: Final = (ENOTCONN, ECONNABORTED)  # what a mount without its daemon answers

_ESCAPE: Final = re.compile(rb"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the table."""

    device: str  # MAJOR:MINOR, the same for all mounts of one filesystem
    mountpoint: str
    options: tuple[str, ...]
    fstype: str
    source: str
    number: int = 1
    parent: int = 0  # the number of the mount it is mounted on

    @property
    def read_only(self) -> bool:
        """Whether this mount refuses writes."""
        return "ro" in self.options


def parse_mount_table(table: bytes) -> list[Mount]:
    """The mounts of a mountinfo file."""
    return [_parse_line(line) for line in table.splitlines() if line]


def read_mount_table(process: int | str = "self") -> list[Mount]:
    """The mounts a process sees. Raises OSError when the process is gone or not ours to read."""
    return parse_mount_table(Path(f"/proc/{process}/mountinfo").read_bytes())


def mount_at(table: Sequence[Mount], path: str) -> Mount | None:
    """The mount whose root a resolved path is, of several the one in sight."""
    mount = mount_holding(table, path)
    return mount if mount is not None and mount.mountpoint == path else None


def mount_holding(table: Sequence[Mount], path: str) -> Mount | None:
    """The mount a resolved path lies in, found as the kernel walks: from mount to mount.

    Of those mounted on one mount the nearest to it is met first; what lies deeper is hidden.
    """
    numbers = {mount.number for mount in table}
    holder = None
    met = [mount for mount in table if mount.parent not in numbers]
    while on_the_way := [mount for mount in met if is_within(path, mount.mountpoint)]:
        holder = min(on_the_way, key=lambda mount: len(mount.mountpoint))
        met = [mount for mount in table if mount.parent == holder.number]
    return holder


def mount_of_store(table: Iterable[Mount], store: Path) -> Mount | None:
    """A cairnfs mount whose source is the store."""
    wanted = os.path.realpath(store)
    ours = (mount for mount in table if mount.fstype == FSTYPE)
    return next((mount for mount in ours if mount.source == wanted), None)


def is_within(path: str, folder: str) -> bool:
    """Whether a resolved path is a folder or below it."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def is_dead(mount: Mount) -> bool:
    """Whether the daemon behind a mount is gone. Waits for a daemon that is there but busy.

    Asked with statvfs, as the kernel may answer stat from what it remembers.
    """
    try:
        os.statvfs(mount.mountpoint)
    except OSError as error:
        return error.errno in DEAD_ERRNOS
    return False


def store_of(mount: Mount) -> Path | None:
    """The store behind a cairnfs mount; None when it cannot be told.

    The source is the store's path unless `fsname` was given; then the daemon is asked.
    """
    if os.path.isabs(mount.source) and os.path.exists(os.path.join(mount.source, "format.json")):
        return Path(mount.source)
    try:
        return Path(os.fsdecode(os.getxattr(mount.mountpoint, STORE_ATTRIBUTE)))
    except OSError:
        return Path(mount.source) if os.path.isabs(mount.source) else None


def _parse_line(line: bytes) -> Mount:
    # 36 35 98:0 /root /mountpoint rw,noatime shared:1 master:2 - fstype source rw,errors=continue
    place, _, filesystem = line.partition(b" - ")
    number, parent, device, _, mountpoint, options, *_ = place.split(b" ")
    fstype, source, *_ = filesystem.split(b" ")
    return Mount(
        device=device.decode("ascii"),
        mountpoint=_unescape(mountpoint),
        options=tuple(os.fsdecode(options).split(",")),
        fstype=os.fsdecode(fstype),
        source=_unescape(source),
        number=int(number),
        parent=int(parent),
    )


def _unescape(field: bytes) -> str:
    """Undo the octal escapes of space, tab, newline, backslash and hash."""
    return os.fsdecode(_ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field))
