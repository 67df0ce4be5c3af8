"""mmap(2): shared and private maps beside reading, writing, truncating.

Each test is a child process: a page fault that hangs would take the interpreter's lock with it.
"""

import mmap
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import PROJECT, run

PAGE: Final = mmap.PAGESIZE
SIZE: Final = 300_000
DATA: Final = random.Random(1).randbytes(SIZE)


def shared_map_reads_what_is_written(folder: Path) -> None:
    with open(folder / "file", "r+b", buffering=0) as file:
        memory = mmap.mmap(file.fileno(), 0)
        assert memory[:] == DATA
        os.pwrite(file.fileno(), b"written", 200_000)
        assert memory[200_000:200_007] == b"written"


def shared_map_writes_what_is_read(folder: Path) -> None:
    with open(folder / "file", "r+b", buffering=0) as file:
        memory = mmap.mmap(file.fileno(), 0)
        memory[100_000:100_006] = b"mapped"
        assert os.pread(file.fileno(), 6, 100_000) == b"mapped"
        memory.flush()
        memory.close()
    data = (folder / "file").read_bytes()
    assert data == DATA[:100_000] + b"mapped" + DATA[100_006:]


def map_outlives_its_descriptor(folder: Path) -> None:
    with open(folder / "file", "r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
    memory[0:4] = b"late"
    memory[SIZE - 4 : SIZE] = b"last"
    memory.close()
    assert (folder / "file").read_bytes() == b"late" + DATA[4:-4] + b"last"


def two_maps_are_one_memory(folder: Path) -> None:
    with open(folder / "file", "r+b") as one, open(folder / "file", "r+b") as two:
        first, second = mmap.mmap(one.fileno(), 0), mmap.mmap(two.fileno(), 0)
        for offset in range(0, SIZE - 8, PAGE):
            first[offset : offset + 4] = b"1111"
            second[offset + 4 : offset + 8] = b"2222"
        assert first[:] == second[:]
    data = (folder / "file").read_bytes()
    assert all(data[at : at + 8] == b"11112222" for at in range(0, SIZE - 8, PAGE))


def private_map_keeps_its_writes(folder: Path) -> None:
    with open(folder / "file", "rb") as file:
        memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        memory[0:7] = b"private"
        assert memory[0:7] == b"private"
    memory.close()
    assert (folder / "file").read_bytes() == DATA


def all_pages_written_through_a_map(folder: Path) -> None:
    new = random.Random(2).randbytes(SIZE)
    with open(folder / "file", "r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
        memory[:] = new
        memory.flush()
    assert (folder / "file").read_bytes() == new


def map_of_a_hole(folder: Path) -> None:
    with open(folder / "hole", "w+b") as file:
        file.truncate(10 * PAGE)
        memory = mmap.mmap(file.fileno(), 0)
        assert memory[:] == bytes(10 * PAGE)
        memory[5 * PAGE] = 7
        memory.flush()
    data = (folder / "hole").read_bytes()
    assert data == bytes(5 * PAGE) + b"\7" + bytes(5 * PAGE - 1)


def bytes_behind_the_end_of_the_last_page_are_not_kept(folder: Path) -> None:
    with open(folder / "file", "r+b") as file:
        file.truncate(100)
        memory = mmap.mmap(file.fileno(), 100)
        memory[50:60] = b"x" * 10
        memory.flush()
        file.truncate(200)
    assert (folder / "file").read_bytes() == DATA[:50] + b"x" * 10 + DATA[60:100] + bytes(100)


def another_process_sees_it(folder: Path) -> None:
    with open(folder / "file", "r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
        child = os.fork()
        if child == 0:
            memory[0:5] = b"child"
            os._exit(0)
        os.waitpid(child, 0)
        assert memory[0:5] == b"child"
    assert (folder / "file").read_bytes()[:5] == b"child"


def truncating_takes_pages_away(folder: Path) -> None:
    """Touching a page behind the new end is SIGBUS, as on any filesystem."""
    with open(folder / "file", "r+b") as file:
        memory = mmap.mmap(file.fileno(), 0)
        assert memory[SIZE - 1] == DATA[SIZE - 1]
        file.truncate(PAGE)
        assert memory[PAGE - 1] == DATA[PAGE - 1]
        sys.stdout.flush()
        memory[3 * PAGE]
    raise AssertionError("a page behind the end was there")


def a_read_only_map_of_a_write_only_file_is_refused(folder: Path) -> None:
    for flags, access in ((os.O_WRONLY, mmap.ACCESS_READ), (os.O_RDONLY, mmap.ACCESS_WRITE)):
        descriptor = os.open(folder / "file", flags)
        with pytest.raises(PermissionError):
            mmap.mmap(descriptor, 0, access=access)
        os.close(descriptor)


CASES: Final[tuple[Callable[[Path], None], ...]] = (
    shared_map_reads_what_is_written,
    shared_map_writes_what_is_read,
    map_outlives_its_descriptor,
    two_maps_are_one_memory,
    private_map_keeps_its_writes,
    all_pages_written_through_a_map,
    map_of_a_hole,
    bytes_behind_the_end_of_the_last_page_are_not_kept,
    another_process_sees_it,
    a_read_only_map_of_a_write_only_file_is_refused,
)


def in_a_child(name: str, folder: Path) -> int:
    (folder / "file").write_bytes(DATA)
    finished = run(
        [sys.executable, __file__, name, folder],
        timeout=60,
        check=False,
        env={"PYTHONPATH": str(PROJECT)},
    )
    print(finished.stderr)  # noqa: T201  # shown when the test fails
    return finished.status


@pytest.mark.parametrize("name", [case.__name__ for case in CASES])
def test_(root: Path, name: str) -> None:
    assert in_a_child(name, root) == 0


def test_truncating_takes_pages_away(root: Path) -> None:
    assert in_a_child(truncating_takes_pages_away.__name__, root) == -signal.SIGBUS


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(sys.argv[2]))
