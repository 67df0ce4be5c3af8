"""A host that is full, of bytes or of inodes: who is refused what, what goes on, and the way back.

`writers` stands for several programs that write at once: each keeps what it was told is durable.
"""

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.support.mounted import MountedStore
from tests.support.small_hosts import (
    MIB,
    ext4,
    quota_host,
    store_on,
    tmpfs,
    use_up_bytes,
    use_up_inodes,
)
from tests.support.syscalls import errno_of
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small filesystem")

WRITERS: Final = 4
HOST_MIB: Final = 112


class Writer:
    """A program that writes files of its own, each with an fsync, until it is refused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept: dict[str, bytes] = {}
        self.refused: OSError | None = None
        folder.mkdir()

    def work(self) -> None:
        """Until there is an error, which is kept."""
        try:
            for number in range(1 << 20):
                data = os.urandom(300_000 if number % 2 else 3_000)
                write_durably(self.folder / f"{number}", data)
                self.kept[f"{number}"] = data
        except OSError as error:
            self.refused = error

    def require_all(self) -> None:
        """Whatever was acknowledged has all its bytes."""
        for name, data in self.kept.items():
            assert (self.folder / name).read_bytes() == data, f"{self.folder.name}/{name}"

    def remove_older(self) -> None:
        """Delete what was written first, which is most of it; what was refused goes, too."""
        first = max(map(int, self.kept)) * 7 // 8
        for path in self.folder.iterdir():
            if path.name not in self.kept or int(path.name) < first:
                path.unlink()
                self.kept.pop(path.name, None)


def write_durably(path: Path, data: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        assert file.write(data) == len(data)
        os.fsync(file.fileno())


def fill(store: MountedStore) -> list[Writer]:
    """Let writers go on until each of them is refused."""
    writers = [Writer(store.mountpoint / f"writer{number}") for number in range(WRITERS)]
    threads = [threading.Thread(target=writer.work) for writer in writers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return writers


def can_write(store: MountedStore) -> bool:
    """Whether new bytes are taken; a refusal must be the one for want of room."""
    said = errno_of(partial(write_durably, store.mountpoint / "again", os.urandom(MIB)))
    assert said in ("ok", "ENOSPC")
    return said == "ok"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MountedStore]:
    """A mount whose store lies on a filesystem of its own."""
    with ext4(tmp_path, HOST_MIB) as host, store_on(host) as store:
        yield store


def test_each_writer_is_refused_for_want_of_room_and_nothing_acknowledged_is_lost(
    store: MountedStore,
) -> None:
    writers = fill(store)
    for writer in writers:
        assert writer.refused is not None
        assert writer.refused.errno == errno.ENOSPC, writer.refused
        writer.require_all()
    assert sum(len(data) for writer in writers for data in writer.kept.values()) > 30 * MIB
    assert store.ask("status")["refuses_changes"] is None
    for writer in writers:
        writer.remove_older()
    store.cairnfs("gc", "--store", store.store, check=False)  # the daemon may be at it by itself
    wait_until(lambda: can_write(store), "room is not given back by a collection")
    store.kill_and_mount()
    for writer in writers:
        writer.require_all()
    assert (store.mountpoint / "again").stat().st_size == MIB


def test_room_that_others_give_back_is_used_at_once(store: MountedStore) -> None:
    write_durably(store.mountpoint / "kept", b"durable")
    ballast = use_up_bytes(store.folder.parent)
    assert not can_write(store)
    assert (store.mountpoint / "kept").read_bytes() == b"durable"
    ballast.unlink()
    wait_until(lambda: can_write(store), "room that is there again is not used")
    store.kill_and_mount()
    assert (store.mountpoint / "again").stat().st_size == MIB


def test_a_store_that_is_full_from_the_start_can_be_read_and_emptied(store: MountedStore) -> None:
    files = {f"{number}": os.urandom(500_000) for number in range(20)}
    for name, data in files.items():
        write_durably(store.mountpoint / name, data)
    store.umount()
    ballast = use_up_bytes(store.folder.parent, leave=2 * MIB)  # of the reserve; deleting needs it
    store.mount()
    assert not can_write(store)
    for name, data in files.items():
        assert (store.mountpoint / name).read_bytes() == data
    for name in list(files)[:10]:
        (store.mountpoint / name).unlink()
        del files[name]
    ballast.unlink()
    wait_until(lambda: can_write(store), "room that is there again is not used")
    store.kill_and_mount()
    assert set(os.listdir(store.mountpoint)) >= set(files)
    for name, data in files.items():
        assert (store.mountpoint / name).read_bytes() == data


def test_a_host_without_inodes_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    with tmpfs(tmp_path, HOST_MIB, inodes=400) as host, store_on(host) as store:
        write_durably(store.mountpoint / "kept", b"durable")
        ballast = use_up_inodes(host)
        kept = {"kept": b"durable"}
        for number in range(12):
            name, data = f"{number}", b"%d" % number
            said = errno_of(partial(write_durably, store.mountpoint / name, data))
            assert said in ("ok", "ENOSPC")
            if said == "ok":
                kept[name] = data
        for name, data in kept.items():
            assert (store.mountpoint / name).read_bytes() == data
        shutil.rmtree(ballast)
        wait_until(lambda: can_write(store), "inodes that are there again are not used")
        assert store.ask("status")["refuses_changes"] is None
        store.kill_and_mount()
        for name, data in kept.items():
            assert (store.mountpoint / name).read_bytes() == data


def test_a_quota_that_is_used_up_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """EDQUOT, of which nothing says beforehand that it will come: the host has room."""
    with quota_host(tmp_path, HOST_MIB) as host, store_on(host.folder) as store:
        writers = fill(store)
        for writer in writers:
            assert writer.refused is not None
            assert writer.refused.errno == errno.ENOSPC, writer.refused
            writer.require_all()
        assert store.ask("status")["refuses_changes"] is None
        assert not can_write(store)
        host.allow(2 * HOST_MIB)
        wait_until(lambda: can_write(store), "room that is there again is not used")
        store.kill_and_mount()
        for writer in writers:
            writer.require_all()
        assert (store.mountpoint / "again").stat().st_size == MIB
