"""rename(2); its flags are in test_rename_flags.py."""

import errno
import os
import threading
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import OTHER, USER, as_user, needs_root
from tests.support.nodes import KINDS, NO_DIRECTORIES, make
from tests.support.syscalls import refused

STABLE: Final = ("st_ino", "st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns", "st_nlink")


def stable(path: Path) -> list[int]:
    status = os.lstat(path)
    return [getattr(status, name) for name in STABLE]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", ["new", "folder/new"])
def test_a_thing_moves_and_stays_what_it_is(root: Path, kind: str, to: str) -> None:
    (root / "folder").mkdir()
    make(kind, root / "old", 0o751)
    before = stable(root / "old")
    os.rename(root / "old", root / to)
    assert stable(root / to) == before
    with refused(errno.ENOENT):
        os.lstat(root / "old")


@pytest.mark.parametrize("kind", NO_DIRECTORIES)
@pytest.mark.parametrize("target", NO_DIRECTORIES)
def test_it_replaces_anything_but_a_directory(root: Path, kind: str, target: str) -> None:
    make(kind, root / "old")
    make(target, root / "new")
    os.link(root / "new", root / "second name of new", follow_symlinks=False)
    inode = os.lstat(root / "old").st_ino
    os.rename(root / "old", root / "new")
    assert os.lstat(root / "new").st_ino == inode
    assert os.lstat(root / "second name of new").st_nlink == 1
    assert sorted(os.listdir(root)) == ["new", "second name of new"]


@pytest.mark.parametrize("kind", NO_DIRECTORIES)
def test_a_directory_is_not_replaced_by_something_else(root: Path, kind: str) -> None:
    make(kind, root / "thing")
    make("directory", root / "folder")
    with refused(errno.EISDIR):
        os.rename(root / "thing", root / "folder")
    with refused(errno.ENOTDIR):
        os.rename(root / "folder", root / "thing")
    assert sorted(os.listdir(root)) == ["folder", "thing"]


def test_an_empty_directory_is_replaced_by_another(root: Path) -> None:
    make("file", make("directory", root / "full") / "inside")
    make("directory", root / "empty")
    with refused(errno.ENOTEMPTY, errno.EEXIST):
        os.rename(root / "empty", root / "full")
    os.rename(root / "full", root / "empty")
    assert os.listdir(root) == ["empty"]
    assert os.listdir(root / "empty") == ["inside"]
    assert os.stat(root).st_nlink == 3


def test_two_names_of_one_file_both_stay(root: Path) -> None:
    make("file", root / "one")
    os.link(root / "one", root / "two")
    os.rename(root / "one", root / "two")
    assert sorted(os.listdir(root)) == ["one", "two"]
    os.rename(root / "one", root / "one")
    assert os.stat(root / "one").st_nlink == 2


def test_a_directory_does_not_move_into_itself(root: Path) -> None:
    (root / "a/b/c").mkdir(parents=True)
    for to in ("a/x", "a/b/x", "a/b/c/x"):
        with refused(errno.EINVAL):
            os.rename(root / "a", root / to)
    for to in ("a", "a/b"):
        with refused(errno.ENOTEMPTY):
            os.rename(root / "a/b/c", root / to)
    assert (root / "a/b/c").is_dir()


@pytest.mark.parametrize("name", [".", ".."])
def test_dots_are_refused(root: Path, name: str) -> None:
    (root / "a/b").mkdir(parents=True)
    for old, new in ((f"{root}/a/{name}", root / "new"), (root / "a", f"{root}/a/b/{name}")):
        with refused(errno.EINVAL, errno.EBUSY):
            os.rename(old, new)


def test_dot_dot_of_a_moved_directory_is_its_new_parent(root: Path) -> None:
    (root / "one/moving").mkdir(parents=True)
    (root / "two").mkdir()
    os.rename(root / "one/moving", root / "two/moved")
    assert os.stat(f"{root}/two/moved/..").st_ino == os.stat(root / "two").st_ino
    assert os.stat(root / "one").st_nlink == 2
    assert os.stat(root / "two").st_nlink == 3


def test_the_working_directory_can_be_moved(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "old").mkdir()
    monkeypatch.chdir(root / "old")
    os.rename(root / "old", root / "new")
    assert Path.cwd() == root / "new"
    make("file", Path("inside"))
    assert os.listdir(root / "new") == ["inside"]
    monkeypatch.chdir(root)


def test_a_directory_moves_with_all_that_is_open_in_it(root: Path) -> None:
    (root / "old/deep").mkdir(parents=True)
    with open(root / "old/deep/file", "wb") as file:
        file.write(b"before ")
        os.rename(root / "old", root / "new")
        file.write(b"after")
    assert (root / "new/deep/file").read_bytes() == b"before after"


def test_slashes_at_the_end_are_for_directories(root: Path) -> None:
    make("directory", root / "folder")
    make("file", root / "file")
    os.rename(f"{root}/folder/", f"{root}/moved/")
    with refused(errno.ENOTDIR):
        os.rename(f"{root}/file/", root / "new")
    with refused(errno.ENOTDIR):
        os.rename(root / "file", f"{root}/new/")
    assert sorted(os.listdir(root)) == ["file", "moved"]


def test_a_link_is_renamed_itself(root: Path) -> None:
    make("file", root / "file")
    (root / "link").symlink_to("file")
    os.rename(root / "link", root / "moved")
    assert os.readlink(root / "moved") == "file"
    os.rename(root / "file", root / "moved")
    assert not (root / "moved").is_symlink()


def test_another_filesystem_is_refused(root: Path) -> None:
    make("file", root / "file")
    with refused(errno.EXDEV):
        os.rename(root / "file", f"/dev/shm/rename-{os.getpid()}")


def test_an_atomic_save_is_never_seen_half_done(root: Path) -> None:
    """At any moment the name leads to one whole version."""
    (root / "file").write_bytes(b"0" * 5000)
    done = threading.Event()
    seen: list[str] = []

    def read() -> None:
        while not done.is_set():
            try:
                data = (root / "file").read_bytes()
                seen.append("whole" if len(data) == 5000 and len(set(data)) == 1 else "mixed")
            except OSError as error:
                seen.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(300):
        (root / "next").write_bytes(b"%d" % (number % 10) * 5000)
        os.rename(root / "next", root / "file")
    done.set()
    reader.join(30)
    assert set(seen) == {"whole"}


@needs_root
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("locked", ["from", "to"])
def test_both_folders_must_be_writable(root: Path, kind: str, locked: str) -> None:
    for name in ("from", "to"):
        os.mkdir(root / name)
        os.chmod(root / name, 0o755 if name == locked else 0o777)
    os.lchown(make(kind, root / "from/thing"), USER, USER)
    with as_user(USER), refused(errno.EACCES):
        os.rename(root / "from/thing", root / "to/thing")


@needs_root
def test_moving_anothers_directory_needs_the_right_to_write_it(root: Path) -> None:
    """Because its `..` changes: EACCES from one folder to another, fine within one."""
    for name in ("from", "to"):
        os.mkdir(root / name)
        os.chmod(root / name, 0o777)
    os.chown(make("directory", root / "from/folder", 0o755), OTHER, OTHER)
    with as_user(USER):
        os.rename(root / "from/folder", root / "from/renamed")
        with refused(errno.EACCES):
            os.rename(root / "from/renamed", root / "to/folder")
