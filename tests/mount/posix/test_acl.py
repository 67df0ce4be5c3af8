"""POSIX access control lists, as bytes of system.posix_acl_access and _default: see acl(5).

What differs on this mount, and why: the kernel applies the umask before it asks the daemon, since
pyfuse3 never sets FUSE_DONT_MASK. So a default list cannot give back what the umask took.
"""

import errno
import os
import stat
import struct
from pathlib import Path
from typing import Final

import pytest

from tests.support.acls import ACCESS_LIST as ACCESS
from tests.support.acls import acl
from tests.support.as_user import OTHER, SHARED_GROUP, USER, as_user, needs_root
from tests.support.mounted import Filesystem
from tests.support.nodes import make
from tests.support.processes import run
from tests.support.syscalls import errno_of, refused

DEFAULT: Final = "system.posix_acl_default"


def access_of(path: Path, uid: int, gid: int | None = None) -> str:
    """What a user may do with a file, as `rw-`."""
    with as_user(uid, gid):
        allowed = [errno_of(lambda: os.close(os.open(path, flag))) == "ok" for flag in (0, 1)]  # noqa: B023
    return "".join(letter if may else "-" for letter, may in zip("rw", allowed, strict=True))


def mode_of(path: Path) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def file(root: Path) -> Path:
    """A file of mode 0640."""
    root.chmod(0o777)
    file = make("file", root / "file")
    file.chmod(0o640)
    return file


def test_a_list_is_kept_and_shows_in_the_mode(file: Path) -> None:
    value = acl(f"u::rwx,u:{USER}:rw-,g::r-x,m::rwx,o::r--")
    os.setxattr(file, ACCESS, value)
    assert os.getxattr(file, ACCESS) == value
    assert mode_of(file) == 0o774  # the group's place shows the mask


def test_a_list_that_says_no_more_than_the_mode_is_the_mode(file: Path) -> None:
    os.setxattr(file, ACCESS, acl("u::rw-,g::---,o::r--"))
    assert mode_of(file) == 0o604
    with refused(errno.ENODATA):
        os.getxattr(file, ACCESS)


def test_chmod_changes_owner_mask_and_others(file: Path) -> None:
    os.setxattr(file, ACCESS, acl(f"u::rwx,u:{USER}:rwx,g::r-x,m::rwx,o::r--"))
    os.chmod(file, 0o640)
    assert os.getxattr(file, ACCESS) == acl(f"u::rw-,u:{USER}:rwx,g::r-x,m::r--,o::---")


def test_removing_a_list_leaves_the_mode(file: Path) -> None:
    os.setxattr(file, ACCESS, acl(f"u::rwx,u:{USER}:rwx,g::r-x,m::rwx,o::r--"))
    os.removexattr(file, ACCESS)
    assert mode_of(file) == 0o774
    with refused(errno.ENODATA):
        os.getxattr(file, ACCESS)


@needs_root
@pytest.mark.parametrize(
    ("text", "user", "group", "others"),
    [
        (f"u::rw-,u:{USER}:rw-,g::---,m::rw-,o::---", "rw", "--", "--"),
        (f"u::rw-,u:{USER}:rw-,g::---,m::r--,o::---", "r-", "--", "--"),
        (f"u::rw-,u:{USER}:---,g::rw-,m::rw-,o::rw-", "--", "rw", "rw"),
        (f"u::rw-,g::---,g:{SHARED_GROUP}:rw-,m::rw-,o::r--", "r-", "rw", "r-"),
        (f"u::rw-,g::rw-,g:{SHARED_GROUP}:r--,m::rw-,o::---", "--", "r-", "--"),
        ("u::rw-,g::---,m::---,o::rw-", "rw", "rw", "rw"),
    ],
)
def test_named_users_and_groups_are_let_in_within_the_mask(
    file: Path, text: str, user: str, group: str, others: str
) -> None:
    os.setxattr(file, ACCESS, acl(text))
    assert access_of(file, USER) == user
    assert access_of(file, OTHER, SHARED_GROUP) == group
    assert access_of(file, OTHER) == others


@needs_root
def test_only_the_owner_may_set_one(file: Path) -> None:
    os.chown(file, USER, USER)
    os.chmod(file, 0o666)
    value = acl(f"u::rw-,u:{OTHER}:rw-,g::r--,m::rw-,o::r--")
    with as_user(OTHER):
        with refused(errno.EPERM):
            os.setxattr(file, ACCESS, value)
        with refused(errno.EPERM):
            os.removexattr(file, ACCESS)
    with as_user(USER):
        os.setxattr(file, ACCESS, value)
    assert os.getxattr(file, ACCESS) == value


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\2\0\0",
        struct.pack("<I", 1) + acl("u::rw-,g::r--,o::r--")[4:],
        acl("u::rw-,g::r--,o::r--")[:-1],
        acl("u::rw-,g::r--"),
        acl(f"u::rw-,u:{USER}:rw-,g::r--,o::r--"),  # a named user without a mask
        acl("u::rw-,u::rw-,g::r--,o::r--"),
    ],
    ids=["empty", "short", "version", "cut", "no others", "no mask", "twice"],
)
def test_a_malformed_list_is_refused(file: Path, value: bytes) -> None:
    if value == b"":
        os.setxattr(file, ACCESS, value)  # means: no list
    else:
        with refused(errno.EINVAL, errno.EOPNOTSUPP):  # the latter for an unknown version
            os.setxattr(file, ACCESS, value)
    assert mode_of(file) == 0o640


def test_a_default_list_is_for_directories(root: Path, file: Path) -> None:
    value = acl("u::rwx,g::r-x,o::---")
    with refused(errno.EACCES):
        os.setxattr(file, DEFAULT, value)
    os.setxattr(root, DEFAULT, value)
    assert os.getxattr(root, DEFAULT) == value
    assert mode_of(root) == 0o777


def test_what_is_made_inside_inherits_a_default_list(root: Path) -> None:
    value = acl(f"u::rwx,u:{USER}:rwx,g::r-x,m::rwx,o::---")
    os.setxattr(root, DEFAULT, value)
    os.umask(0)
    make("file", root / "file", 0o664)
    make("directory", root / "folder", 0o775)
    assert os.getxattr(root / "file", ACCESS) == acl(f"u::rw-,u:{USER}:rwx,g::r-x,m::rw-,o::---")
    assert mode_of(root / "file") == 0o660
    assert os.getxattr(root / "folder", DEFAULT) == value
    assert os.getxattr(root / "folder", ACCESS) == acl(f"u::rwx,u:{USER}:rwx,g::r-x,m::rwx,o::---")
    with refused(errno.ENODATA):
        os.getxattr(root / "file", DEFAULT)


def test_a_default_list_takes_the_place_of_the_umask(root: Path, filesystem: Filesystem) -> None:
    os.setxattr(root, DEFAULT, acl("u::rwx,g::rwx,o::rwx"))
    os.umask(0o077)
    make("file", root / "file", 0o666)
    if filesystem.is_plain:
        assert mode_of(root / "file") == 0o666
    else:
        assert mode_of(root / "file") == 0o600  # the umask came first: see above


def test_a_symbolic_link_has_none(root: Path) -> None:
    make("symlink", root / "link")
    with refused(errno.EOPNOTSUPP):
        os.setxattr(root / "link", ACCESS, acl("u::rw-,g::r--,o::r--"), follow_symlinks=False)


def test_setfacl_and_getfacl_agree(root: Path, file: Path) -> None:
    run(["setfacl", "-m", f"u:{USER}:rw,g:{SHARED_GROUP}:r,m:rw", file])
    run(["setfacl", "-d", "-m", f"u:{USER}:rwx", root])
    shown = run(["getfacl", "-nc", "--", file], cwd=root).stdout.split()
    assert f"user:{USER}:rw-" in shown
    assert f"group:{SHARED_GROUP}:r--" in shown
    assert f"default:user:{USER}:rwx" in run(["getfacl", "-nc", root]).stdout.split()
    run(["setfacl", "-b", "-k", root, file])
    assert os.listxattr(file) == os.listxattr(root) == []
