"""PostgreSQL lives in the mount: initdb, pgbench, restarts, and a daemon killed under it."""

import os
import pwd
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.as_user import needs_root
from tests.support.mounted import Filesystem
from tests.support.processes import RunningProcess, run
from tests.support.waiting import wait_until

FOLDERS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
PROGRAMS = FOLDERS[-1] if FOLDERS else Path(shutil.which("initdb") or "/nowhere/initdb").parent
SERVER_USERS = ("postgres", "nobody")  # the server refuses to run as root
BENCH_TRANSACTIONS = 50  # of each of two clients
ENDLESS = 1 << 30

pytestmark = [
    needs_root,
    pytest.mark.timeout(400),  # dozens of programs, one after the other
    pytest.mark.skipif(not (PROGRAMS / "initdb").exists(), reason="PostgreSQL is not installed"),
]


class Cluster:
    """A database cluster in a folder; its socket lies on the host, where paths are short."""

    def __init__(self, folder: Path, sockets: Path) -> None:
        names = [user.pw_name for user in pwd.getpwall()]
        self.uid = pwd.getpwnam(next(name for name in SERVER_USERS if name in names)).pw_uid
        self.data = folder / "data"
        self.sockets = sockets
        for path in (folder, sockets):
            os.chown(path, self.uid, self.uid)
        self.program("initdb", "-D", self.data, "-A", "trust", "-U", "tester", "-k", "--no-locale")
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses = ''\nunix_socket_directories = '{sockets}'\n")
            settings.write("shared_buffers = 16MB\nmax_wal_size = 64MB\n")

    def program(self, name: str, *words: str | Path, check: bool = True) -> str:
        command = [PROGRAMS / name, *words]
        environment = {"PGHOST": str(self.sockets), "PGUSER": "tester", "PGDATABASE": "postgres"}
        result = run(command, user=self.uid, env=environment, check=check, cwd=self.sockets)
        return result.stdout

    def start(self) -> None:
        log = self.sockets / "log"
        words = ("pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", log, "start")
        assert "server started" in self.program(*words, check=False), log.read_text()

    def stop(self) -> None:
        self.program("pg_ctl", "-D", self.data, "-w", "-m", "fast", "stop")

    def server(self) -> RunningProcess:
        return RunningProcess(int((self.data / "postmaster.pid").read_text().split()[0]))

    def forget_server(self) -> None:
        """Remove what a killed server left, for where nobody reaps it and its pid seems alive."""
        for path in (self.data / "postmaster.pid", *self.sockets.glob(".s.PGSQL.*")):
            path.unlink(missing_ok=True)

    def query(self, statement: str) -> str:
        return self.program("psql", "-XAtc", statement).strip()

    def bench(self, transactions: int = BENCH_TRANSACTIONS, *, check: bool = True) -> None:
        self.program("pgbench", "-n", "-c", "2", "-t", str(transactions), check=check)

    def transactions(self) -> int:
        return int(self.query("SELECT count(*) FROM pgbench_history"))

    def require_consistent(self) -> int:
        """The sums that pgbench keeps equal are equal; returns how many transactions there were."""
        sums = {
            self.query(f"SELECT coalesce(sum({column}), 0) FROM pgbench_{table}")
            for table, column in (
                ("accounts", "abalance"),
                ("tellers", "tbalance"),
                ("branches", "bbalance"),
                ("history", "delta"),
            )
        }
        assert len(sums) == 1
        return self.transactions()


@contextmanager
def cluster_in(root: Path) -> Iterator[Cluster]:
    """A running cluster with pgbench's tables; whatever of it still runs at the end is killed."""
    sockets = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    folder = root / "cluster"
    folder.mkdir()
    cluster = Cluster(folder, sockets)
    try:
        cluster.start()
        cluster.program("pgbench", "-i", "-q", "-s", "1")
        yield cluster
    finally:
        cluster.program("pg_ctl", "-D", cluster.data, "-m", "immediate", "stop", check=False)
        shutil.rmtree(sockets)


def test_initdb_pgbench_and_new_mounts_between(root: Path, filesystem: Filesystem) -> None:
    with cluster_in(root) as cluster:
        cluster.bench()
        for renew in (filesystem.remount, filesystem.kill_and_mount):
            before = cluster.require_consistent()
            assert before > 0
            cluster.stop()
            renew()
            cluster.program("pg_checksums", "--check", "-D", cluster.data)
            cluster.start()
            assert cluster.require_consistent() == before
            cluster.bench()
        cluster.query("VACUUM FULL")
        cluster.query("REINDEX DATABASE postgres")
        cluster.require_consistent()
        cluster.stop()


def test_what_was_committed_survives_a_daemon_killed_under_the_server(
    root: Path, filesystem: Filesystem
) -> None:
    if filesystem.store is None:
        pytest.skip("about a killed daemon")
    with cluster_in(root) as cluster:
        cluster.query("CREATE TABLE kept (number int)")
        cluster.bench()
        cluster.query("INSERT INTO kept SELECT generate_series(1, 1000)")
        before = cluster.require_consistent()
        server = cluster.server()
        clients = threading.Thread(target=cluster.bench, args=(ENDLESS,), kwargs={"check": False})
        clients.start()
        wait_until(lambda: cluster.transactions() > before + 20, "the clients do nothing")
        filesystem.store.kill()
        server.kill()
        clients.join(60)
        assert server.ended(30)
        server.close()
        filesystem.store.mount()
        cluster.forget_server()
        cluster.start()
        assert cluster.query("SELECT count(*), sum(number) FROM kept") == "1000|500500"
        assert cluster.require_consistent() > before
        cluster.stop()
        cluster.program("pg_checksums", "--check", "-D", cluster.data)
