"""Calls that pyfuse3 has no handler for: the kernel's standard answer, and the way round.

On an ordinary folder of ext4 they work, so only the ways round are tried there.
"""

import ctypes
import errno
import fcntl
import os
from pathlib import Path
from typing import Final

import pytest

from tests.support.mounted import Filesystem
from tests.support.processes import run
from tests.support.syscalls import (
    FALLOC_FL_KEEP_SIZE,
    FALLOC_FL_PUNCH_HOLE,
    errno_of,
    fallocate,
    refused,
)

FICLONE: Final = 0x40049409
FS_IOC_GETFLAGS: Final = 0x80086601
DATA: Final = bytes(range(256)) * 1000


@pytest.fixture
def on_mount(filesystem: Filesystem) -> None:
    """Skips on an ordinary folder."""
    if filesystem.is_plain:
        pytest.skip("about what FUSE lacks")


@pytest.fixture
def descriptor(root: Path) -> int:
    """A file holding DATA, open for reading and writing; tests close it."""
    (root / "file").write_bytes(DATA)
    return os.open(root / "file", os.O_RDWR)


@pytest.mark.usefixtures("on_mount")
@pytest.mark.parametrize(
    "mode", [0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE]
)
def test_fallocate_is_not_supported(descriptor: int, mode: int) -> None:
    with refused(errno.EOPNOTSUPP):
        fallocate(descriptor, mode, 0, 1 << 20)
    assert os.fstat(descriptor).st_size == len(DATA)
    os.close(descriptor)


@pytest.mark.parametrize(("offset", "size"), [(0, 100), (0, 1 << 20), (len(DATA) - 5, 10_000)])
def test_posix_fallocate_works_all_the_same(
    root: Path, descriptor: int, offset: int, size: int
) -> None:
    """The C library writes a zero into each block that is not there yet."""
    os.posix_fallocate(descriptor, offset, size)
    os.close(descriptor)
    whole = (root / "file").read_bytes()
    assert whole == DATA + bytes(max(0, offset + size - len(DATA)))


@pytest.mark.usefixtures("on_mount")
def test_o_tmpfile_is_not_supported(root: Path) -> None:
    with refused(errno.EOPNOTSUPP):
        os.open(root, os.O_TMPFILE | os.O_RDWR)


@pytest.mark.usefixtures("on_mount")
def test_a_clone_is_not_supported(root: Path, descriptor: int) -> None:
    with open(root / "copy", "wb") as copy, refused(errno.EOPNOTSUPP, errno.ENOTTY):
        fcntl.ioctl(copy.fileno(), FICLONE, descriptor)
    os.close(descriptor)


def test_copy_file_range_works_all_the_same(root: Path, descriptor: int) -> None:
    copy = os.open(root / "copy", os.O_CREAT | os.O_RDWR)
    done = 0
    while done < len(DATA):
        done += os.copy_file_range(descriptor, copy, len(DATA) - done)
    os.copy_file_range(descriptor, copy, 1000, 5, 300_000)
    os.close(copy)
    os.close(descriptor)
    gap = bytes(300_000 - len(DATA))
    assert (root / "copy").read_bytes() == DATA + gap + DATA[5:1005]


def test_cp_works_with_every_wish_for_clones(root: Path, descriptor: int) -> None:
    os.close(descriptor)
    for wish in ("auto", "never"):
        run(["cp", f"--reflink={wish}", root / "file", root / wish])
        assert (root / wish).read_bytes() == DATA


@pytest.mark.usefixtures("on_mount")
def test_flags_of_chattr_are_not_supported(descriptor: int) -> None:
    flags = ctypes.c_int(0)
    with refused(errno.ENOTTY):
        fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, flags)
    os.close(descriptor)


def test_an_unknown_ioctl_is_refused(descriptor: int) -> None:
    assert errno_of(lambda: fcntl.ioctl(descriptor, 0x1234_5678)) == "ENOTTY"
    os.close(descriptor)
