"""The log of a real mount: one event a line, and where every task is when somebody asks."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.mounted import MountedStore

pytestmark = pytest.mark.mount

HOSTILE = b"a\n<0>forged\r\x1b[31m\xff"


@pytest.fixture(scope="module")
def store() -> Iterator[MountedStore]:
    store = MountedStore(structured=True)
    store.environment["CAIRNFS_LOG_FORMAT"] = "json"
    with store:
        yield store


def events(store: MountedStore) -> list[dict[str, Any]]:
    """The events so far; each line has to be one."""
    return [json.loads(line) for line in store.log_text().splitlines()]


def wait_for(store: MountedStore, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """An event that is or will be in the log; the test's own limit ends it."""
    while True:
        found = [event for event in events(store) if wanted(event)]
        if found:
            return found[-1]
        time.sleep(0.05)


def dumped(store: MountedStore) -> list[dict[str, Any]]:
    return [event for event in events(store) if event["event"].startswith("task %s")]


def test_an_attribute_and_a_signal_have_every_task_told(store: MountedStore) -> None:
    assert dumped(store) == []
    os.setxattr(store.mountpoint, "fuse_stacktrace", b"1")
    once = dumped(store)
    assert any("task pyfuse" in event["message"] for event in once)
    assert any("checkpointer.py:" in event["message"] for event in once)
    store.daemon.kill(signal.SIGUSR1)
    wait_for(store, lambda event: "Checkpointer" in event["message"] and event not in once)
    assert {event["level"] for event in dumped(store)} == {"warning"}
    assert store.is_alive


def test_a_refusal_is_one_event_whatever_the_name(store: MountedStore) -> None:
    folder = os.fsencode(store.mountpoint / "output")
    with pytest.raises(OSError, match=r"Invalid argument|not permitted"):
        os.mkdir(os.path.join(folder, HOSTILE))
    told = wait_for(store, lambda event: event["message"].startswith("refused: "))
    assert told["level"] == "info"
    assert told["message"].isprintable()
    assert {"time", "level", "logger", "message"} <= told.keys()
