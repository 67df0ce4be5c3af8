"""The rules on modes, owners and access times, without a store."""

import stat

import pytest

from fsmodel.namespace.inodes import (
    RELATIME_NS,
    AtimeMode,
    Creator,
    access_is_due,
    counters_of,
    initial_owner,
    without_privileges,
)
from lmdb_index.records import InodeFlag, InodeRecord

CREATOR = Creator(uid=1000, gid=100)


def inode(mode: int, *, atime: int = 0, mtime: int = 0, ctime: int = 0) -> InodeRecord:
    """A record with what these rules look at."""
    return InodeRecord(mode, 0, 7, 1, 0, 0, atime, mtime, ctime, 0, 1, 3)


@pytest.mark.parametrize(
    ("mode", "left"),
    [
        (stat.S_IFREG | 0o6755, stat.S_IFREG | 0o755),
        (stat.S_IFREG | 0o2745, stat.S_IFREG | 0o2745),
        (stat.S_IFREG | 0o4644, stat.S_IFREG | 0o644),
        (stat.S_IFDIR | 0o6755, stat.S_IFDIR | 0o6755),
    ],
    ids=["both", "set-gid without group-execute", "set-uid", "directory"],
)
def test_privileges_are_taken_from_files(mode: int, left: int) -> None:
    assert without_privileges(mode) == left


def test_an_ordinary_directory_passes_nothing_on() -> None:
    directory = inode(stat.S_IFDIR | 0o755)
    assert initial_owner(directory, stat.S_IFREG | 0o2755, CREATOR) == (
        stat.S_IFREG | 0o2755,
        CREATOR.gid,
    )


def test_a_set_gid_directory_passes_on_group_and_bit() -> None:
    directory = inode(stat.S_IFDIR | 0o2755)
    assert initial_owner(directory, stat.S_IFREG | 0o644, CREATOR) == (stat.S_IFREG | 0o644, 7)
    assert initial_owner(directory, stat.S_IFDIR | 0o755, CREATOR) == (stat.S_IFDIR | 0o2755, 7)


@pytest.mark.parametrize(
    ("mode", "member", "left"),
    [
        (0o2755, None, 0o2755),
        (0o2755, True, 0o2755),
        (0o2755, False, 0o755),
        (0o2745, False, 0o2745),
        (0o755, False, 0o755),
    ],
)
def test_only_members_create_programs_of_the_group(
    mode: int, member: bool | None, left: int
) -> None:
    def in_group(gid: int) -> bool:
        assert gid == 7
        return bool(member)

    creator = CREATOR if member is None else CREATOR._replace(in_group=in_group)
    directory = inode(stat.S_IFDIR | 0o2775)
    assert initial_owner(directory, stat.S_IFREG | mode, creator)[0] == stat.S_IFREG | left


@pytest.mark.parametrize(
    ("atime", "mtime", "ctime", "due"),
    [
        (10, 10, 5, True),
        (10, 5, 10, True),
        (11, 10, 10, False),
        (11, 12, 10, True),
    ],
)
def test_relatime_moves_once_after_each_change(
    atime: int, mtime: int, ctime: int, due: bool
) -> None:
    record = inode(stat.S_IFREG, atime=atime, mtime=mtime, ctime=ctime)
    assert access_is_due(record, 20, AtimeMode.RELATIME) is due


def test_relatime_moves_once_a_day() -> None:
    record = inode(stat.S_IFREG, atime=11, mtime=10, ctime=10)
    assert not access_is_due(record, 11 + RELATIME_NS - 1, AtimeMode.RELATIME)
    assert access_is_due(record, 11 + RELATIME_NS, AtimeMode.RELATIME)


def test_strictatime_moves_always_and_noatime_never() -> None:
    record = inode(stat.S_IFREG, atime=11)
    assert access_is_due(record, 12, AtimeMode.STRICTATIME)
    assert not access_is_due(record, 11, AtimeMode.STRICTATIME)
    assert not access_is_due(inode(stat.S_IFREG), 12, AtimeMode.NOATIME)


def test_a_locked_inode_keeps_its_access_time() -> None:
    record = inode(stat.S_IFREG)
    record.flags = InodeFlag.LOCKED
    assert not access_is_due(record, 12, AtimeMode.STRICTATIME)


@pytest.mark.parametrize(
    ("mode", "counters"),
    [
        (stat.S_IFREG, ("inodes", "files")),
        (stat.S_IFDIR, ("inodes", "directories")),
        (stat.S_IFLNK, ("inodes", "symlinks")),
        (stat.S_IFIFO, ("inodes",)),
    ],
)
def test_each_kind_has_its_counters(mode: int, counters: tuple[str, ...]) -> None:
    assert counters_of(inode(mode)) == counters
