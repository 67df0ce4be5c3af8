"""chown(2), lchown(2) and fchown(2). What they do to set-uid bits is in test_setid_clearing.py."""

import errno
import os
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import OTHER, SHARED_GROUP, USER, as_user, needs_root
from tests.support.nodes import KINDS, NO_SYMLINKS, make
from tests.support.syscalls import refused

pytestmark = needs_root

UNCHANGED: Final = -1
ID_MAX: Final = (1 << 32) - 2


def owner_of(path: Path) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_uid, status.st_gid


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("uid", "gid", "result"),
    [
        (USER, OTHER, (USER, OTHER)),
        (USER, UNCHANGED, (USER, 0)),
        (UNCHANGED, OTHER, (0, OTHER)),
        (UNCHANGED, UNCHANGED, (0, 0)),
        (ID_MAX, ID_MAX, (ID_MAX, ID_MAX)),
    ],
)
def test_root_gives_anything_to_anyone(
    root: Path, kind: str, uid: int, gid: int, result: tuple[int, int]
) -> None:
    thing = make(kind, root / "thing")
    os.lchown(thing, uid, gid)
    assert owner_of(thing) == result


@pytest.mark.parametrize("kind", NO_SYMLINKS)
def test_chown_follows_a_link_and_lchown_does_not(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing")
    (root / "link").symlink_to("thing")
    os.chown(root / "link", USER, USER)
    os.lchown(root / "link", OTHER, OTHER)
    assert owner_of(thing) == (USER, USER)
    assert owner_of(root / "link") == (OTHER, OTHER)


def test_an_open_file_without_a_name_takes_it(root: Path) -> None:
    descriptor = os.open(root / "file", os.O_CREAT | os.O_RDWR)
    os.unlink(root / "file")
    os.fchown(descriptor, USER, OTHER)
    assert (os.fstat(descriptor).st_uid, os.fstat(descriptor).st_gid) == (USER, OTHER)
    os.close(descriptor)


@pytest.mark.parametrize("kind", KINDS)
def test_an_owner_gives_it_to_a_group_of_his(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing")
    os.lchown(thing, USER, USER)
    with as_user(USER, USER, groups=[SHARED_GROUP]):
        os.lchown(thing, UNCHANGED, SHARED_GROUP)
        os.lchown(thing, USER, SHARED_GROUP)
    assert owner_of(thing) == (USER, SHARED_GROUP)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("uid", "gid"),
    [(OTHER, UNCHANGED), (0, UNCHANGED), (UNCHANGED, OTHER), (OTHER, SHARED_GROUP)],
)
def test_an_owner_gives_it_to_nobody_else(root: Path, kind: str, uid: int, gid: int) -> None:
    thing = make(kind, root / "thing")
    os.lchown(thing, USER, USER)
    with as_user(USER, USER, groups=[SHARED_GROUP]), refused(errno.EPERM):
        os.lchown(thing, uid, gid)
    assert owner_of(thing) == (USER, USER)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_else_may(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing")
    os.lchown(thing, USER, SHARED_GROUP)
    with as_user(OTHER, SHARED_GROUP):
        with refused(errno.EPERM):
            os.lchown(thing, OTHER, UNCHANGED)
        with refused(errno.EPERM):
            os.lchown(thing, UNCHANGED, SHARED_GROUP)
    assert owner_of(thing) == (USER, SHARED_GROUP)
