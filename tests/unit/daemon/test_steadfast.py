"""What fails in the background in a way nobody has thought of ends neither itself nor others."""

import pytest
import trio
from trio.testing import MockClock

from daemon.steadfast import RETRY_SECONDS, by_itself, steadfast


async def fail_with(text: str) -> None:
    await trio.lowlevel.checkpoint()
    raise KeyError(text)


async def test_work_that_fails_begins_anew(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    begun: list[float] = []

    async def work() -> None:
        begun.append(trio.current_time())
        if len(begun) < 3:
            async with trio.open_nursery() as nursery:  # as of work that has tasks of its own
                nursery.start_soon(fail_with, "nobody thought of it")

    await steadfast(work)
    assert [later - begun[0] for later in begun] == [0, RETRY_SECONDS, 2 * RETRY_SECONDS]
    assert caplog.text.count("nobody thought of it") == 2


async def test_the_end_of_the_mount_is_no_failure(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1) as scope:
        await steadfast(trio.sleep_forever)
    assert scope.cancelled_caught


async def test_a_task_that_fails_ends_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(by_itself, fail_with, "nobody thought of it")
        await trio.lowlevel.checkpoint()
    assert "nobody thought of it" in caplog.text
