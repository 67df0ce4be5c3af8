"""Clients that mean no good, or have come to a halt.

    python -m tests.support.load.hostile KIND FOLDER [ARGUMENT]

Each says `ready` on standard output when it is in the state that others have to live with.
"""

import fcntl
import json
import os
import resource
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

from daemon.control_protocol import encode_request
from daemon.control_socket import connect

MIB: Final = 1 << 20
SPACE_BYTES: Final = 32 * MIB  # that a writer goes through, again and again


def halt(folder: Path, store: str) -> NoReturn:
    """Reads and writes all the time, with locks, files without names and an answer it leaves."""
    locked = [(folder / f"locked{number}").open("w+b") for number in range(2)]
    fcntl.flock(locked[0], fcntl.LOCK_EX)
    fcntl.lockf(locked[1], fcntl.LOCK_EX)
    nameless = (folder / "nameless").open("w+b")
    (folder / "nameless").unlink()
    connection = connect(Path(store), 10)
    connection.sendall(encode_request("stats", {}) * 100)
    file = (folder / "busy").open("w+b", buffering=0)
    threading.Thread(target=_read_for_ever, args=(file.fileno(),), daemon=True).start()
    threading.Thread(target=_list_for_ever, args=(folder,), daemon=True).start()
    is_ready = False
    while True:
        for number in range(64):
            os.pwrite(file.fileno(), os.urandom(64 << 10), number << 16)
            os.pwrite(nameless.fileno(), b"x" * 4096, number << 12)
        if not is_ready:
            _tell(0)
            is_ready = True


def hog(folder: Path, _: str) -> NoReturn:
    """Writes as fast as it can; tells each mebibyte."""
    data = os.urandom(MIB)
    file = (folder / "hog").open("w+b", buffering=0)
    written = 0
    while True:
        piece = b"%16d" % written + data[16:]
        os.pwrite(file.fileno(), piece, written * MIB % SPACE_BYTES)
        written += 1
        _tell(written)


def opener(folder: Path, count: str) -> None:
    """Has so many files open, with bytes in each."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    opened = []
    for number in range(int(count)):
        opened.append((folder / f"{number}").open("w+b", buffering=0))
        opened[-1].write(b"%d" % number)
    _tell(len(opened))
    for number, file in enumerate(opened):
        if number % 100 == 0:
            assert os.pread(file.fileno(), 16, 0) == b"%d" % number
    sys.stdin.read()


def lister(folder: Path, count: str) -> NoReturn:
    """Has so many names in a folder, and lists them for ever."""
    for number in range(int(count)):
        os.mknod(folder / f"{number:06}")
    while True:
        assert sum(1 for _ in os.scandir(folder)) == int(count)
        _tell(int(count))


KINDS: Final[dict[str, Callable[[Path, str], None]]] = {
    "halt": halt,
    "hog": hog,
    "opener": opener,
    "lister": lister,
}


def _read_for_ever(descriptor: int) -> NoReturn:
    while True:
        os.pread(descriptor, MIB, 0)


def _list_for_ever(folder: Path) -> NoReturn:
    while True:
        os.listdir(folder)


def _tell(number: int) -> None:
    sys.stdout.write(json.dumps({"ready": number}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    KINDS[sys.argv[1]](Path(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else "")
