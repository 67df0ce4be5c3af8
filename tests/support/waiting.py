"""Waiting in tests for what another process does in its own time."""

import time
from collections.abc import Callable
from typing import Final

PATIENCE_SECONDS: Final = 60.0


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return once something is so; fail, saying `what` is wrong, if it never comes to be."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
