"""Programs that make things durable, and write down what they were told is.

    python -m tests.support.power_cut.writers KIND FOLDER RECORD

Each works in a folder of its own for ever, and adds a line to RECORD, which lies elsewhere, when
the calls that promise durability have returned. They end when the mount is gone. What each line
promises is judged in judging.py.
"""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
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

IDENTITY: Final = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{f"GIT_{who}_NAME": "A Tester" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "tester@example.org" for who in ("AUTHOR", "COMMITTER")},
}
GIT: Final = ("git", "-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync", "-c", "gc.auto=0")

Promises = Iterator[str]


def replace(folder: Path) -> Promises:
    """As editors do: beside, fsync, rename, fsync of the folder. The number of each file."""
    directory = os.open(folder, os.O_RDONLY)
    for number in range(_next_number(folder), 1 << 30):
        temporary = folder / "temporary"
        _write(temporary, 0, bytes_of_file(number))
        temporary.rename(folder / name_of_file(number))
        os.fsync(directory)
        yield str(number)


def blocks(folder: Path) -> Promises:
    """As databases do: overwrite one block and fsync. The version of what was written."""
    path = folder / "blocks"
    if not path.exists():
        path.write_bytes(b"".join(bytes_of_block(-1) for _ in range(BLOCKS)))
    data = path.read_bytes()
    heads = [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]
    first = 1 + max(int(head[:16]) for head in heads)
    for version in range(first, 1 << 30):
        _write(path, version % BLOCKS * BLOCK, bytes_of_block(version), flags=0)
        yield str(version)


def sqlite(folder: Path) -> Promises:
    """Commits of SQLite. The number of each row."""
    with closing(sqlite3.connect(folder / "database", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=wal")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE IF NOT EXISTS entries (number INTEGER, data BLOB)")
        ((number,),) = database.execute("SELECT coalesce(max(number), 0) FROM entries").fetchall()
        while True:
            number += 1
            insert = "INSERT INTO entries VALUES (?, randomblob(?))"
            database.execute(insert, (number, number * 37 % 9000))
            yield str(number)


def git(folder: Path) -> Promises:
    """Commits of git, which is told to sync all it writes. The name of each."""
    run = _Commands(folder)
    for lock in (folder / ".git").rglob("*.lock"):
        lock.unlink()
    run(*GIT, "init", "-q")
    for number in range(1 << 30):
        _write(folder / f"file{number % 7}", 0, bytes_of_file(number % 50))
        run(*GIT, "add", ".")
        run(*GIT, "commit", "-qm", f"Commit {number}", "--allow-empty")
        yield run("git", "rev-parse", "HEAD").strip()


def rsync(folder: Path) -> Promises:
    """Copies of a small tree by rsync, which is told to sync. The number of each copy."""
    run, source = _Commands(folder), Path(os.environ["SOURCE"])
    for number in range(_next_number(folder), 1 << 30):
        for name, data in files_of_copy(number):
            (source / name).write_bytes(data)
        target = folder / name_of_file(number)
        run("rsync", "-a", "--fsync", f"{source}/", f"{target}/")
        _sync(target)  # names of folders are no business of rsync's --fsync
        yield str(number)


WRITERS: Final[dict[str, Callable[[Path], Promises]]] = {
    "replace": replace,
    "blocks": blocks,
    "sqlite": sqlite,
    "git": git,
    "rsync": rsync,
}


class _Commands:
    """Runs programs in a folder. Raises OSError when one fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            words,
            cwd=self._folder,
            env={**os.environ, **IDENTITY},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise OSError(f"{words}: {done.stderr}")
        return done.stdout


def _write(path: Path, offset: int, data: bytes, flags: int = os.O_CREAT | os.O_TRUNC) -> None:
    """Write some bytes and sync them."""
    descriptor = os.open(path, os.O_WRONLY | flags, 0o644)
    try:
        assert os.pwrite(descriptor, data, offset) == len(data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _next_number(folder: Path) -> int:
    """Behind all that an earlier run may have written."""
    numbers = [int(path.name[1:]) for path in folder.iterdir() if path.name[1:].isdigit()]
    return max(numbers, default=-1) + 1


def main(kind: str, folder: Path, record: Path) -> None:
    """Work until the mount is gone."""
    with record.open("a", buffering=1) as told:
        try:
            for promise in WRITERS[kind](folder):
                told.write(promise + "\n")
        except (OSError, sqlite3.Error):
            if not _is_gone(folder):
                raise


def _is_gone(folder: Path) -> bool:
    try:
        os.statvfs(folder)
        descriptor = os.open(folder / "probe", os.O_CREAT | os.O_WRONLY)
        os.close(descriptor)
    except OSError:
        return True
    return False


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
