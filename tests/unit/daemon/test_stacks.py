"""The dump of what every task does."""

import logging

import pytest
import trio
import trio.testing

from daemon.stacks import log_task_stacks


async def a_task_that_waits(task_status: trio.TaskStatus[None]) -> None:
    task_status.started()
    await trio.sleep_forever()


async def test_every_task_is_an_event_with_its_place(caplog: pytest.LogCaptureFixture) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(a_task_that_waits)
        await trio.testing.wait_all_tasks_blocked()
        with caplog.at_level(logging.WARNING):
            log_task_stacks()
        nursery.cancel_scope.cancel()
    (event,) = [message for message in caplog.messages if "a_task_that_waits" in message]
    assert f"{__file__}:" in event
    assert "sleep_forever" in event
