"""What the kernel took from programs and the store refused: who is told, and what is shown then."""

import mmap
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.support.mounted import MountedStore, cut_off_when_hung
from tests.support.small_hosts import MIB, ext4, quota_host, store_on, use_up_bytes
from tests.support.syscalls import errno_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small filesystem")

HOST_MIB: Final = 112
FILE_BYTES: Final = 4 * MIB
PAGE_BYTES: Final = 4096  # one that is written in part is sent whole
HUNG_AFTER_SECONDS: Final = 120.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MountedStore]:
    """A mount whose store lies on a filesystem of its own."""
    with (
        ext4(tmp_path, HOST_MIB) as host,
        store_on(host) as store,
        cut_off_when_hung(store, HUNG_AFTER_SECONDS),
    ):
        yield store


def fill(store: MountedStore) -> Path:
    """Let a file beside the store take all room, until the store has seen that; it is returned."""
    ballast = use_up_bytes(store.folder.parent)
    wait_until(lambda: not can_make(store), "there is no room, and nobody is refused")
    return ballast


def can_make(store: MountedStore) -> bool:
    """Whether a folder can be made, for which there has to be room; it is taken away again."""
    folder = store.mountpoint / "folder"
    said = errno_of(folder.mkdir)
    assert said in ("ok", "ENOSPC")
    if said == "ok":
        folder.rmdir()
    return said == "ok"


def make_room(store: MountedStore, ballast: Path) -> None:
    ballast.unlink()
    wait_until(lambda: can_make(store), "room that is there again is not used")


def open_refused(path: Path, flags: int = 0) -> int:
    """A descriptor by which bytes have been written that were refused."""
    descriptor = os.open(path, os.O_RDWR | flags)
    assert os.pwrite(descriptor, os.urandom(FILE_BYTES), 0) == FILE_BYTES
    assert errno_of(partial(os.fsync, descriptor)) == "ENOSPC"
    return descriptor


def close(descriptor: int) -> None:
    """Close; the kernel may tell anybody of what it has lost."""
    assert errno_of(partial(os.close, descriptor)) in ("ok", "ENOSPC")


def shows(path: Path, data: bytes) -> bool:
    """Whether a file has these bytes for who reads it, and this size for who asks."""
    descriptor = os.open(path, os.O_RDONLY)
    read = os.read(descriptor, 2 * FILE_BYTES)
    close(descriptor)
    return read == data and path.stat().st_size == len(data)


def require(path: Path, data: bytes) -> None:
    """Return once a file has these bytes."""
    wait_until(lambda: shows(path, data), "bytes are shown that are not there")


def test_bytes_that_were_refused_are_not_shown_as_zeros(store: MountedStore) -> None:
    path = store.mountpoint / "file"
    path.write_bytes(b"short")
    ballast = fill(store)
    close(open_refused(path))
    require(path, b"short")
    make_room(store, ballast)
    path.write_bytes(b"shorter")
    store.kill_and_mount()
    assert path.read_bytes() == b"shorter"


def test_who_looks_while_the_file_is_open_does_not_keep_its_size(store: MountedStore) -> None:
    paths = [store.mountpoint / name for name in ("file", "link")]
    paths[0].write_bytes(b"short")
    paths[1].hardlink_to(paths[0])
    fill(store)
    descriptor = open_refused(paths[0])
    reader = os.open(paths[1], os.O_RDONLY)
    close(descriptor)
    for _ in range(20):
        for path in paths:
            path.stat()
            path.read_bytes()
        os.listdir(store.mountpoint)
    close(reader)
    for path in paths:
        require(path, b"short")


def test_a_new_file_whose_bytes_were_refused_is_empty(store: MountedStore) -> None:
    path = store.mountpoint / "file"
    path.touch()
    fill(store)
    close(open_refused(path, os.O_APPEND))
    require(path, b"")


def test_who_has_a_file_open_sees_the_bytes_that_are_kept(store: MountedStore) -> None:
    path, kept = store.mountpoint / "file", os.urandom(FILE_BYTES)
    path.write_bytes(kept)
    reader = os.open(path, os.O_RDONLY)
    fill(store)
    descriptor = open_refused(path)
    assert path.stat().st_size == FILE_BYTES
    wait_until(lambda: os.pread(reader, FILE_BYTES, 0) == kept, "refused bytes are shown")
    assert path.read_bytes() == kept
    close(descriptor)
    close(reader)
    require(path, kept)


def test_who_has_a_file_mapped_sees_the_bytes_that_are_kept(store: MountedStore) -> None:
    path, kept = store.mountpoint / "file", os.urandom(FILE_BYTES)
    path.write_bytes(kept)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        fill(store)
        mapped[:] = os.urandom(FILE_BYTES)
        assert errno_of(mapped.flush) == "ENOSPC"
        wait_until(lambda: mapped[:] == kept, "refused bytes are shown")
    require(path, kept)


@pytest.mark.parametrize("flags", [0, os.O_APPEND])
def test_the_same_descriptor_goes_on_when_there_is_room(store: MountedStore, flags: int) -> None:
    path = store.mountpoint / "file"
    path.write_bytes(b"short")
    ballast = fill(store)
    descriptor = open_refused(path, flags)
    end = os.lseek(descriptor, 0, os.SEEK_END)
    make_room(store, ballast)
    assert os.write(descriptor, b"more") == 4
    os.fsync(descriptor)
    shown = path.read_bytes()
    assert (shown[:5], shown[end:]) == (b"short", b"more")
    assert not any(shown[PAGE_BYTES:-PAGE_BYTES])
    os.close(descriptor)
    require(path, shown)
    store.kill_and_mount()
    assert path.read_bytes() == shown


@pytest.mark.parametrize(("size", "new_size"), [(MIB, 100_001), (100_001, MIB)])
def test_a_size_needs_no_room(store: MountedStore, size: int, new_size: int) -> None:
    path, data = store.mountpoint / "file", os.urandom(size)
    path.write_bytes(data)
    assert os.getxattr(path, "cairnfs.ref")  # for which it is stored
    ballast = fill(store)
    os.truncate(path, new_size)
    kept = data[:new_size] + bytes(max(new_size - size, 0))
    require(path, kept)
    make_room(store, ballast)
    store.kill_and_mount()
    assert path.read_bytes() == kept


def test_what_was_taken_and_could_not_be_stored_is_not_shown(tmp_path: Path) -> None:
    """A quota, of which nothing tells before bytes are to be stored: they are lost at the end."""
    with quota_host(tmp_path, HOST_MIB) as host, store_on(host.folder) as store:
        path = store.mountpoint / "file"
        path.write_bytes(b"short")
        store.remount()
        host.allow(1)
        close(open_refused(path))
        require(path, b"short")
        host.allow(HOST_MIB)
