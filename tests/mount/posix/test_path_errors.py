"""What every system call that takes a path says about a path it cannot follow."""

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import USER, as_user, needs_root
from tests.support.nodes import make
from tests.support.syscalls import AnyPath, refused, renameat2, utimensat

PATH_MAX: Final = 4096
NAME_MAX: Final = 255


@dataclass(frozen=True)
class Call:
    """A system call on a path, and what it does with the last part of that path."""

    run: Callable[[AnyPath], object]
    creates: bool = False  # the path must not exist yet
    follows: bool = True  # a symbolic link at its end is followed
    on: str = "file"  # what it works on


def link_from(path: AnyPath) -> None:
    os.link(path, os.path.join(os.path.dirname(os.fsencode(path)), b"linked"))


CALLS: Final = {
    "open": Call(lambda path: os.close(os.open(path, os.O_RDONLY))),
    "creat": Call(lambda path: os.close(os.open(path, os.O_WRONLY | os.O_CREAT)), creates=True),
    "truncate": Call(lambda path: os.truncate(path, 1)),
    "stat": Call(os.stat),
    "lstat": Call(os.lstat, follows=False),
    "statfs": Call(os.statvfs),
    "access": Call(lambda path: os.utime(path) if os.access(path, os.F_OK) else os.stat(path)),
    "chmod": Call(lambda path: os.chmod(path, 0o600)),
    "chown": Call(lambda path: os.chown(path, -1, -1)),
    "lchown": Call(lambda path: os.lchown(path, -1, -1), follows=False),
    "utimensat": Call(lambda path: utimensat(path, (1, 0), (1, 0))),
    "lutimes": Call(lambda path: utimensat(path, (1, 0), (1, 0), follow=False), follows=False),
    "listxattr": Call(os.listxattr),
    "setxattr": Call(lambda path: os.setxattr(path, b"user.a", b"1")),
    "chdir": Call(os.chdir, on="directory"),
    "readdir": Call(os.listdir, on="directory"),
    "mkdir": Call(os.mkdir, creates=True, follows=False),
    "mkfifo": Call(os.mkfifo, creates=True, follows=False),
    "mknod": Call(lambda path: os.mknod(path, stat.S_IFSOCK | 0o600), creates=True, follows=False),
    "symlink": Call(lambda path: os.symlink(b"to", path), creates=True, follows=False),
    "link from": Call(lambda path: os.link(path, b"linked", follow_symlinks=False), follows=False),
    "link to": Call(lambda path: os.link(b"source", path), creates=True, follows=False),
    "rename from": Call(lambda path: os.rename(path, b"renamed"), follows=False),
    "rename to": Call(lambda path: os.rename(b"source", path), creates=True, follows=False),
    "renameat2": Call(lambda path: renameat2(path, b"renamed", 0), follows=False),
    "unlink": Call(os.unlink, follows=False),
    "rmdir": Call(os.rmdir, follows=False, on="directory"),
    "readlink": Call(lambda path: os.readlink(os.fsencode(path)), follows=False, on="symlink"),
}
ALL = pytest.mark.parametrize("name", CALLS)
NOT_CREATING = pytest.mark.parametrize("name", [n for n in CALLS if not CALLS[n].creates])
CREATING_NEW = pytest.mark.parametrize(
    "name", [n for n in CALLS if CALLS[n].creates and n not in ("creat", "rename to")]
)
FOLLOWING = pytest.mark.parametrize("name", [n for n in CALLS if CALLS[n].follows])


@pytest.fixture
def here(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, holding `source`."""
    make("file", root / "source")
    monkeypatch.chdir(root)
    return root


@ALL
def test_a_missing_folder_on_the_way_is_enoent(here: Path, name: str) -> None:
    with refused(errno.ENOENT):
        CALLS[name].run("missing/x")


@ALL
@pytest.mark.parametrize("kind", ["file", "fifo", "socket"])
def test_something_else_than_a_folder_on_the_way_is_enotdir(
    here: Path, name: str, kind: str
) -> None:
    make(kind, here / "thing")
    with refused(errno.ENOTDIR):
        CALLS[name].run("thing/x")


@ALL
def test_a_name_of_256_bytes_is_enametoolong(here: Path, name: str) -> None:
    with refused(errno.ENAMETOOLONG):
        CALLS[name].run(b"n" * (NAME_MAX + 1))


@ALL
def test_a_folder_name_of_256_bytes_is_enametoolong(here: Path, name: str) -> None:
    with refused(errno.ENAMETOOLONG):
        CALLS[name].run(b"n" * (NAME_MAX + 1) + b"/x")


@ALL
def test_a_name_of_255_bytes_works(here: Path, name: str) -> None:
    call, longest = CALLS[name], "n" * NAME_MAX
    if not call.creates:
        make(call.on, here / longest)
    call.run(longest)


@ALL
def test_a_path_of_4096_bytes_is_enametoolong(here: Path, name: str) -> None:
    with refused(errno.ENAMETOOLONG):
        CALLS[name].run(b"./" * (PATH_MAX // 2 - 1) + b"xx")


@ALL
def test_a_path_of_4095_bytes_works(here: Path, name: str) -> None:
    call = CALLS[name]
    if not call.creates:
        make(call.on, here / "x")
    call.run(b"./" * (PATH_MAX // 2 - 1) + b"x")


@ALL
def test_an_empty_path_is_enoent(here: Path, name: str) -> None:
    with refused(errno.ENOENT):
        CALLS[name].run(b"")


@ALL
def test_links_on_the_way_that_lead_to_each_other_are_eloop(here: Path, name: str) -> None:
    (here / "one").symlink_to("two")
    (here / "two").symlink_to("one")
    with refused(errno.ELOOP):
        CALLS[name].run("one/x")


@FOLLOWING
def test_a_link_at_the_end_that_leads_to_itself_is_eloop(here: Path, name: str) -> None:
    (here / "self").symlink_to("self")
    with refused(errno.ELOOP):
        CALLS[name].run("self")


@pytest.mark.parametrize("name", [n for n in CALLS if CALLS[n].follows and not CALLS[n].creates])
def test_a_link_at_the_end_that_leads_nowhere_is_enoent(here: Path, name: str) -> None:
    (here / "dangling").symlink_to("nowhere")
    with refused(errno.ENOENT):
        CALLS[name].run("dangling")


@NOT_CREATING
def test_a_missing_name_is_enoent(here: Path, name: str) -> None:
    with refused(errno.ENOENT):
        CALLS[name].run("missing")


@NOT_CREATING
def test_a_name_that_was_just_removed_is_enoent(here: Path, name: str) -> None:
    """The kernel keeps negative and positive entries for long: both must be given up."""
    (here / "gone").mkdir()
    (here / "gone").rmdir()
    with refused(errno.ENOENT):
        CALLS[name].run("gone")


@CREATING_NEW
@pytest.mark.parametrize("kind", ["file", "directory", "fifo", "socket", "symlink"])
def test_a_name_that_exists_is_eexist(here: Path, name: str, kind: str) -> None:
    make(kind, here / "taken")
    before = os.lstat(here / "taken")
    with refused(errno.EEXIST):
        CALLS[name].run("taken")
    assert os.lstat(here / "taken").st_ino == before.st_ino


@needs_root
@ALL
def test_a_folder_that_may_not_be_searched_is_eacces(here: Path, name: str) -> None:
    (here / "locked").mkdir()
    if not CALLS[name].creates:
        make(CALLS[name].on, here / "locked/x")
    os.chmod(here / "locked", 0o666)
    os.chmod(here, 0o777)
    with as_user(USER), refused(errno.EACCES):
        CALLS[name].run("locked/x")


@needs_root
@pytest.mark.parametrize(
    "name",
    [
        *(name for name in CALLS if CALLS[name].creates),
        *("unlink", "rmdir", "rename from", "renameat2"),
    ],
)
def test_changing_a_folder_without_the_right_to_write_is_eacces(here: Path, name: str) -> None:
    (here / "locked").mkdir()
    os.chown(here / "source", USER, USER)
    if not CALLS[name].creates:
        os.chown(make(CALLS[name].on, here / "locked/x"), USER, USER)
    os.chmod(here / "locked", 0o755)
    os.chmod(here, 0o777)
    with as_user(USER), refused(errno.EACCES):
        CALLS[name].run("locked/x")
    assert os.listdir(here / "locked") == ([] if CALLS[name].creates else ["x"])
