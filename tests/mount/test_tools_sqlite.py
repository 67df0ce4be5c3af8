"""SQLite with every journal mode, several connections, and its own integrity check."""

import hashlib
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.processes import PROJECT, run

MODES = ["delete", "truncate", "persist", "wal"]
ROWS_EACH = 50
WRITERS = 3
# Inserts rows one transaction at a time, waiting for the lock as long as it takes.
WRITER = """
import sqlite3, sys
path, who, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
database = sqlite3.connect(path, timeout=90, isolation_level=None)
for number in range(rows):
    database.execute("BEGIN IMMEDIATE")
    database.execute(
        "INSERT INTO entries VALUES (?, ?, randomblob(?))", (who, number, 100 + number * 111)
    )
    database.execute("UPDATE totals SET rows = rows + 1")
    database.execute("COMMIT")
"""


def connect(path: Path, mode: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=60)
    assert database.execute(f"PRAGMA journal_mode={mode}").fetchone() == (mode,)
    return database


def make_database(path: Path, mode: str) -> None:
    with closing(connect(path, mode)) as database:
        database.executescript(
            "CREATE TABLE entries (who, number, data, PRIMARY KEY (who, number));"
            "CREATE TABLE totals (rows); INSERT INTO totals VALUES (0);"
        )


def require_sound(path: Path, rows: int) -> str:
    """All rows are there, and SQLite finds nothing wrong; a digest of everything in it."""
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT count(*) FROM entries").fetchone() == (rows,)
        assert database.execute("SELECT rows FROM totals").fetchone() == (rows,)
        text = "\n".join(database.iterdump())
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("mode", MODES)
def test_writers_take_turns(root: Path, mode: str, renew: Callable[[], None]) -> None:
    path = root / "database"
    make_database(path, mode)
    script = root / "writer.py"
    script.write_text(WRITER)
    run(
        ["sh", "-c", 'for who in "$@"; do "$PYTHON" writer.py database $who "$ROWS" & done; wait',
         "sh", *map(str, range(WRITERS))],
        cwd=root,
        env={"PYTHON": sys.executable, "ROWS": str(ROWS_EACH), "PYTHONPATH": str(PROJECT)},
    )  # fmt: skip
    before = require_sound(path, WRITERS * ROWS_EACH)
    renew()
    assert require_sound(path, WRITERS * ROWS_EACH) == before


@pytest.mark.parametrize("mode", MODES)
def test_readers_see_whole_transactions(root: Path, mode: str) -> None:
    make_database(root / "database", mode)
    writer = connect(root / "database", mode)
    reader = sqlite3.connect(root / "database", timeout=60)
    with closing(writer), closing(reader):
        for number in range(50):
            with writer:
                writer.execute("INSERT INTO entries VALUES (0, ?, zeroblob(5000))", (number,))
                writer.execute("UPDATE totals SET rows = rows + 1")
            seen = reader.execute("SELECT rows, (SELECT count(*) FROM entries) FROM totals")
            assert seen.fetchone() == (number + 1, number + 1)
            reader.rollback()


@pytest.mark.parametrize("mode", MODES)
def test_a_rollback_undoes_everything(root: Path, mode: str) -> None:
    make_database(root / "database", mode)
    with closing(connect(root / "database", mode)) as database:
        database.execute("PRAGMA cache_size=10")  # so that pages go to the file before the end
        database.executemany(
            "INSERT INTO entries VALUES (1, ?, randomblob(4000))", ((n,) for n in range(500))
        )
        database.rollback()
    require_sound(root / "database", 0)


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_through_a_memory_map_and_vacuumed(
    root: Path, mode: str, renew: Callable[[], None]
) -> None:
    make_database(root / "database", mode)
    with closing(connect(root / "database", mode)) as database:
        database.execute("PRAGMA mmap_size=268435456")
        with database:
            database.executemany(
                "INSERT INTO entries VALUES (1, ?, randomblob(3000))", ((n,) for n in range(1000))
            )
            database.execute("UPDATE totals SET rows = 1000")
        with database:
            database.execute("DELETE FROM entries WHERE number % 2")
            database.execute("UPDATE totals SET rows = 500")
        database.execute("VACUUM")
    renew()
    require_sound(root / "database", 500)


def test_a_writer_that_dies_is_rolled_back_by_the_next(root: Path) -> None:
    make_database(root / "database", "delete")
    dying = (
        "import os, sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1])\n"
        "database.execute('PRAGMA cache_size=5')\n"
        "for n in range(300):\n"
        "    database.execute('INSERT INTO entries VALUES (9, ?, randomblob(4000))', (n,))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert run([sys.executable, "-c", dying, root / "database"], check=False).status == -9
    assert (root / "database-journal").stat().st_size > 0
    require_sound(root / "database", 0)
    assert not (root / "database-journal").exists()
