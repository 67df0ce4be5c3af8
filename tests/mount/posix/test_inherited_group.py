"""A set-gid folder hands its group on to what is made in it."""

import os
import stat
from pathlib import Path

import pytest

from tests.support.as_user import SHARED_GROUP, USER, as_user, needs_root
from tests.support.nodes import KINDS, make

pytestmark = needs_root


@pytest.fixture
def folder(root: Path) -> Path:
    """A folder of mode 2777 with a group of its own."""
    folder = make("directory", root / "folder")
    os.chown(folder, 0, SHARED_GROUP)
    os.chmod(folder, 0o2777)
    return folder


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("block", "character")])
@pytest.mark.parametrize("uid", [0, USER])
def test_what_is_made_there_has_its_group(folder: Path, kind: str, uid: int) -> None:
    with as_user(uid):
        make(kind, folder / "new")
    status = os.lstat(folder / "new")
    assert (status.st_uid, status.st_gid) == (uid, SHARED_GROUP)
    assert bool(status.st_mode & stat.S_ISGID) == (kind == "directory")


def test_folders_hand_it_on_and_on(folder: Path) -> None:
    with as_user(USER):
        (folder / "a/b/c").mkdir(parents=True)
    for path in ("a", "a/b", "a/b/c"):
        status = os.stat(folder / path)
        assert (status.st_gid, status.st_mode & stat.S_ISGID) == (SHARED_GROUP, stat.S_ISGID)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_moved_or_linked_there_keeps_its_own(root: Path, folder: Path, kind: str) -> None:
    make(kind, root / "old")
    os.rename(root / "old", folder / "moved")
    assert os.lstat(folder / "moved").st_gid == 0


def test_a_program_made_by_a_stranger_to_the_group_is_not_set_gid(folder: Path) -> None:
    with as_user(USER):
        os.close(os.open(folder / "program", os.O_CREAT | os.O_WRONLY, 0o2755))
    status = os.stat(folder / "program")
    assert status.st_gid == SHARED_GROUP
    assert not status.st_mode & stat.S_ISGID


@pytest.mark.parametrize("kind", KINDS)
def test_an_ordinary_folder_does_not(root: Path, kind: str) -> None:
    folder = make("directory", root / "folder")
    os.chown(folder, 0, SHARED_GROUP)
    make(kind, folder / "new")
    assert os.lstat(folder / "new").st_gid == 0
