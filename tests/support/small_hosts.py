"""Small real filesystems to put a store on. Only root may mount them."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.support.mounted import MountedStore
from tests.support.processes import run

MIB: Final = 1 << 20


@contextmanager
def tmpfs(folder: Path, size_mib: int, inodes: int = 0) -> Iterator[Path]:
    """A tmpfs of that size with so many inodes, or as many as it likes."""
    options = f"size={size_mib}m" + (f",nr_inodes={inodes}" if inodes else "")
    host = folder / "host"
    host.mkdir()
    run(["mount", "-t", "tmpfs", "-o", options, "cairnfs-test", host])
    try:
        yield host
    finally:
        run(["umount", host])


@contextmanager
def ext4(folder: Path, size_mib: int) -> Iterator[Path]:
    """An ext4 of that size in a file."""
    image, host = folder / "image", folder / "host"
    host.mkdir()
    with image.open("wb") as file:
        file.truncate(size_mib * MIB)
    run(["mkfs.ext4", "-q", "-F", "-m", "0", image])
    run(["mount", "-o", "loop", image, host])
    try:
        yield host
    finally:
        run(["umount", host])


class QuotaHost:
    """A folder with a quota on a filesystem that has room. It counts for root, too."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._group = f"0/{run(['btrfs', 'inspect-internal', 'rootid', folder]).stdout.strip()}"

    def allow(self, size_mib: int) -> None:
        """So much may lie below the folder.

        It is asked for beside the folder, not in it: newer kernels reserve room for this change in
        whatever subvolume they are asked, and have none where the quota is used up.
        """
        run(["btrfs", "qgroup", "limit", f"{size_mib}M", self._group, self.folder.parent])


@contextmanager
def quota_host(folder: Path, size_mib: int) -> Iterator[QuotaHost]:
    """A quota of that size, on a btrfs in a file. Skips the test where there is none."""
    if shutil.which("mkfs.btrfs") is None or shutil.which("btrfs") is None:
        pytest.skip("btrfs-progs is not installed: no filesystem with quotas can be made")
    image, place = folder / "image", folder / "btrfs"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(2 * size_mib * MIB + 256 * MIB)
    run(["mkfs.btrfs", "-q", "-f", image])
    if run(["mount", "-o", "loop", image, place], check=False).status:
        pytest.skip("this kernel cannot mount btrfs: no filesystem with quotas can be made")
    try:
        run(["btrfs", "quota", "enable", place])
        run(["btrfs", "subvolume", "create", place / "host"])
        host = QuotaHost(place / "host")
        host.allow(size_mib)
        yield host
    finally:
        run(["umount", place])


@contextmanager
def store_on(host: Path) -> Iterator[MountedStore]:
    """A mount whose store lies there and keeps no versions; fsck must find nothing at the end."""
    with MountedStore(folder=host / "place") as store:
        os.setxattr(store.mountpoint, "cairnfs.versions", b"off")
        yield store
        store.umount()
        store.require_clean()


def use_up_bytes(host: Path, leave: int = 0) -> Path:
    """Let a file take all that is left but for so many bytes; it is returned."""
    ballast = host / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (MIB, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
        file.truncate(file.tell() - leave)
    return ballast


def use_up_inodes(host: Path) -> Path:
    """Let files in a folder take all inodes that are left; it is returned."""
    ballast = host / "ballast"
    ballast.mkdir()
    try:
        for number in range(1 << 20):
            (ballast / str(number)).touch()
    except OSError:
        return ballast
    raise AssertionError("there are more inodes than one can use up")
