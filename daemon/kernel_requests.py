"""How large the kernel's requests are, and how many of them it makes unasked.

Linux reads 128 KiB ahead in a FUSE mount to begin with, and libfuse can only ask for less. Who has
the right to may set more for a mounted filesystem, in /sys/class/bdi, which is for filesystems like
NFS and FUSE by its description (Documentation/ABI/testing/sysfs-class-bdi). A MiB read in order is
then one request and not eight. btrfs gives itself 4 MiB.

What the kernel writes back and reads ahead are background requests (fuse_conn in
Documentation/filesystems/fuse/fuse.rst), of which twelve may stand in the queue: a program that
looks up a name while somebody writes a big file waits for as many MiB. Four keep the daemon busy.

Without the right to a setting a mount works with what the kernel has.
"""

import logging
from pathlib import Path
from typing import Final

from daemon.mount_table import mount_at, read_mount_table

READ_AHEAD_KIB: Final = 1024  # one request of FUSE has no more
BACKGROUND_MAX: Final = 4
CONGESTED: Final = 3  # of these, from which on who reads ahead is asked to wait

_DEVICES: Final = Path("/sys/class/bdi")
_CONNECTIONS: Final = Path("/sys/fs/fuse/connections")

_log = logging.getLogger(__name__)


def adjust_requests(
    mountpoint: str, devices: Path = _DEVICES, connections: Path = _CONNECTIONS
) -> None:
    """Let the kernel make larger and fewer requests in what is mounted there, where we may.

    Not before it answers: the handshake with libfuse puts back what was set earlier.
    """
    mount = mount_at(read_mount_table(), mountpoint)
    if mount is None:
        return
    _set(devices / mount.device / "read_ahead_kb", at_least=READ_AHEAD_KIB)
    connection = connections / mount.device.partition(":")[2]
    _set(connection / "congestion_threshold", at_most=CONGESTED)
    _set(connection / "max_background", at_most=BACKGROUND_MAX)


def _set(setting: Path, at_least: int = 0, at_most: int | None = None) -> None:
    """Bring a number within its bounds, if it is there and may be changed."""
    try:
        found = int(setting.read_text())
        wanted = max(found, at_least) if at_most is None else min(found, at_most)
        if wanted != found:
            setting.write_text(str(wanted))
    except (OSError, ValueError) as error:
        _log.debug("the kernel's requests stay as they are: %s", error)
