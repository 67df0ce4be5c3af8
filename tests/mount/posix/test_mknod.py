"""mknod(2), mkfifo(3), and what the things they make do."""

import errno
import os
import socket
import stat
import threading
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import SHARED_GROUP, USER, as_user, needs_root
from tests.support.nodes import (
    DEVICE,
    KINDS,
    NO_DIRECTORIES,
    TYPE_BITS,
    make,
    make_socket_by_bind,
    remove,
)
from tests.support.syscalls import coarse_now, is_stamped_since, refused

SPECIAL: Final = [kind for kind in KINDS if kind in ("fifo", "socket", "block", "character")]
UMASKS: Final = (0o000, 0o022, 0o077, 0o777)


@pytest.mark.parametrize("kind", [*SPECIAL, "file"])
@pytest.mark.parametrize("umask", UMASKS)
@pytest.mark.parametrize("mode", [0o000, 0o644, 0o777])
def test_type_and_mode_are_as_asked(root: Path, kind: str, umask: int, mode: int) -> None:
    os.umask(umask)
    os.mknod(root / "new", TYPE_BITS[kind] | mode, DEVICE)
    status = os.lstat(root / "new")
    assert status.st_mode == TYPE_BITS[kind] | mode & ~umask
    assert status.st_nlink == 1
    assert status.st_size == 0


@pytest.mark.parametrize("kind", SPECIAL)
def test_it_is_new(root: Path, kind: str) -> None:
    before = coarse_now()
    status = os.lstat(make(kind, root / "new"))
    assert is_stamped_since(status, before)


@needs_root
@pytest.mark.parametrize("kind", ["block", "character"])
@pytest.mark.parametrize(
    ("major", "minor"), [(0, 0), (1, 3), (8, 255), (259, 5), (0xFFF, 0xFF), (4095, 0xFFFFF)]
)
def test_a_device_keeps_its_number(root: Path, kind: str, major: int, minor: int) -> None:
    os.mknod(root / "device", TYPE_BITS[kind] | 0o600, os.makedev(major, minor))
    status = os.stat(root / "device")
    assert (os.major(status.st_rdev), os.minor(status.st_rdev)) == (major, minor)


@needs_root
@pytest.mark.parametrize("kind", ["block", "character"])
def test_devices_are_for_root_to_make(root: Path, kind: str) -> None:
    root.chmod(0o777)
    with as_user(USER), refused(errno.EPERM):
        os.mknod(root / "device", TYPE_BITS[kind] | 0o600, DEVICE)
    assert os.listdir(root) == []


@needs_root
@pytest.mark.parametrize("kind", ["fifo", "socket", "file"])
def test_anyone_makes_the_others_and_owns_them(root: Path, kind: str) -> None:
    root.chmod(0o777)
    with as_user(USER, SHARED_GROUP):
        os.mknod(root / "new", TYPE_BITS[kind] | 0o600)
    status = os.lstat(root / "new")
    assert (status.st_uid, status.st_gid) == (USER, SHARED_GROUP)


def test_a_directory_cannot_be_made_so(root: Path) -> None:
    with refused(errno.EPERM):
        os.mknod(root / "new", stat.S_IFDIR | 0o755)


@pytest.mark.parametrize("kind", NO_DIRECTORIES)
def test_a_folder_holding_one_is_not_empty(root: Path, kind: str) -> None:
    folder = make("directory", root / "folder")
    make(kind, folder / "thing")
    with refused(errno.ENOTEMPTY):
        os.rmdir(folder)
    remove(folder / "thing")
    os.rmdir(folder)


def test_a_fifo_carries_bytes_and_keeps_none(root: Path) -> None:
    fifo = make("fifo", root / "fifo")
    received = []
    reader = threading.Thread(target=lambda: received.append(fifo.read_bytes()))
    reader.start()
    fifo.write_bytes(b"through the pipe")
    reader.join(20)
    assert received == [b"through the pipe"]
    assert os.stat(fifo).st_size == 0


def test_a_fifo_without_a_reader_refuses_a_writer_that_will_not_wait(root: Path) -> None:
    make("fifo", root / "fifo")
    with refused(errno.ENXIO):
        os.open(root / "fifo", os.O_WRONLY | os.O_NONBLOCK)
    reader = os.open(root / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(root / "fifo", os.O_WRONLY | os.O_NONBLOCK)
    os.write(writer, b"now")
    assert os.read(reader, 10) == b"now"
    os.close(reader)
    os.close(writer)


def test_a_socket_is_reached_by_its_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with make_socket_by_bind(root / "socket") as server, socket.socket(socket.AF_UNIX) as client:
        assert stat.S_ISSOCK(os.stat(root / "socket").st_mode)
        monkeypatch.chdir(root)
        client.connect("socket")
        connection, _ = server.accept()
        client.sendall(b"hello")
        assert connection.recv(10) == b"hello"
        connection.close()
        with socket.socket(socket.AF_UNIX) as second, refused(errno.EADDRINUSE):
            second.bind("socket")
    with socket.socket(socket.AF_UNIX) as late, refused(errno.ECONNREFUSED):
        late.connect("socket")


def test_a_socket_cannot_be_opened(root: Path) -> None:
    make("socket", root / "socket")
    with refused(errno.ENXIO):
        os.open(root / "socket", os.O_RDONLY)


@needs_root
def test_a_device_works_only_where_the_mount_allows_it(root: Path) -> None:
    """A mount is `nodev` unless asked otherwise: see mount(8)."""
    os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    if os.statvfs(root).f_flag & os.ST_NODEV:
        with refused(errno.EACCES):
            os.open(root / "null", os.O_RDWR)
    else:
        (root / "null").write_bytes(b"swallowed")
        assert (root / "null").read_bytes() == b""
