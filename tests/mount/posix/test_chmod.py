"""chmod(2) and fchmod(2)."""

import errno
import os
import stat
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import OTHER, SHARED_GROUP, USER, as_user, needs_root
from tests.support.nodes import NO_SYMLINKS, TYPE_BITS, make
from tests.support.syscalls import refused

MODES: Final = (0o000, 0o111, 0o644, 0o751, 0o777, 0o1777, 0o2755, 0o4755, 0o6711, 0o7777)


@pytest.mark.parametrize("kind", NO_SYMLINKS)
@pytest.mark.parametrize("mode", MODES)
def test_it_sets_all_twelve_bits_and_nothing_else(root: Path, kind: str, mode: int) -> None:
    thing = make(kind, root / "thing")
    before = os.lstat(thing)
    os.chmod(thing, mode)
    after = os.lstat(thing)
    assert after.st_mode == TYPE_BITS[kind] | mode
    unchanged = ("st_ino", "st_uid", "st_gid", "st_size", "st_nlink", "st_rdev", "st_mtime_ns")
    assert [getattr(after, name) for name in unchanged] == [
        getattr(before, name) for name in unchanged
    ]


@pytest.mark.parametrize("kind", NO_SYMLINKS)
def test_it_follows_a_symbolic_link(root: Path, kind: str) -> None:
    make(kind, root / "thing")
    (root / "link").symlink_to("thing")
    os.chmod(root / "link", 0o712)
    assert stat.S_IMODE(os.stat(root / "thing").st_mode) == 0o712
    assert stat.S_IMODE(os.lstat(root / "link").st_mode) == 0o777


def test_all_names_of_a_file_see_it(root: Path) -> None:
    make("file", root / "one")
    os.link(root / "one", root / "two")
    os.chmod(root / "one", 0o640)
    assert stat.S_IMODE(os.stat(root / "two").st_mode) == 0o640


@pytest.mark.parametrize("mode", MODES)
def test_an_open_file_takes_it(root: Path, mode: int) -> None:
    descriptor = os.open(root / "file", os.O_CREAT | os.O_RDONLY)
    os.fchmod(descriptor, mode)
    assert stat.S_IMODE(os.fstat(descriptor).st_mode) == mode
    os.close(descriptor)
    assert stat.S_IMODE(os.stat(root / "file").st_mode) == mode


def test_an_open_file_without_a_name_takes_it(root: Path) -> None:
    descriptor = os.open(root / "file", os.O_CREAT | os.O_RDWR)
    os.unlink(root / "file")
    os.fchmod(descriptor, 0o4711)
    assert os.fstat(descriptor).st_mode == stat.S_IFREG | 0o4711
    os.close(descriptor)


def test_a_descriptor_that_only_names_a_path_is_refused(root: Path) -> None:
    make("file", root / "file")
    descriptor = os.open(root / "file", os.O_PATH)
    with refused(errno.EBADF):
        os.fchmod(descriptor, 0o600)
    os.close(descriptor)


@needs_root
@pytest.mark.parametrize("kind", NO_SYMLINKS)
def test_only_its_owner_and_root_may(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing")
    os.chown(thing, USER, SHARED_GROUP)
    os.chmod(thing, 0o777)
    with as_user(USER):
        os.chmod(thing, 0o640)
    with as_user(OTHER, SHARED_GROUP), refused(errno.EPERM):
        os.chmod(thing, 0o777)
    assert stat.S_IMODE(os.stat(thing).st_mode) == 0o640


@needs_root
@pytest.mark.parametrize("kind", ["file", "directory", "fifo"])
def test_an_owner_outside_the_group_cannot_set_its_set_gid_bit(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing")
    os.chown(thing, USER, SHARED_GROUP)
    with as_user(USER):
        os.chmod(thing, 0o2755)
    assert stat.S_IMODE(os.stat(thing).st_mode) == 0o755
    with as_user(USER, USER, groups=[SHARED_GROUP]):
        os.chmod(thing, 0o2755)
    assert stat.S_IMODE(os.stat(thing).st_mode) == 0o2755


@needs_root
def test_an_owner_sets_the_other_special_bits_freely(root: Path) -> None:
    thing = make("file", root / "thing")
    os.chown(thing, USER, USER)
    with as_user(USER):
        os.chmod(thing, 0o5711)
    assert stat.S_IMODE(os.stat(thing).st_mode) == 0o5711
