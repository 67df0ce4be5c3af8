"""statfs(2), and what stat(2) tells about numbers and sizes."""

import os
from pathlib import Path

import pytest

from tests.support.mounted import Filesystem
from tests.support.nodes import KINDS, make
from tests.support.processes import run

MIB = 1 << 20


def test_statfs_tells_the_room_on_the_host(root: Path, filesystem: Filesystem) -> None:
    shown = os.statvfs(root)
    host = os.statvfs(filesystem.store.store if filesystem.store is not None else root)
    assert shown.f_namemax == 255
    assert shown.f_frsize > 0
    assert shown.f_blocks * shown.f_frsize == host.f_blocks * host.f_frsize
    free, host_free = shown.f_bavail * shown.f_frsize, host.f_bavail * host.f_frsize
    assert free <= host_free + 64 * MIB
    assert free >= host_free // 2
    assert shown.f_files >= shown.f_ffree > 0


def test_df_shows_the_mount(root: Path, filesystem: Filesystem) -> None:
    shown = run(["df", "--output=target,fstype", root]).stdout.splitlines()[1].split()
    if filesystem.store is not None:
        assert shown == [str(filesystem.folder), "fuse.cairnfs"]


@pytest.mark.parametrize("kind", KINDS)
def test_statfs_of_a_thing_is_that_of_the_mount(root: Path, kind: str) -> None:
    make(kind, root / "thing")
    if kind != "symlink":
        assert os.statvfs(root / "thing").f_blocks == os.statvfs(root).f_blocks


def test_inode_numbers_are_unique_and_stay(root: Path, filesystem: Filesystem) -> None:
    things = [make(kind, root / kind) for kind in KINDS]
    numbers = {thing: os.lstat(thing).st_ino for thing in things}
    assert len(set(numbers.values())) == len(things)
    assert {os.lstat(thing).st_dev for thing in things} == {os.stat(root).st_dev}
    filesystem.remount()
    assert {thing: os.lstat(thing).st_ino for thing in things} == numbers


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 4096, 1_000_000])
def test_blocks_follow_the_size(root: Path, size: int) -> None:
    """In units of 512 bytes, rounded up to what the filesystem gives out."""
    with open(root / "file", "wb") as file:
        file.write(os.urandom(size))
        file.flush()
        os.fsync(file.fileno())
    status = os.stat(root / "file")
    assert status.st_size == size
    assert size <= status.st_blocks * 512 < size + 8192
    assert status.st_blksize >= 4096


def test_the_size_of_a_directory_says_nothing_wrong(root: Path) -> None:
    for number in range(10):
        make("file", root / str(number))
    assert os.stat(root).st_size >= 0
    assert os.stat(root).st_nlink == 2
