"""Whether a mount can be relied upon: what `/healthz` says.

Owner: the event-loop thread. Checkpoints: waiting for the lock, and the question to the mount. Who
comes while it is being asked shares the next answer, so that many who ask cost as much as two.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from daemon.service import DaemonService

ANSWER_SECONDS: Final = 5.0


class Health:
    """Looks at what must be well. `ask_mount` says whether the mount answers in that time."""

    def __init__(
        self, service: DaemonService, ask_mount: Callable[[float], Awaitable[bool]]
    ) -> None:
        self._service = service
        self._ask_mount = ask_mount
        self._lock = trio.Lock()
        self._asked_at = float("-inf")
        self._trouble = ""

    async def problems(self) -> list[str]:
        """One line for each thing that is not well; none when all is."""
        found = []
        if self._service.is_stopping:
            found.append("the mount has ended, and the daemon stores what is left")
        elif trouble := await self._trouble_of_mount():
            found.append(trouble)
        if self._service.write_failure is not None:
            found.append(f"no change is accepted: {self._service.write_failure}")
        if self._service.checkpoint_problem is not None:
            found.append(f"checkpoints fail: {self._service.checkpoint_problem}")
        return found

    async def _trouble_of_mount(self) -> str:
        """Why the mount is not well; empty when it is."""
        came_at = trio.current_time()
        async with self._lock:
            if self._asked_at < came_at:
                self._asked_at = trio.current_time()
                self._trouble = await self._asked()
            return self._trouble

    async def _asked(self) -> str:
        try:
            answers = await self._ask_mount(ANSWER_SECONDS)
        except OSError as error:
            return f"the mount cannot be reached: {error.strerror}"
        return "" if answers else f"the mount does not answer within {ANSWER_SECONDS:g} s"
