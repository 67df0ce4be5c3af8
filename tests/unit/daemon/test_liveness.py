"""Whether a mount answers, and the watchdog that is fed only then."""

import errno
import logging
import os
import socket
from pathlib import Path

import pytest
import trio
import trio.testing

from daemon import liveness
from daemon.liveness import feed_watchdog, mount_answers
from daemon.sd_notify import ServiceManager


async def test_a_folder_answers(tmp_path: Path) -> None:
    assert await mount_answers(str(tmp_path))


async def test_silence_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    async def silent(*_: object, abandon_on_cancel: bool, limiter: object) -> None:
        assert abandon_on_cancel
        await trio.sleep_forever()

    monkeypatch.setattr(trio.to_thread, "run_sync", silent)
    assert not await mount_answers("/m")


async def test_a_failure_is_not_hidden(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await mount_answers(str(tmp_path / "none"))


async def test_the_watchdog_is_fed_while_the_mount_answers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers = [True, True, False]

    async def answer(mountpoint: str, timeout_seconds: float) -> bool:
        assert timeout_seconds == 5
        if not answers:
            await trio.sleep_forever()
        return answers.pop(0)

    monkeypatch.setattr(liveness, "mount_answers", answer)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        manager = ServiceManager(
            {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "10000000"}
        )
        with trio.move_on_after(100), caplog.at_level(logging.ERROR):
            await feed_watchdog(manager, "/m")
        assert [receiver.recv(20) for _ in range(2)] == [b"WATCHDOG=1"] * 2
        with pytest.raises(BlockingIOError):
            receiver.recv(20)
    assert caplog.messages == ["the mount at /m has not answered within 5 s"]


async def test_a_mount_point_that_is_gone_feeds_no_watchdog_and_ends_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.testing.MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def gone(mountpoint: str, timeout_seconds: float) -> bool:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(liveness, "mount_answers", gone)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        manager = ServiceManager(
            {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "10000000"}
        )
        with trio.move_on_after(12), caplog.at_level(logging.ERROR):
            await feed_watchdog(manager, "/m")
        with pytest.raises(BlockingIOError):
            receiver.recv(20)
    assert caplog.messages == ["the mount at /m cannot be reached: No such file or directory"] * 3


async def test_without_a_watchdog_there_is_nothing_to_feed() -> None:
    await feed_watchdog(ServiceManager({}), os.curdir)
