"""Extended attributes: setxattr, getxattr, listxattr, removexattr."""

import errno
import os
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import OTHER, USER, as_user, needs_root
from tests.support.mounted import Filesystem
from tests.support.nodes import DEVICES, make
from tests.support.syscalls import errno_of, refused

NAME_BYTES_MAX: Final = 255
VALUE_BYTES_MAX: Final = 65_536
NO_FILES: Final = ["symlink", "fifo", "socket", *DEVICES]
WITH_USER: Final = pytest.mark.parametrize("kind", ["file", "directory"])
NAMESPACES: Final = ["user.x", *(["trusted.x", "security.x"] if os.geteuid() == 0 else [])]


@pytest.fixture
def file(root: Path) -> Path:
    """An empty file."""
    return make("file", root / "file")


def names(path: Path) -> set[str]:
    return set(os.listxattr(path, follow_symlinks=False))


@WITH_USER
@pytest.mark.parametrize("name", NAMESPACES)
@pytest.mark.parametrize(
    "value", [b"", b"v", bytes(range(256)), b"v" * 3000], ids=["empty", "short", "bytes", "3000"]
)
def test_a_value_is_kept_as_it_is(root: Path, kind: str, name: str, value: bytes) -> None:
    thing = make(kind, root / "thing")
    os.setxattr(thing, name, value)
    assert os.getxattr(thing, name) == value
    assert names(thing) == {name}
    os.removexattr(thing, name)
    assert names(thing) == set()


def test_a_value_of_64_kib_is_the_largest(file: Path, filesystem: Filesystem) -> None:
    """ext4 holds less than that, unless it was made with the feature ea_inode."""
    outcome = errno_of(lambda: os.setxattr(file, "user.large", b"v" * VALUE_BYTES_MAX))
    if filesystem.is_plain and outcome == "ENOSPC":
        return
    assert outcome == "ok"
    assert os.getxattr(file, "user.large") == b"v" * VALUE_BYTES_MAX
    with refused(errno.E2BIG):
        os.setxattr(file, "user.large", b"v" * (VALUE_BYTES_MAX + 1))


def test_a_name_of_255_bytes_is_the_longest(file: Path) -> None:
    longest = "user." + "n" * (NAME_BYTES_MAX - 5)
    os.setxattr(file, longest, b"1")
    assert names(file) == {longest}
    with refused(errno.ERANGE):
        os.setxattr(file, longest + "n", b"1")


@pytest.mark.parametrize("name", [b"user.\xff\xfe", b"user. ", b"user.\n", "user.ü".encode()])
def test_a_name_is_any_bytes(file: Path, name: bytes) -> None:
    os.setxattr(file, name, b"1")
    assert os.getxattr(file, name) == b"1"
    assert [os.fsencode(found) for found in os.listxattr(file)] == [name]


def test_a_value_is_replaced_by_a_longer_and_a_shorter_one(file: Path) -> None:
    for value in (b"one", b"longer than before", b"x", b""):
        os.setxattr(file, "user.a", value)
        assert os.getxattr(file, "user.a") == value


def test_create_and_replace_say_whether_it_must_exist(file: Path) -> None:
    with refused(errno.ENODATA):
        os.setxattr(file, "user.a", b"1", os.XATTR_REPLACE)
    os.setxattr(file, "user.a", b"1", os.XATTR_CREATE)
    with refused(errno.EEXIST):
        os.setxattr(file, "user.a", b"2", os.XATTR_CREATE)
    assert os.getxattr(file, "user.a") == b"1"
    os.setxattr(file, "user.a", b"3", os.XATTR_REPLACE)
    assert os.getxattr(file, "user.a") == b"3"
    with refused(errno.EINVAL):
        os.setxattr(file, "user.a", b"4", 1 << 7)


def test_what_is_not_there_is_enodata(file: Path) -> None:
    with refused(errno.ENODATA):
        os.getxattr(file, "user.none")
    with refused(errno.ENODATA):
        os.removexattr(file, "user.none")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("user.", errno.EINVAL), ("user", errno.EOPNOTSUPP), ("other.x", errno.EOPNOTSUPP)],
)
def test_a_name_outside_the_namespaces_is_refused(file: Path, name: str, reason: int) -> None:
    with refused(reason):
        os.setxattr(file, name, b"1")
    with refused(reason):
        os.getxattr(file, name)


def test_an_empty_name_is_refused(file: Path) -> None:
    with refused(errno.ERANGE):
        os.setxattr(file, "", b"1")


def test_a_hundred_of_them(file: Path) -> None:
    """As much as ext4 takes beside the inode."""
    expected = {f"user.{number}" for number in range(100)}
    for name in expected:
        os.setxattr(file, name, name.encode())
    assert names(file) == expected
    assert all(os.getxattr(file, name) == name.encode() for name in expected)
    for name in expected:
        os.removexattr(file, name)
    assert names(file) == set()


@pytest.mark.parametrize("kind", NO_FILES)
def test_only_files_and_directories_have_user_attributes(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing")
    with refused(errno.EPERM):
        os.setxattr(thing, "user.a", b"1", follow_symlinks=False)
    with refused(errno.ENODATA, errno.EPERM):
        os.getxattr(thing, "user.a", follow_symlinks=False)


@needs_root
@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("name", ["trusted.a", "security.a"])
def test_all_kinds_have_the_attributes_of_root(root: Path, kind: str, name: str) -> None:
    thing = make(kind, root / "thing")
    os.setxattr(thing, name, b"1", follow_symlinks=False)
    assert os.getxattr(thing, name, follow_symlinks=False) == b"1"
    assert names(thing) == {name}
    os.removexattr(thing, name, follow_symlinks=False)
    assert names(thing) == set()


def test_a_link_is_followed(root: Path, file: Path) -> None:
    (root / "link").symlink_to("file")
    os.setxattr(root / "link", "user.a", b"1")
    assert names(file) == {"user.a"}
    assert names(root / "link") == set()


def test_all_names_of_a_file_share_them_and_a_copy_has_none(root: Path, file: Path) -> None:
    os.setxattr(file, "user.a", b"1")
    os.link(file, root / "second")
    os.rename(file, root / "moved")
    assert names(root / "second") == names(root / "moved") == {"user.a"}
    (root / "copy").write_bytes(file.read_bytes() if file.exists() else b"")
    assert names(root / "copy") == set()


def test_they_go_with_the_file(root: Path, file: Path) -> None:
    os.setxattr(file, "user.a", b"1")
    os.unlink(file)
    assert names(make("file", root / "file")) == set()


@needs_root
def test_user_attributes_follow_the_permissions(file: Path) -> None:
    os.setxattr(file, "user.a", b"1")
    os.chown(file, USER, USER)
    for mode, read, write in ((0o644, True, False), (0o600, False, False), (0o666, True, True)):
        os.chmod(file, mode)
        with as_user(OTHER):
            if read:
                assert os.getxattr(file, "user.a") == b"1"
            else:
                with refused(errno.EACCES):
                    os.getxattr(file, "user.a")
            if write:
                os.setxattr(file, "user.a", b"1")
            else:
                with refused(errno.EACCES):
                    os.setxattr(file, "user.a", b"2")
                with refused(errno.EACCES):
                    os.removexattr(file, "user.a")


@needs_root
@pytest.mark.parametrize("name", ["trusted.a", "security.a"])
def test_others_cannot_set_the_attributes_of_root(file: Path, name: str) -> None:
    os.chown(file, USER, USER)
    os.setxattr(file, name, b"1")
    with as_user(USER):
        with refused(errno.EPERM):
            os.setxattr(file, name, b"2")
        with refused(errno.EPERM):
            os.removexattr(file, name)
    assert os.getxattr(file, name) == b"1"


@needs_root
def test_trusted_attributes_are_not_for_others_to_read(file: Path) -> None:
    os.setxattr(file, "trusted.a", b"1")
    with as_user(USER), refused(errno.ENODATA):
        os.getxattr(file, "trusted.a")
