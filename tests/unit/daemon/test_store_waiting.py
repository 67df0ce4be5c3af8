"""Waiting for a store that a daemon is about to let go of, with the daemon played by the test."""

from pathlib import Path
from typing import Any

import pytest

from daemon import store_waiting
from daemon.mount_table import FSTYPE, Mount
from daemon.problems import NotServed
from daemon.store_waiting import open_when_released
from fsmodel.errors import StoreLocked


class Holder:
    """What has the store: its mount, and what it answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place: str | None = "/m"
        self.table: list[Mount] = []
        self.answer: bool | None = True  # None: nobody answers
        self.attempts = 0
        self.gives_up_after = 3
        monkeypatch.setattr(store_waiting, "read_mount_table", lambda: self.table)
        monkeypatch.setattr(store_waiting, "ControlClient", lambda store: self)
        monkeypatch.setattr(store_waiting, "RETRY_SECONDS", 0.0)

    def __enter__(self) -> "Holder":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, command: str, *, timeout_seconds: float) -> Any:
        assert command == "release"
        if self.answer is None:
            raise NotServed("nobody answers")
        return {"stopping": self.answer}

    def open(self) -> int:
        self.attempts += 1
        if self.attempts <= self.gives_up_after:
            raise StoreLocked("in use", "/s", 1, self.place)
        return self.attempts


@pytest.fixture
def holder(monkeypatch: pytest.MonkeyPatch) -> Holder:
    return Holder(monkeypatch)


@pytest.mark.parametrize("answer", [True, None])
def test_a_daemon_that_ends_is_waited_for(holder: Holder, answer: bool | None) -> None:
    holder.answer = answer
    assert open_when_released(Path("/s"), holder.open) == 4


def test_a_store_that_is_mounted_is_not_waited_for(holder: Holder) -> None:
    holder.table = [Mount("0:50", "/m", (), FSTYPE, "/s")]
    with pytest.raises(StoreLocked):
        open_when_released(Path("/s"), holder.open)
    assert holder.attempts == 1


def test_a_command_at_work_is_not_waited_for(holder: Holder) -> None:
    holder.place = None
    with pytest.raises(StoreLocked):
        open_when_released(Path("/s"), holder.open)
    assert holder.attempts == 1


@pytest.mark.parametrize(("answer", "limit"), [(False, "DETACHED"), (True, "WAIT")])
def test_patience_ends(
    holder: Holder, monkeypatch: pytest.MonkeyPatch, answer: bool, limit: str
) -> None:
    monkeypatch.setattr(store_waiting, f"{limit}_SECONDS_MAX", 0.0)
    holder.answer = answer
    with pytest.raises(StoreLocked):
        open_when_released(Path("/s"), holder.open)
    assert holder.attempts == 1
