"""link(2)."""

import errno
import os
from pathlib import Path

import pytest

from tests.support.as_user import OTHER, USER, as_user, needs_root
from tests.support.nodes import NO_DIRECTORIES, make, remove
from tests.support.syscalls import link_descriptor, link_following, refused

LINKS_MAX = 65_000


@pytest.mark.parametrize("kind", NO_DIRECTORIES)
def test_both_names_are_one_thing(root: Path, kind: str) -> None:
    make(kind, root / "one")
    os.link(root / "one", root / "two", follow_symlinks=False)
    one, two = os.lstat(root / "one"), os.lstat(root / "two")
    assert one == two
    assert one.st_nlink == 2
    os.lchown(root / "two", -1, -1)
    assert os.lstat(root / "one") == os.lstat(root / "two")


@pytest.mark.parametrize("kind", NO_DIRECTORIES)
def test_each_removed_name_is_one_link_less(root: Path, kind: str) -> None:
    make(kind, root / "0")
    for number in range(1, 4):
        os.link(root / "0", root / str(number), follow_symlinks=False)
    for number, links in ((0, 3), (2, 2), (1, 1)):
        remove(root / str(number))
        assert os.lstat(root / "3").st_nlink == links
    remove(root / "3")
    assert os.listdir(root) == []


def test_what_is_written_by_one_name_is_read_by_the_other(root: Path) -> None:
    (root / "one").write_bytes(b"before")
    (root / "folder").mkdir()
    os.link(root / "one", root / "folder/two")
    (root / "folder/two").write_bytes(b"afterwards")
    assert (root / "one").read_bytes() == b"afterwards"
    (root / "one").unlink()
    assert (root / "folder/two").read_bytes() == b"afterwards"


def test_a_name_made_while_the_file_is_written(root: Path) -> None:
    with open(root / "one", "wb") as file:
        file.write(b"begun ")
        file.flush()
        os.link(root / "one", root / "two")
        file.write(b"ended")
    assert (root / "two").read_bytes() == b"begun ended"


def test_a_symbolic_link_can_have_two_names_or_be_followed(root: Path) -> None:
    make("file", root / "file")
    (root / "symlink").symlink_to("file")
    os.link(root / "symlink", root / "same", follow_symlinks=False)
    link_following(root / "symlink", root / "followed")
    assert os.readlink(root / "same") == "file"
    assert os.lstat(root / "same").st_ino == os.lstat(root / "symlink").st_ino
    assert os.lstat(root / "followed").st_ino == os.lstat(root / "file").st_ino


def test_a_directory_is_refused(root: Path) -> None:
    (root / "folder").mkdir()
    with refused(errno.EPERM):
        os.link(root / "folder", root / "second")
    assert os.stat(root / "folder").st_nlink == 2
    assert os.listdir(root) == ["folder"]


def test_another_filesystem_is_refused(root: Path) -> None:
    make("file", root / "file")
    with refused(errno.EXDEV):
        os.link(root / "file", f"/dev/shm/link-{os.getpid()}")
    assert os.stat(root / "file").st_nlink == 1


@pytest.mark.parametrize("kind", ["file", "fifo", "directory"])
def test_a_name_that_ends_in_a_slash_is_refused(root: Path, kind: str) -> None:
    make(kind, root / "thing")
    with refused(errno.ENOENT, errno.EPERM):
        os.link(root / "thing", f"{root}/new/")
    if kind != "directory":
        with refused(errno.ENOTDIR):
            os.link(f"{root}/thing/", root / "new")


def test_an_open_file_without_a_name_cannot_get_one_again(root: Path) -> None:
    descriptor = os.open(root / "file", os.O_CREAT | os.O_RDWR)
    os.unlink(root / "file")
    with refused(errno.ENOENT):
        link_descriptor(descriptor, root / "back")
    assert os.fstat(descriptor).st_nlink == 0
    os.close(descriptor)
    assert os.listdir(root) == []


@needs_root
def test_an_open_file_with_a_name_can_get_another(root: Path) -> None:
    descriptor = os.open(root / "file", os.O_CREAT | os.O_RDWR)
    link_descriptor(descriptor, root / "second")
    assert os.fstat(descriptor).st_nlink == 2
    os.close(descriptor)


@needs_root
def test_linking_needs_no_rights_on_the_file_itself_but_those_of_its_owner(root: Path) -> None:
    """The kernel's own guard (fs.protected_hardlinks) stops others."""
    root.chmod(0o777)
    os.chown(make("file", root / "file"), USER, USER)
    os.chmod(root / "file", 0)
    with as_user(USER):
        os.link(root / "file", root / "mine")
    protected = Path("/proc/sys/fs/protected_hardlinks").read_text().strip() == "1"
    if protected:
        with as_user(OTHER), refused(errno.EPERM):
            os.link(root / "file", root / "yours")
    assert os.stat(root / "file").st_nlink == 2


@pytest.mark.slow
def test_the_number_of_names_is_limited(root: Path) -> None:
    make("file", root / "file")
    for number in range(1, LINKS_MAX):
        os.link(root / "file", root / f"{number}")
    with refused(errno.EMLINK):
        os.link(root / "file", root / "one too many")
    os.unlink(root / "1")
    os.link(root / "file", root / "again")
    assert os.stat(root / "file").st_nlink == LINKS_MAX
