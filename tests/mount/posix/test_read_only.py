"""A mount with `ro`: everything can be read, and every change is EROFS."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.mounted import MountedStore
from tests.support.nodes import make
from tests.support.syscalls import RENAME_EXCHANGE, refused, renameat2

CHANGES: Final[dict[str, Callable[[], object]]] = {
    "creat": lambda: os.open("new", os.O_CREAT | os.O_WRONLY),
    "open for writing": lambda: os.open("file", os.O_WRONLY),
    "open for both": lambda: os.open("file", os.O_RDWR),
    "open with O_TRUNC": lambda: os.open("file", os.O_RDONLY | os.O_TRUNC),
    "truncate": lambda: os.truncate("file", 0),
    "mkdir": lambda: os.mkdir("new"),
    "rmdir": lambda: os.rmdir("folder"),
    "mkfifo": lambda: os.mkfifo("new"),
    "mknod": lambda: os.mknod("new", stat.S_IFSOCK | 0o600),
    "symlink": lambda: os.symlink("file", "new"),
    "link": lambda: os.link("file", "new"),
    "unlink": lambda: os.unlink("file"),
    "rename": lambda: os.rename("file", "new"),
    "exchange": lambda: renameat2("file", "folder", RENAME_EXCHANGE),
    "chmod": lambda: os.chmod("file", 0o600),
    "chown": lambda: os.chown("file", 0, 0),
    "utime": lambda: os.utime("file"),
    "setxattr": lambda: os.setxattr("file", "user.a", b"2"),
    "removexattr": lambda: os.removexattr("file", "user.a"),
}


@pytest.fixture(scope="module")
def read_only() -> Iterator[MountedStore]:
    """A read-only mount of a store that holds a file and a folder."""
    if os.environ.get("PLAIN_FOLDER"):
        pytest.skip("about the mount itself, which a plain folder is not")
    with MountedStore() as store:
        (store.mountpoint / "file").write_bytes(b"bytes")
        os.setxattr(store.mountpoint / "file", "user.a", b"1")
        make("directory", store.mountpoint / "folder")
        (store.mountpoint / "link").symlink_to("file")
        store.umount()
        store.mount("ro")
        yield store
        assert (store.mountpoint / "file").read_bytes() == b"bytes"
        store.umount()
        store.require_clean()
        store.require_silence()


@pytest.fixture
def here(read_only: MountedStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The root of that mount as the working directory."""
    monkeypatch.chdir(read_only.mountpoint)
    yield read_only.mountpoint
    monkeypatch.undo()


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_refused(here: Path, name: str) -> None:
    before = sorted(os.listdir()), os.stat("file")
    with refused(errno.EROFS):
        CHANGES[name]()
    assert (sorted(os.listdir()), os.stat("file")) == before


def test_everything_can_be_read(here: Path) -> None:
    assert sorted(os.listdir()) == ["file", "folder", "link"]
    assert Path("link").read_bytes() == b"bytes"
    assert os.getxattr("file", "user.a") == b"1"
    assert os.access("file", os.R_OK)
    assert not os.access("file", os.W_OK)
    assert os.statvfs(".").f_flag & os.ST_RDONLY


def test_reading_moves_no_access_time(here: Path) -> None:
    before = os.stat("file").st_atime_ns
    Path("file").read_bytes()
    assert os.stat("file").st_atime_ns == before
