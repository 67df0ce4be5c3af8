"""Holes: they read as zeros, cost nothing, and stay where bytes are written around them."""

import os
import random
from pathlib import Path
from typing import Final

import pytest

from tests.support.mounted import Filesystem
from tests.support.processes import run

MIB: Final = 1 << 20
GIB: Final = 1 << 30


@pytest.mark.parametrize("gap", [1, 100, 4096, 65_536, 262_144, 1_000_000])
@pytest.mark.parametrize("before", [0, 1, 4095, 200_000])
def test_what_is_skipped_reads_as_zeros(root: Path, before: int, gap: int) -> None:
    with open(root / "file", "wb") as file:
        file.write(b"a" * before)
        file.seek(before + gap)
        file.write(b"end")
    assert (root / "file").read_bytes() == b"a" * before + bytes(gap) + b"end"


def test_islands_in_a_large_hole(root: Path) -> None:
    dice = random.Random(5)
    islands = {dice.randrange(8 * GIB): dice.randbytes(dice.randrange(1, 9000)) for _ in range(40)}
    with open(root / "file", "wb", buffering=0) as file:
        for offset, data in islands.items():
            os.pwrite(file.fileno(), data, offset)
    with open(root / "file", "rb", buffering=0) as file:
        for offset, data in islands.items():
            around = os.pread(file.fileno(), len(data) + 20, max(0, offset - 10))
            assert around[min(10, offset) :][: len(data)] == data
        assert os.pread(file.fileno(), 100, 7 * GIB + 12345) == bytes(100)
    os.truncate(root / "file", 0)


def test_a_hole_filled_bit_by_bit(root: Path) -> None:
    model = bytearray(MIB)
    os.close(os.open(root / "file", os.O_CREAT | os.O_WRONLY))
    os.truncate(root / "file", MIB)
    dice = random.Random(6)
    for _ in range(30):
        offset = dice.randrange(MIB - 5000)
        data = dice.randbytes(dice.randrange(1, 5000))
        with open(root / "file", "r+b") as file:
            file.seek(offset)
            file.write(data)
        model[offset : offset + len(data)] = data
    assert (root / "file").read_bytes() == bytes(model)


def test_zeros_written_are_zeros_read(root: Path) -> None:
    """Whether a run of zeros was written or skipped makes no difference to a reader."""
    for name, pieces in {"written": [bytes(MIB)], "mixed": [b"a", bytes(MIB), b"b"]}.items():
        (root / name).write_bytes(b"".join(pieces))
        assert (root / name).read_bytes() == b"".join(pieces)
        assert os.stat(root / name).st_size == sum(map(len, pieces))


def test_a_hole_stores_next_to_nothing(root: Path, filesystem: Filesystem) -> None:
    if filesystem.store is None:
        pytest.skip("about the store")
    before = filesystem.store.stats()["stored_bytes"]
    with open(root / "file", "wb") as file:
        file.seek(4 * GIB)
        file.write(b"end")
    assert filesystem.store.stats()["stored_bytes"] - before < 100_000


def test_seek_hole_and_seek_data(root: Path) -> None:
    """A filesystem may say that all is data; SEEK_HOLE then finds the end."""
    with open(root / "file", "w+b", buffering=0) as file:
        file.write(b"data")
        file.truncate(MIB)
        os.fsync(file.fileno())
        assert os.lseek(file.fileno(), 0, os.SEEK_DATA) == 0
        assert os.lseek(file.fileno(), 0, os.SEEK_HOLE) in (4096, MIB)
        assert os.lseek(file.fileno(), MIB - 1, os.SEEK_HOLE) in (MIB - 1, MIB)


def test_cp_carries_a_sparse_file(root: Path) -> None:
    with open(root / "file", "wb") as file:
        file.write(b"start")
        file.seek(64 * MIB)
        file.write(b"end")
    for option in ("always", "auto", "never"):
        run(["cp", f"--sparse={option}", root / "file", root / option])
        run(["cmp", root / "file", root / option])
