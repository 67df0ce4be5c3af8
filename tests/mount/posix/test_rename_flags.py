"""renameat2(2): NOREPLACE, EXCHANGE and WHITEOUT."""

import errno
import os
import stat
from pathlib import Path

import pytest

from tests.support.as_user import USER, as_user, needs_root
from tests.support.nodes import KINDS, make
from tests.support.syscalls import (
    RENAME_EXCHANGE,
    RENAME_NOREPLACE,
    RENAME_WHITEOUT,
    refused,
    renameat2,
)


@pytest.mark.parametrize("kind", KINDS)
def test_noreplace_moves_to_a_free_name(root: Path, kind: str) -> None:
    inode = os.lstat(make(kind, root / "old")).st_ino
    renameat2(root / "old", root / "new", RENAME_NOREPLACE)
    assert os.listdir(root) == ["new"]
    assert os.lstat(root / "new").st_ino == inode


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", KINDS)
def test_noreplace_refuses_a_taken_name(root: Path, kind: str, target: str) -> None:
    make(kind, root / "old")
    inode = os.lstat(make(target, root / "new")).st_ino
    with refused(errno.EEXIST):
        renameat2(root / "old", root / "new", RENAME_NOREPLACE)
    assert os.lstat(root / "new").st_ino == inode
    assert sorted(os.listdir(root)) == ["new", "old"]


def test_noreplace_refuses_the_same_name(root: Path) -> None:
    make("file", root / "one")
    os.link(root / "one", root / "two")
    for new in ("one", "two"):
        with refused(errno.EEXIST):
            renameat2(root / "one", root / new, RENAME_NOREPLACE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("other", KINDS)
def test_exchange_swaps_any_two_things(root: Path, kind: str, other: str) -> None:
    (root / "folder").mkdir()
    one = os.lstat(make(kind, root / "one")).st_ino
    two = os.lstat(make(other, root / "folder/two")).st_ino
    renameat2(root / "one", root / "folder/two", RENAME_EXCHANGE)
    assert os.lstat(root / "one").st_ino == two
    assert os.lstat(root / "folder/two").st_ino == one
    assert os.stat(root).st_nlink == 3 + (other == "directory")
    assert os.stat(root / "folder").st_nlink == 2 + (kind == "directory")


def test_exchange_keeps_what_is_inside(root: Path) -> None:
    (root / "one").mkdir()
    (root / "one/file").write_bytes(b"1")
    (root / "two").write_bytes(b"2")
    renameat2(root / "one", root / "two", RENAME_EXCHANGE)
    assert (root / "one").read_bytes() == b"2"
    assert (root / "two/file").read_bytes() == b"1"
    assert os.stat(f"{root}/two/..").st_ino == os.stat(root).st_ino


def test_exchange_needs_both(root: Path) -> None:
    make("file", root / "there")
    with refused(errno.ENOENT):
        renameat2(root / "there", root / "missing", RENAME_EXCHANGE)
    with refused(errno.ENOENT):
        renameat2(root / "missing", root / "there", RENAME_EXCHANGE)
    assert os.listdir(root) == ["there"]


def test_exchange_with_oneself_changes_nothing(root: Path) -> None:
    make("file", root / "one")
    os.link(root / "one", root / "two")
    renameat2(root / "one", root / "two", RENAME_EXCHANGE)
    renameat2(root / "one", root / "one", RENAME_EXCHANGE)
    assert os.stat(root / "one").st_nlink == 2


def test_exchange_does_not_put_a_directory_into_itself(root: Path) -> None:
    (root / "a/b/c").mkdir(parents=True)
    for one, two in (("a", "a/b"), ("a/b/c", "a")):
        with refused(errno.EINVAL):
            renameat2(root / one, root / two, RENAME_EXCHANGE)
    assert (root / "a/b/c").is_dir()


@needs_root
def test_exchange_needs_rights_on_both_folders(root: Path) -> None:
    for name in ("mine", "theirs"):
        make("file", make("directory", root / name) / "file")
    os.chmod(root / "mine", 0o777)
    with as_user(USER):
        for one, two in (("mine", "theirs"), ("theirs", "mine")):
            with refused(errno.EACCES):
                renameat2(root / one / "file", root / two / "file", RENAME_EXCHANGE)


@pytest.mark.parametrize(
    "flags", [RENAME_NOREPLACE | RENAME_EXCHANGE, RENAME_EXCHANGE | RENAME_WHITEOUT, 1 << 20]
)
def test_flags_that_contradict_each_other_or_do_not_exist(root: Path, flags: int) -> None:
    make("file", root / "one")
    make("file", root / "two")
    with refused(errno.EINVAL):
        renameat2(root / "one", root / "two", flags)


@needs_root
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("taken", [False, True])
def test_whiteout_leaves_a_device_behind(root: Path, kind: str, taken: bool) -> None:
    """What overlayfs puts where a name of a lower layer was."""
    inode = os.lstat(make(kind, root / "old")).st_ino
    if taken:
        make("directory" if kind == "directory" else "file", root / "new")
    renameat2(root / "old", root / "new", RENAME_WHITEOUT)
    whiteout = os.lstat(root / "old")
    assert whiteout.st_mode == stat.S_IFCHR
    assert whiteout.st_rdev == 0
    assert os.lstat(root / "new").st_ino == inode


@needs_root
def test_whiteout_and_noreplace_together(root: Path) -> None:
    make("file", root / "old")
    make("file", root / "taken")
    both = RENAME_NOREPLACE | RENAME_WHITEOUT
    with refused(errno.EEXIST):
        renameat2(root / "old", root / "taken", both)
    renameat2(root / "old", root / "new", both)
    assert stat.S_ISCHR(os.lstat(root / "old").st_mode)


@needs_root
def test_whiteout_is_for_who_may_make_devices(root: Path) -> None:
    """Linux lets anyone make a whiteout since 5.8, as it is no way to a device."""
    root.chmod(0o777)
    make("file", root / "old")
    with as_user(USER):
        renameat2(root / "old", root / "new", RENAME_WHITEOUT)
    assert stat.S_ISCHR(os.lstat(root / "old").st_mode)
