"""What must be there after a loss of power, given what the writers were promised before it.

Each judge raises AssertionError. More than was promised may be there, as long as it is whole.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.support.power_cut.contents import (
    BLOCK,
    BLOCKS,
    bytes_of_block,
    bytes_of_file,
    files_of_copy,
    name_of_file,
)
from tests.support.processes import run


def judge_replace(folder: Path, promised: list[str]) -> None:
    """Every promised file is there, and every file under its final name is whole."""
    names = {path.name for path in folder.iterdir()} - {"temporary", "probe"}
    missing = {name_of_file(int(number)) for number in promised} - names
    assert not missing, f"files are missing: {sorted(missing)}"
    for name in names:
        assert (folder / name).read_bytes() == bytes_of_file(int(name[1:])), f"{name}: other bytes"


def judge_blocks(folder: Path, promised: list[str]) -> None:
    """Each block is whole, and not older than was promised."""
    if not promised:
        return
    last = int(promised[-1])
    data = (folder / "blocks").read_bytes()
    assert len(data) == BLOCK * BLOCKS
    for number in range(BLOCKS):
        block = data[number * BLOCK :][:BLOCK]
        version = int(block[:16])
        assert block == bytes_of_block(version), f"block {number} is torn"
        oldest = last - (last - number) % BLOCKS
        assert version == -1 or version % BLOCKS == number, f"block {number} is another one"
        assert version >= max(oldest, -1), f"block {number}: version {version}, not {oldest}"


def judge_sqlite(folder: Path, promised: list[str]) -> None:
    """The database is sound, and has every row up to the last that was promised."""
    if not promised:
        return
    with closing(sqlite3.connect(folder / "database")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        numbers = [n for (n,) in database.execute("SELECT number FROM entries ORDER BY 1")]
    assert numbers == list(range(1, len(numbers) + 1)), "rows are missing"
    assert len(numbers) >= int(promised[-1]), f"{len(numbers)} rows, {promised[-1]} were promised"


def judge_git(folder: Path, promised: list[str]) -> None:
    """The repository is sound, and every promised commit is in its history."""
    if not promised:
        return
    run(["git", "fsck", "--strict", "--no-dangling"], cwd=folder)
    history = run(["git", "log", "--format=%H"], cwd=folder).stdout.split()
    assert set(promised) <= set(history), "commits are missing"


def judge_rsync(folder: Path, promised: list[str]) -> None:
    """Every promised copy is there with all its bytes."""
    for number in map(int, promised):
        copy = folder / name_of_file(number)
        assert copy.is_dir(), f"copy {number} is missing"
        expected = dict(files_of_copy(number))
        assert {path.name for path in copy.iterdir()} == set(expected), f"copy {number}: names"
        for name, data in expected.items():
            assert (copy / name).read_bytes() == data, f"copy {number}: other bytes in {name}"


JUDGES: Final[dict[str, Callable[[Path, list[str]], None]]] = {
    "replace": judge_replace,
    "blocks": judge_blocks,
    "sqlite": judge_sqlite,
    "git": judge_git,
    "rsync": judge_rsync,
}
