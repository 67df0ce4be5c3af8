"""The same with programs people use: SQLite's commits, an interrupted rsync, git."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from tests.support.long_runs import Count
from tests.support.mounted import MountedStore
from tests.support.processes import run
from tests.support.trees import make_real_tree, survey

FEW: Final = 2
MANY: Final = pytest.param(80, marks=[pytest.mark.crash, pytest.mark.timeout(3600)])
# Commits numbers one by one and tells each on standard output when SQLite has said that it is safe.
COMMITTER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
(mode,) = database.execute(f"PRAGMA journal_mode={sys.argv[2]}").fetchone()
assert mode == sys.argv[2]
database.execute("PRAGMA synchronous=FULL")
(number,) = database.execute("SELECT coalesce(max(number), 0) FROM entries").fetchone()
while True:
    number += 1
    database.execute("INSERT INTO entries VALUES (?, randomblob(?))", (number, number % 9000))
    print(number, flush=True)
"""

# Commits again and again, and prints each commit's name when git has reported it.
COMMITS = """
number=0
while date +%N > file$((number % 7)) && git add . && git commit -qm "Commit $number"; do
    git rev-parse --verify -q HEAD
    number=$((number + 1))
done
"""
IDENTITY = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{f"GIT_{who}_NAME": "A Tester" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "tester@example.org" for who in ("AUTHOR", "COMMITTER")},
}


@pytest.mark.parametrize("kills", [FEW, MANY])
@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_what_sqlite_committed_is_there(
    store: MountedStore, tmp_path: Path, mode: str, kills: int, seed_base: int, count: Count
) -> None:
    dice = random.Random(seed_base + kills)
    path = store.mountpoint / "database"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, data BLOB)")
    for _ in range(kills):
        with (tmp_path / "committed").open("wb") as told:
            writer = subprocess.Popen(
                [sys.executable, "-c", COMMITTER, path, mode],
                stdout=told,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(0.3 + dice.random())
            store.kill()
            writer.wait(60)
        store.mount()
        committed = max(map(int, (tmp_path / "committed").read_text().split()), default=0)
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            numbers = [n for (n,) in database.execute("SELECT number FROM entries ORDER BY 1")]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) - committed in (0, 1) or committed == 0
        store.require_clean()
    count("kills", f"SQLite, {mode}", kills)


@pytest.mark.parametrize("kills", [FEW, MANY])
def test_an_rsync_that_was_interrupted_is_completed_by_the_next(
    store: MountedStore, tmp_path: Path, kills: int, seed_base: int, count: Count
) -> None:
    dice = random.Random(seed_base + kills)
    make_real_tree(tmp_path / "source", 400)
    expected = survey(tmp_path / "source")
    command = ["rsync", "-aHAX", "--modify-window=-1", "--delete", f"{tmp_path}/source/"]
    for number in range(kills):
        copy = store.mountpoint / f"copy{number % 3}"
        client = subprocess.Popen(
            [*command, copy], stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(dice.random())
        store.kill()
        os.killpg(client.pid, signal.SIGKILL)  # its processes may wait for each other for ever now
        client.wait(60)
        store.mount()
        store.require_clean()
        run([*command, copy])
        assert survey(copy) == expected
    count("kills", "rsync", kills)


@pytest.mark.parametrize("kills", [FEW, MANY])
def test_a_git_repository_stays_sound(
    store: MountedStore, tmp_path: Path, kills: int, seed_base: int, count: Count
) -> None:
    """Every commit that git reported is in the history."""
    dice = random.Random(seed_base + kills)
    repository = store.mountpoint / "repository"
    run(["git", "init", "-q", repository])
    told: set[str] = set()
    for _ in range(kills):
        with (tmp_path / "told").open("wb") as output:
            client = subprocess.Popen(
                ["sh", "-c", COMMITS], cwd=repository, stdout=output, stderr=subprocess.DEVNULL,
                env={**os.environ, **IDENTITY},
            )  # fmt: skip
            time.sleep(0.3 + dice.random())
            store.kill()
            client.wait(60)
        told |= set((tmp_path / "told").read_text().split())
        store.mount()
        for lock in (repository / ".git").rglob("*.lock"):
            lock.unlink()
        run(["git", "fsck", "--strict", "--no-dangling"], cwd=repository)
        history = run(["git", "log", "--format=%H"], cwd=repository, check=bool(told)).stdout
        assert told <= set(history.split())
        run(["git", "reset", "-q", "--hard"], cwd=repository, check=bool(told))
    count("kills", "git", kills)
