"""flock(2), fcntl(2) locks of processes and of open files. The kernel keeps them for one host."""

import errno
import fcntl
import os
import struct
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import run
from tests.support.syscalls import refused

F_OFD_SETLK: Final = 37
# Tries to lock bytes 10 to 19 of a file the way named, and says what came of it.
OTHER_PROCESS: Final = """
import errno, fcntl, sys
with open(sys.argv[1], "r+b") as file:
    way = fcntl.flock if sys.argv[2] == "flock" else fcntl.lockf
    kind = getattr(fcntl, sys.argv[3]) | fcntl.LOCK_NB
    try:
        way(file, kind) if way is fcntl.flock else way(file, kind, 10, 10)
        print("ok")
    except OSError as error:
        print(errno.errorcode[error.errno])
"""


def another(path: Path, way: str, kind: str) -> str:
    return run([sys.executable, "-c", OTHER_PROCESS, path, way, kind]).stdout.strip()


@pytest.fixture
def file(root: Path) -> Path:
    """A file of 100 bytes."""
    (root / "file").write_bytes(bytes(100))
    return root / "file"


@pytest.mark.parametrize(
    ("mine", "theirs", "outcome"),
    [
        ("LOCK_SH", "LOCK_SH", "ok"),
        ("LOCK_SH", "LOCK_EX", "EAGAIN"),
        ("LOCK_EX", "LOCK_SH", "EAGAIN"),
        ("LOCK_EX", "LOCK_EX", "EAGAIN"),
    ],
)
@pytest.mark.parametrize("way", ["flock", "lockf"])
def test_shared_and_exclusive(file: Path, way: str, mine: str, theirs: str, outcome: str) -> None:
    with open(file, "r+b") as holder:
        if way == "flock":
            fcntl.flock(holder, getattr(fcntl, mine))
        else:
            fcntl.lockf(holder, getattr(fcntl, mine), 10, 10)
        assert another(file, way, theirs) == outcome
    assert another(file, way, theirs) == "ok"  # closing lets go


@pytest.mark.parametrize(
    ("start", "outcome"), [(0, "ok"), (5, "EAGAIN"), (19, "EAGAIN"), (20, "ok")]
)
def test_ranges_that_do_not_meet_do_not_mind_each_other(
    file: Path, start: int, outcome: str
) -> None:
    with open(file, "r+b") as holder:
        fcntl.lockf(holder, fcntl.LOCK_EX, 10, start)
        assert another(file, "lockf", "LOCK_EX") == outcome


def test_unlocking_a_part(file: Path) -> None:
    with open(file, "r+b") as holder:
        fcntl.lockf(holder, fcntl.LOCK_EX)
        assert another(file, "lockf", "LOCK_SH") == "EAGAIN"
        fcntl.lockf(holder, fcntl.LOCK_UN, 10, 10)
        assert another(file, "lockf", "LOCK_EX") == "ok"


def test_closing_any_descriptor_lets_go_of_the_locks_of_a_process(file: Path) -> None:
    with open(file, "r+b") as holder:
        fcntl.lockf(holder, fcntl.LOCK_EX)
        os.close(os.open(file, os.O_RDONLY))
        assert another(file, "lockf", "LOCK_EX") == "ok"


def test_flock_belongs_to_the_open_file(file: Path) -> None:
    with open(file, "r+b") as one, open(file, "r+b") as two:
        fcntl.flock(one, fcntl.LOCK_EX)
        with refused(errno.EAGAIN):
            fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        copy = os.dup(one.fileno())
        one.close()
        with refused(errno.EAGAIN):
            fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(copy)
        fcntl.flock(two, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_locks_of_open_files_do_not_mind_the_process(file: Path) -> None:
    """F_OFD_SETLK: what SQLite and others move to."""
    whole_file = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    with open(file, "r+b") as one, open(file, "r+b") as two:
        fcntl.fcntl(one, F_OFD_SETLK, whole_file)
        with refused(errno.EAGAIN):
            fcntl.fcntl(two, F_OFD_SETLK, whole_file)
        os.close(os.open(file, os.O_RDONLY))
        assert another(file, "lockf", "LOCK_SH") == "EAGAIN"


def test_a_lock_needs_a_descriptor_of_its_kind(file: Path) -> None:
    with open(file, "rb") as reader, refused(errno.EBADF):
        fcntl.lockf(reader, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with open(file, "r+b") as writer:
        os.unlink(file)
        fcntl.lockf(writer, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_waiter_gets_the_lock_when_it_is_free(file: Path) -> None:
    reading, writing = os.pipe()
    with open(file, "r+b") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        child = os.fork()
        if child == 0:
            with open(file, "r+b") as waiter:
                os.write(writing, b"w")
                fcntl.flock(waiter, fcntl.LOCK_EX)
                os.write(writing, b"l")
            os._exit(0)
        assert os.read(reading, 1) == b"w"
        fcntl.flock(holder, fcntl.LOCK_UN)
        assert os.read(reading, 1) == b"l"
        os.waitpid(child, 0)
    os.close(reading)
    os.close(writing)
