"""STORE/daemon.json: believed only while its process runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.daemon_record import (
    RECORD_FILE,
    DaemonRecord,
    remove_record,
    running_daemon,
    start_ticks,
    write_record,
)


def record_of(pid: int, ticks: int | None) -> DaemonRecord:
    return DaemonRecord(pid, ticks or 0, "/m", "1", "2026-01-01T00:00:00+00:00")


def test_a_running_daemon_is_found(tmp_path: Path) -> None:
    record = record_of(os.getpid(), start_ticks(os.getpid()))
    write_record(tmp_path, record)
    assert running_daemon(tmp_path) == record
    assert (tmp_path / RECORD_FILE).stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == [RECORD_FILE]


def test_a_reused_pid_is_told_apart(tmp_path: Path) -> None:
    ticks = start_ticks(os.getpid())
    assert ticks is not None
    write_record(tmp_path, record_of(os.getpid(), ticks - 1))
    assert running_daemon(tmp_path) is None


def test_a_process_that_ended_but_was_not_waited_for_does_not_run(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    write_record(tmp_path, record_of(child.pid, start_ticks(child.pid)))
    assert running_daemon(tmp_path) is not None
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert running_daemon(tmp_path) is None
    child.communicate()
    assert start_ticks(child.pid) is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid":"x"}', b"\xff", b"[" * 70_000])
def test_a_file_that_says_nothing_names_no_daemon(tmp_path: Path, content: bytes) -> None:
    (tmp_path / RECORD_FILE).write_bytes(content)
    assert running_daemon(tmp_path) is None


def test_removing_twice_is_no_failure(tmp_path: Path) -> None:
    write_record(tmp_path, record_of(1, 1))
    remove_record(tmp_path)
    remove_record(tmp_path)
    assert running_daemon(tmp_path) is None


def test_the_name_of_a_process_cannot_mislead(tmp_path: Path) -> None:
    program = tmp_path / "a) Z 1 2 3"
    program.symlink_to(Path(sys.executable).resolve())
    child = subprocess.Popen([program, "-c", "print(1, flush=True); input()"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    assert child.stdout is not None
    child.stdout.readline()
    own = start_ticks(os.getpid())
    ticks = start_ticks(child.pid)
    child.communicate(b"\n")
    assert own is not None
    assert ticks is not None
    assert ticks >= own
