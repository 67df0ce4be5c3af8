"""How far ahead of a reader the kernel asks for bytes, which is also how large its requests are.

Linux begins with 128 KiB for a FUSE mount, and libfuse can only ask for less. Who has the right to
may set more for a mounted filesystem, in /sys/class/bdi, which is for filesystems like NFS and FUSE
by its description (Documentation/ABI/testing/sysfs-class-bdi). A MiB read in order is then one
request and not eight. btrfs gives itself 4 MiB. Without that right a mount works in more requests.
"""

import logging
from pathlib import Path
from typing import Final

from daemon.mount_table import mount_at, read_mount_table

READ_AHEAD_KIB: Final = 1024  # one request of FUSE has no more

_DEVICES: Final = Path("/sys/class/bdi")

_log = logging.getLogger(__name__)


def widen_read_ahead(mountpoint: str, devices: Path = _DEVICES) -> None:
    """Let the kernel read further ahead in a filesystem that is mounted there, if we may.

    Not before it answers: the handshake with libfuse puts back what was set earlier.
    """
    mount = mount_at(read_mount_table(), mountpoint)
    if mount is None:
        return
    setting = devices / mount.device / "read_ahead_kb"
    try:
        if int(setting.read_text()) < READ_AHEAD_KIB:
            setting.write_text(str(READ_AHEAD_KIB))
    except (OSError, ValueError) as error:
        _log.debug("the kernel reads ahead as far as it does by itself: %s", error)
