"""How a mount is ended, with the kernel played by the test and a clock that jumps."""

import logging
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from daemon import stopping
from daemon.holders import Holder
from daemon.mount_table import FSTYPE, Mount
from daemon.stopping import Stopper, write_out

MOUNT = Mount("0:50", "/m", (), FSTYPE, "/s")
GRACE = 10.0


class Kernel:
    """What unmounting does, and what happened in which order."""

    def __init__(self) -> None:
        self.mount: Mount | None = MOUNT
        self.busy = False
        self.open_files = 0
        self.elsewhere: list[Holder] = []
        self.events: list[str] = []
        self.writes = 0

    def unmount(self, path: str, *, lazy: bool) -> subprocess.CompletedProcess[bytes]:
        assert path == "/m"
        self.events.append("detach" if lazy else "unmount")
        if self.busy and not lazy:
            return subprocess.CompletedProcess([], 32, stderr=b"umount: /m: target is busy.\n")
        self.mount = None
        return subprocess.CompletedProcess([], 0, stderr=b"")

    def stopper(self) -> Stopper:
        return Stopper(
            "/m",
            MOUNT.device,
            GRACE,
            end=lambda: self.events.append("end"),
            is_used=lambda: self.open_files > 0,
            activity=lambda: self.writes,
        )


async def inline(function: Callable[..., Any], *arguments: Any, **_: Any) -> Any:
    """A thread that takes no time, so that the jumping clock does not run away from it."""
    await trio.lowlevel.checkpoint()
    return function(*arguments)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(stopping, "run_unmount", kernel.unmount)
    monkeypatch.setattr(
        stopping, "read_mount_table", lambda: [kernel.mount] if kernel.mount is not None else []
    )
    monkeypatch.setattr(stopping, "holders_of", lambda path: [Holder(7, "vim")])
    monkeypatch.setattr(stopping, "holders_elsewhere", lambda device: kernel.elsewhere)
    monkeypatch.setattr("os.sync", lambda: kernel.events.append("sync"))
    monkeypatch.setattr(trio.to_thread, "run_sync", inline)
    return kernel


async def test_a_mount_nobody_uses_is_unmounted_at_once(
    kernel: Kernel, autojump_clock: trio.testing.MockClock
) -> None:
    stopper = kernel.stopper()
    assert not stopper.detached
    await stopper.stop()
    assert kernel.events == ["unmount", "sync", "end"]
    assert stopper.detached
    assert trio.current_time() < GRACE


async def test_a_busy_mount_is_waited_for(
    kernel: Kernel, autojump_clock: trio.testing.MockClock
) -> None:
    kernel.busy = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(kernel.stopper().stop)
        await trio.sleep(GRACE / 2)
        kernel.busy = False
    assert "detach" not in kernel.events
    assert kernel.events[-1] == "end"


async def test_a_mount_that_stays_busy_is_detached_and_written_out(
    kernel: Kernel, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    kernel.busy = True
    kernel.open_files = 1
    start = trio.current_time()
    stopper = kernel.stopper()
    with caplog.at_level(logging.WARNING):
        await stopper.stop()
    assert kernel.events[-3:] == ["detach", "sync", "end"]
    assert trio.current_time() - start >= 2 * GRACE
    assert stopper.detached
    assert "in use by vim (pid 7)" in caplog.text


async def test_users_that_finish_are_not_waited_for_any_longer(
    kernel: Kernel, autojump_clock: trio.testing.MockClock
) -> None:
    kernel.busy = True
    start = trio.current_time()
    await kernel.stopper().stop()  # no file is open: only a working directory keeps it busy
    assert trio.current_time() - start < 2 * GRACE


async def test_asked_a_second_time_nobody_is_waited_for(
    kernel: Kernel, autojump_clock: trio.testing.MockClock
) -> None:
    kernel.busy = True
    kernel.open_files = 1
    stopper = kernel.stopper()
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stopper.stop)
        await trio.sleep(1)
        stopper.hurry()
    assert kernel.events[-3:] == ["detach", "sync", "end"]
    assert trio.current_time() - start < GRACE


async def test_a_mount_held_by_another_namespace_is_ended_after_the_grace_period(
    kernel: Kernel, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    kernel.elsewhere = [Holder(9, "bash")]
    kernel.open_files = 1
    await kernel.stopper().stop()
    assert kernel.events == ["unmount", "sync", "end"]
    assert "still mounted for bash (pid 9)" in caplog.text


async def test_what_is_mounted_there_by_now_is_left_alone(
    kernel: Kernel, autojump_clock: trio.testing.MockClock
) -> None:
    kernel.mount = Mount("0:51", "/m", (), "tmpfs", "none")
    stopper = kernel.stopper()
    assert stopper.detached
    await stopper.stop()
    assert kernel.events == ["sync", "end"]


async def test_an_unmount_that_cannot_even_start_ends_in_serving_ended(
    kernel: Kernel, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: str, *, lazy: bool) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(stopping, "run_unmount", broken)
    stopper = kernel.stopper()
    await stopper.stop()
    assert kernel.events == ["sync", "end"]
    assert not stopper.detached  # the session's own close has to detach it


async def test_serving_goes_on_until_nothing_arrives_any_more(
    kernel: Kernel, autojump_clock: trio.testing.MockClock
) -> None:
    """sync(2) may return while requests are still queued in the kernel."""

    async def late_writes() -> None:
        for _ in range(5):
            await trio.sleep(stopping.QUIET_SECONDS * 0.9)
            kernel.writes += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(late_writes)
        await write_out(lambda: kernel.writes)
        assert kernel.writes == 5


async def test_a_writer_that_never_stops_does_not_keep_the_daemon(
    kernel: Kernel, autojump_clock: trio.testing.MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(write_for_ever, kernel)
        await write_out(lambda: kernel.writes)
        nursery.cancel_scope.cancel()
    assert trio.current_time() >= stopping.WRITE_OUT_SECONDS_MAX


async def write_for_ever(kernel: Kernel) -> None:
    while True:
        await trio.sleep(0.1)
        kernel.writes += 1
