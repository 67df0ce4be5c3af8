"""Databases in the folder: SQLite by its library, PostgreSQL by its own bench."""

import os
import pwd
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from bench.applications.programs import run_program
from bench.workload import LATER_SECONDS, Place, Unit, Watch, Workload

PROCESSED: Final = re.compile(r"number of transactions actually processed: (\d+)")
SERVER_USERS: Final = ("postgres", "nobody")  # the server refuses to run as root
SETTINGS: Final = """
listen_addresses = ''
unix_socket_directories = '{sockets}'
shared_buffers = 32MB
"""


def postgresql_programs() -> Path:
    """Where the newest PostgreSQL keeps its programs, which are in no PATH on Debian."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return folders[-1] if folders else Path(shutil.which("initdb") or "/nonexistent/initdb").parent


def can_run_postgresql() -> bool:
    """Whether it is installed, and this process may run it as somebody else."""
    return (postgresql_programs() / "initdb").exists() and os.geteuid() == 0


def insert_rows(path: Path, journal: str, transactions: int) -> None:
    """As many transactions of one row each. Raises sqlite3.Error."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(f"PRAGMA journal_mode={journal}")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("CREATE TABLE line (number INTEGER PRIMARY KEY, text TEXT)")
        for number in range(transactions):
            database.execute("INSERT INTO line VALUES (?, ?)", (number, f"line {number} " * 8))


def _inserts(place: Place, watch: Watch, journal: str) -> int:
    with watch.running():
        insert_rows(place.folder / f"{journal}.sqlite", journal, place.sizes.transactions)
    return place.sizes.transactions


def _inserts_rollback(place: Place, watch: Watch) -> int:
    return _inserts(place, watch, "delete")


def _inserts_wal(place: Place, watch: Watch) -> int:
    return _inserts(place, watch, "wal")


def _pgbench(place: Place, watch: Watch) -> int:
    folder = place.folder / "cluster"
    folder.mkdir()
    with _server(folder) as server:
        server.run("pgbench", "-i", "-q", "-s", "5")
        with watch.running():
            seconds = str(place.sizes.database_seconds)
            told = server.run("pgbench", "-n", "-c", "2", "-j", "2", "-T", seconds)
    processed = PROCESSED.search(told)
    if processed is None:
        raise ValueError("pgbench does not tell how many transactions there were")
    return int(processed[1])


class _Server:
    """A database cluster in a folder; its socket lies on the host, where paths are short."""

    def __init__(self, folder: Path, sockets: Path) -> None:
        known = {user.pw_name: user.pw_uid for user in pwd.getpwall()}
        self._user = next(known[name] for name in SERVER_USERS if name in known)
        self._sockets = sockets
        self._data = folder / "data"
        for path in (folder, sockets):
            os.chown(path, self._user, self._user)
        self.run("initdb", "-D", self._data, "-A", "trust", "-U", "bench", "--no-locale")
        with (self._data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS.format(sockets=sockets))

    def run(self, program: str, *words: str | Path) -> str:
        """One of PostgreSQL's programs; its stdout. Raises ValueError."""
        variables = {"PGHOST": str(self._sockets), "PGUSER": "bench", "PGDATABASE": "postgres"}
        command = (postgresql_programs() / program, *words)
        return run_program(*command, folder=self._sockets, variables=variables, user=self._user)

    def control(self, *words: str) -> None:
        """Start or stop it, and wait. Raises ValueError."""
        log = self._sockets / "log"
        self.run("pg_ctl", "-D", self._data, "-w", "-s", "-l", log, *words)


@contextmanager
def _server(folder: Path) -> Iterator[_Server]:
    with tempfile.TemporaryDirectory(prefix="cairnfs-pg.") as sockets:
        server = _Server(folder, Path(sockets))
        server.control("start")
        try:
            yield server
        finally:
            server.control("-m", "fast", "stop")


SQLITE: Final = (
    Workload(
        "sqlite_rollback",
        "SQLite, inserts, each committed",
        Unit.OPERATIONS,
        _inserts_rollback,
        needs_contents=True,
        put_off_seconds=LATER_SECONDS,
    ),
    Workload(
        "sqlite_wal",
        "SQLite in WAL mode, inserts, each committed",
        Unit.OPERATIONS,
        _inserts_wal,
        needs_contents=True,
        put_off_seconds=LATER_SECONDS,
    ),
)

POSTGRESQL: Final = (
    Workload(
        "pgbench",
        "pgbench, transactions",
        Unit.OPERATIONS,
        _pgbench,
        needs_contents=True,
        put_off_seconds=LATER_SECONDS,
    ),
)
