"""A client that hangs, or means no good, costs others time, and nothing else."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from daemon.control_protocol import encode_request
from daemon.control_socket import connect
from tests.support.mounted import MountedStore
from tests.support.processes import PROJECT
from tests.support.syscalls import refused

MIB: Final = 1 << 20
SILENT: Final = 64  # all the places that the control socket has
ROUNDS: Final = 8  # of what somebody does who wants to get on with his work
HOG_MIB_PER_ROUND_MAX: Final = 256
BYTES_PER_OPEN_FILE_MAX: Final = 32 << 10
LONG: Final = (pytest.mark.crash, pytest.mark.timeout(3600))


class Hostile:
    """A client of hostile.py at work."""

    def __init__(self, kind: str, folder: Path, argument: object = "") -> None:
        folder.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.load.hostile", kind, folder, str(argument)],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.told = 0
        self._listener = threading.Thread(target=self._listen)
        self._is_ready = threading.Event()
        self._listener.start()
        assert self._is_ready.wait(3000), "it never got ready"
        self.require_running()

    def require_running(self) -> None:
        """It has met no error, unless that was what it is about."""
        assert self.process.poll() is None

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait(60)
        self._listener.join(60)
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told = json.loads(line)["ready"]
            self._is_ready.set()
        self._is_ready.set()


@contextmanager
def hostile(kind: str, folder: Path, argument: object = "") -> Iterator[Hostile]:
    client = Hostile(kind, folder, argument)
    try:
        yield client
        client.require_running()
    finally:
        client.close()


def do_my_work(store: MountedStore, rounds: int = ROUNDS) -> None:
    """What somebody else does meanwhile: each of the things a mount is for."""
    folder = store.mountpoint / "mine"
    folder.mkdir(exist_ok=True)
    for number in range(rounds):
        data = os.urandom(20_000)
        path = folder / "file"
        with path.open("wb", buffering=0) as file:
            file.write(data)
            os.fsync(file.fileno())
        assert path.read_bytes() == data
        path.rename(folder / f"renamed{number}")
        assert set(os.listdir(folder)) == {f"renamed{number}"}
        os.setxattr(folder / f"renamed{number}", "user.mark", b"value")
        (folder / f"renamed{number}").unlink()
    assert store.ask("status")["pid"] == store.daemon.pid


def test_a_client_that_was_stopped_amid_reads_and_writes(store: MountedStore) -> None:
    folder = store.mountpoint / "halted"
    with hostile("halt", folder, store.store) as client:
        client.process.send_signal(signal.SIGSTOP)
        do_my_work(store)
        (folder / "busy").rename(folder / "renamed")
        (folder / "renamed").write_bytes(b"others may write it")
        store.cairnfs("snapshot", "create", "meanwhile", "--store", store.store)
        store.cairnfs("gc", "--store", store.store)
        client.process.send_signal(signal.SIGCONT)
        do_my_work(store)


def test_clients_of_the_control_socket_that_say_nothing_or_take_no_answer(
    store: MountedStore,
) -> None:
    with ExitStack() as stack:
        for number in range(SILENT):
            connection = stack.enter_context(connect(store.store, 10))
            if number % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
                connection.sendall(encode_request("stats", {}) * 400)
        store.cairnfs("status", store.mountpoint)
        do_my_work(store)


def test_who_writes_as_fast_as_he_can_leaves_others_their_turn(store: MountedStore) -> None:
    store.umount()
    store.environment["CAIRNFS_DIRTY_BYTES_MAX"] = str(8 * MIB)
    store.mount()
    with hostile("hog", store.mountpoint / "hog") as client:
        before = client.told
        for _ in range(ROUNDS):
            do_my_work(store, rounds=1)
            assert store.ask("status")["dirty_bytes"] <= 8 * MIB + 16 * MIB  # requests under way
        assert client.told - before <= ROUNDS * HOG_MIB_PER_ROUND_MAX


@pytest.mark.parametrize("files", [1000, pytest.param(10_000, marks=LONG)])
def test_who_has_many_files_open_costs_no_descriptors_and_little_memory(
    store: MountedStore, files: int
) -> None:
    do_my_work(store)
    memory, descriptors = store.daemon.resident_bytes("RssAnon"), descriptors_of(store)
    with hostile("opener", store.mountpoint / "open", files) as client:
        do_my_work(store)
        assert client.told == files
        assert store.ask("status")["open_files"] >= files
        assert descriptors_of(store) <= descriptors + 32
        allowed = files * BYTES_PER_OPEN_FILE_MAX + 64 * MIB
        assert store.daemon.resident_bytes("RssAnon") <= memory + allowed


def descriptors_of(store: MountedStore) -> int:
    return len(os.listdir(f"/proc/{store.daemon.pid}/fd"))


@pytest.mark.parametrize("names", [1000, pytest.param(100_000, marks=LONG)])
def test_who_lists_a_large_folder_for_ever(store: MountedStore, names: int) -> None:
    with hostile("lister", store.mountpoint / "large", names):
        do_my_work(store)


def test_the_largest_attributes_names_targets_and_paths(store: MountedStore) -> None:
    folder = store.mountpoint / "large"
    folder.mkdir()
    (folder / "file").touch()
    for number in range(60):
        os.setxattr(folder / "file", f"user.{number}", os.urandom(64 << 10))
    with refused(errno.E2BIG):
        os.setxattr(folder / "file", "user.more", bytes((64 << 10) + 1))
    with refused(errno.ENOSPC, errno.E2BIG):
        for number in range(1000):
            os.setxattr(folder / "file", f"user.{number:0240}", b"")
    for number in range(20):
        os.symlink("x/" * 2047, folder / f"link{number}")
    for error, name in ((errno.ENAMETOOLONG, "x" * 256), (errno.ENOENT, "absent/" * 100)):
        with refused(error):
            (folder / name).touch()
    here = os.open(folder, os.O_RDONLY)
    for _ in range(60):
        os.mkdir("d" * 255, dir_fd=here)
        below = os.open("d" * 255, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    do_my_work(store)


def test_readers_of_metrics_that_say_nothing(store: MountedStore) -> None:
    store.umount()
    address = store.folder / "metrics.sock"
    store.environment["CAIRNFS_METRICS_LISTEN"] = f"unix:{address}"
    store.mount()
    with ExitStack() as stack:
        connections = [
            stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            for _ in range(40)
        ]
        for connection in connections:
            connection.connect(str(address))
        connections[-1].settimeout(60)
        connections[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert connections[-1].recv(12) == b"HTTP/1.1 200"
        do_my_work(store)
