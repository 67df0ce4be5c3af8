"""`cairnfs umount` step by step, with the kernel and the daemon played by the test."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon import unmounting
from daemon.daemon_record import DaemonRecord, start_ticks, write_record
from daemon.holders import Holder
from daemon.mount_table import FSTYPE, Mount
from daemon.problems import MountProblem
from daemon.unmounting import unmount

DAEMON = "import sys; print(1, flush=True); sys.stdin.readline()"


class Scene:
    """A store with a process that stands for its daemon, and what unmounting answers."""

    def __init__(self, folder: Path, daemon: subprocess.Popen[bytes]) -> None:
        self.store = folder
        self.daemon = daemon
        self.table = [Mount("0:50", "/m", (), FSTYPE, str(folder))]
        self.calls: list[bool] = []
        self.answer = subprocess.CompletedProcess[bytes]([], 0, stderr=b"")
        self.daemon_ends = True

    def run_unmount(
        self, path: str, *, lazy: bool, timeout_seconds: float
    ) -> subprocess.CompletedProcess[bytes]:
        assert path == "/m"
        self.calls.append(lazy)
        if self.answer.returncode == 0 and self.daemon_ends:
            self.daemon.communicate(b"\n")
        return self.answer


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    (tmp_path / "format.json").touch()
    command = [sys.executable, "-c", DAEMON]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        daemon.stdout.readline()
        ticks = start_ticks(daemon.pid)
        assert ticks is not None
        write_record(tmp_path, DaemonRecord(daemon.pid, ticks, "/m", "1", ""))
        scene = Scene(tmp_path, daemon)
        monkeypatch.setattr(unmounting, "read_mount_table", lambda: scene.table)
        monkeypatch.setattr(unmounting, "run_unmount", scene.run_unmount)
        monkeypatch.setattr(unmounting, "clear_dead_mount", lambda table, path: False)
        monkeypatch.setattr(unmounting, "holders_of", lambda path: [Holder(7, "vim")])
        monkeypatch.setattr(unmounting, "holders_elsewhere", lambda device: [])
        yield scene
        daemon.kill()


def refusal(*, lazy: bool = False, timeout_seconds: float = 30) -> str:
    with pytest.raises(MountProblem) as refused:
        unmount("/m", lazy=lazy, timeout_seconds=timeout_seconds)
    return str(refused.value)


def test_it_returns_when_the_daemon_has_ended(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        unmount("/m", lazy=False, timeout_seconds=30)
    assert scene.daemon.poll() == 0
    assert caplog.messages == []


def test_lazily_it_does_not_wait(scene: Scene) -> None:
    scene.daemon_ends = False
    unmount("/m", lazy=True, timeout_seconds=30)
    assert scene.calls == [True]
    assert scene.daemon.poll() is None


def test_nothing_mounted(scene: Scene) -> None:
    scene.table = []
    assert "is no mount point" in refusal()


def test_a_mount_of_another_kind(scene: Scene) -> None:
    scene.table = [Mount("0:1", "/m", (), "ext4", "/dev/x")]
    assert "of type ext4, not of cairnfs" in refusal()


def test_who_is_in_the_way(scene: Scene) -> None:
    scene.answer = subprocess.CompletedProcess([], 32, stderr=b"umount: /m: target is busy.\n")
    text = refusal()
    assert "in use by vim (pid 7)" in text
    assert "--lazy /m" in text


def test_another_reason_is_passed_on(scene: Scene) -> None:
    scene.answer = subprocess.CompletedProcess([], 32, stderr=b"umount: must be superuser\n")
    assert "umount: must be superuser" in refusal()


def test_an_unmount_that_hangs(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(path: str, *, lazy: bool, timeout_seconds: float) -> None:
        raise subprocess.TimeoutExpired("umount", timeout_seconds)

    monkeypatch.setattr(unmounting, "run_unmount", hang)
    assert "was not unmounted within" in refusal()


def test_another_namespace_is_named_instead_of_waited_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.daemon_ends = False
    monkeypatch.setattr(unmounting, "NAMESPACE_CHECK_SECONDS", 0)
    monkeypatch.setattr(unmounting, "holders_elsewhere", lambda device: [Holder(9, "bash")])
    text = refusal()
    assert "still mounted for bash (pid 9)" in text
    assert f"pid {scene.daemon.pid}" in text


def test_a_daemon_that_stays(scene: Scene) -> None:
    scene.daemon_ends = False
    assert f"its daemon (pid {scene.daemon.pid}) has not ended" in refusal(timeout_seconds=0.01)


def test_what_a_killed_daemon_left_is_cleared(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unmounting, "clear_dead_mount", lambda table, path: True)
    unmount("/m", lazy=False, timeout_seconds=30)
    assert scene.calls == []


def test_a_daemon_that_ended_meanwhile_is_not_waited_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(pid: int) -> int:
        raise ProcessLookupError(3, "No such process")

    monkeypatch.setattr(os, "pidfd_open", ended)
    scene.daemon_ends = False
    unmount("/m", lazy=False, timeout_seconds=30)
