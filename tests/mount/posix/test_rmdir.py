"""rmdir(2)."""

import errno
import os
from pathlib import Path

import pytest

from tests.support.as_user import OTHER, USER, as_user, needs_root
from tests.support.nodes import KINDS, NO_DIRECTORIES, make
from tests.support.syscalls import refused


def test_it_removes_an_empty_folder(root: Path) -> None:
    folder = make("directory", root / "folder")
    os.rmdir(folder)
    assert os.listdir(root) == []
    with refused(errno.ENOENT):
        os.stat(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_holds_something_stays(root: Path, kind: str) -> None:
    folder = make("directory", root / "folder")
    make(kind, folder / "thing")
    with refused(errno.ENOTEMPTY):
        os.rmdir(folder)
    assert os.listdir(folder) == ["thing"]


@pytest.mark.parametrize("kind", NO_DIRECTORIES)
def test_anything_else_is_refused(root: Path, kind: str) -> None:
    thing = make(kind, root / "thing")
    with refused(errno.ENOTDIR):
        os.rmdir(thing)
    assert os.lstat(thing).st_nlink == 1


def test_a_link_to_a_folder_is_no_folder(root: Path) -> None:
    make("directory", root / "folder")
    (root / "link").symlink_to("folder")
    with refused(errno.ENOTDIR):
        os.rmdir(root / "link")
    with refused(errno.ENOTDIR):
        os.rmdir(f"{root}/link/")
    assert sorted(os.listdir(root)) == ["folder", "link"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("folder/.", errno.EINVAL),
        ("folder/inside/..", errno.ENOTEMPTY),
        (".", errno.EINVAL),
        ("..", errno.ENOTEMPTY),
    ],
)
def test_dots_are_refused(
    root: Path, path: str, reason: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("directory", make("directory", root / "folder") / "inside")
    monkeypatch.chdir(root)
    with refused(reason):
        os.rmdir(path)


def test_a_slash_at_the_end_is_fine(root: Path) -> None:
    make("directory", root / "folder")
    os.rmdir(f"{root}/folder/")
    assert os.listdir(root) == []


def test_a_mount_point_is_busy(root: Path) -> None:
    """The folder a filesystem is mounted on belongs to the mount, not to its parent."""
    mount = root
    while not os.path.ismount(mount):
        mount = mount.parent
    with refused(errno.EBUSY):
        os.rmdir(mount)


def test_a_removed_folder_that_is_still_open(root: Path) -> None:
    folder = make("directory", root / "folder")
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.rmdir(folder)
    assert os.fstat(descriptor).st_nlink == 0
    assert os.listdir(descriptor) == []
    with refused(errno.ENOENT):
        os.open("new", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor)
    with refused(errno.ENOENT):
        os.stat("..", dir_fd=os.open(folder, os.O_RDONLY))
    os.close(descriptor)


def test_the_name_can_be_used_again(root: Path) -> None:
    for number in range(20):
        folder = make("directory", root / "folder")
        make("file", folder / str(number))
        assert os.listdir(folder) == [str(number)]
        os.unlink(folder / str(number))
        os.rmdir(folder)


@needs_root
@pytest.mark.parametrize("sticky", [False, True])
@pytest.mark.parametrize("owner", [USER, OTHER])
def test_who_may_write_the_parent_may_remove_it(root: Path, sticky: bool, owner: int) -> None:
    root.chmod(0o1777 if sticky else 0o777)
    os.chown(make("directory", root / "folder", 0o700), owner, owner)
    with as_user(USER):
        if sticky and owner != USER:
            with refused(errno.EPERM):
                os.rmdir(root / "folder")
        else:
            os.rmdir(root / "folder")
