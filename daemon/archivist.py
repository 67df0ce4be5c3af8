"""Archival without being asked: what was written is stored in groups once nobody writes any more.

Two occasions. When nothing has changed for some time, as hard as it gets; whoever writes again or
wants the store for himself meanwhile (`cairnfs gc`, `scrub`, `optimize`, `fsck`) is not kept
waiting, and the rest is done another time. And at a clean stop, quickly and for a bounded time.
Then garbage is collected, since what was stored anew is dead where it was.

How much is stored when it has been archived is kept in the index, so that a store that does not
grow is not looked through again.

Owner of everything here: the event-loop thread. Checkpoints: waiting for the next look, every hop
to a worker, and the rest after each step.
"""

import logging
from collections.abc import Callable
from typing import Final

import trio

from daemon.workers import PatientWorkers
from fsmodel.errors import Busy, CairnError
from fsmodel.steps import Steps
from fsmodel.volume import Volume

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 2.0
REST_SECONDS: Final = 0.01  # after each step
RETRY_SECONDS: Final = 600.0  # after an attempt that failed
NEW_BYTES_MIN: Final = 1 << 20  # stored since the last time; less is not worth it,
NEW_SHARE_MIN: Final = 0.01  # nor is a smaller part of the store that was stored with care
IDLE_LEVEL: Final = 19
COLLECT_SHARE: Final = 0.25  # of the time at a stop, for what an interrupted archival leaves
STOP_LEVEL: Final = 12  # a tenth larger at a twentieth of the time


class Archivist:
    """Archives a served volume.

    `activity` is different after any write or change, those of an archival itself among them;
    `changes_asked_for` counts the requests of users that may change something.
    """

    def __init__(
        self,
        volume: Volume,
        idle_seconds: float,
        activity: Callable[[], object],
        changes_asked_for: Callable[[], int],
    ) -> None:
        self._volume = volume
        self._changes_asked_for = changes_asked_for
        self.idle_seconds = idle_seconds  # may change at any time
        self._activity = activity
        self._scope: trio.CancelScope | None = None  # of the archival that is running
        self._ended = trio.Event()
        self._is_hurried = False
        self._stop_scope: trio.CancelScope | None = None  # of what is done at a stop

    async def run(self) -> None:
        """Archive whenever it is due, for ever."""
        seen, changed_at = self._activity(), trio.current_time()
        while True:
            await trio.sleep(LOOK_SECONDS)
            found = self._activity()
            if found != seen:
                seen, changed_at = found, trio.current_time()
            elif trio.current_time() - changed_at >= self.idle_seconds and self.is_due:
                if not await self._archive_in_peace():
                    await trio.sleep(RETRY_SECONDS)
                seen, changed_at = self._activity(), trio.current_time()

    async def _archive_in_peace(self) -> bool:
        """Archive as hard as it gets, until somebody changes something."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._stop_for_users)
            ended = await self.archive(IDLE_LEVEL)
            nursery.cancel_scope.cancel()
        return ended

    async def _stop_for_users(self) -> None:
        seen = self._changes_asked_for()
        while self._changes_asked_for() == seen:
            await trio.sleep(LOOK_SECONDS / 8)
        await self.make_way()

    @property
    def is_due(self) -> bool:
        """Whether enough is stored that was not, when the store was archived last."""
        stored = self._volume.statistics().stored_bytes
        grown = stored - self._volume.archived_bytes
        is_much = grown >= NEW_SHARE_MIN * stored
        return grown >= NEW_BYTES_MIN and (is_much or self._volume.has_untried)

    async def archive(self, level: int) -> bool:
        """Archive what is not, until it is done or somebody wants the store for himself.

        A failure is logged; then the answer is False. Where one is running there is nothing to do.
        """
        if self._scope is not None:
            return True
        self._ended = trio.Event()
        try:
            with trio.CancelScope() as self._scope:
                steps = self._volume.archive(_nothing, level=level)
                return await self._drive(steps)
            return True
        finally:
            self._scope = None
            self._ended.set()

    async def at_stop(self, seconds_max: float) -> None:
        """Archive quickly, within a time; nothing is lost when that is too short."""
        if seconds_max <= 0 or self._is_hurried or not self.is_due:
            return
        with trio.CancelScope() as self._stop_scope:
            await self.make_way()  # what archives as hard as it gets would not end in time
            with trio.move_on_after(seconds_max * (1 - COLLECT_SHARE)):
                await self.archive(STOP_LEVEL)
            if self.is_due:  # it was too short, and what was stored anew is there twice
                with trio.move_on_after(seconds_max * COLLECT_SHARE):
                    await self._drive(self._volume.collect_garbage(_nothing, thorough=True))

    def hurry(self) -> None:
        """Somebody waits for the end of a stop: leave the rest to the next mount."""
        self._is_hurried = True
        if self._stop_scope is not None:
            self._stop_scope.cancel()

    async def make_way(self) -> None:
        """Interrupt what is running, and return when it has ended."""
        if self._scope is not None:
            self._scope.cancel()
            await self._ended.wait()

    async def _drive(self, steps: Steps[object]) -> bool:
        try:
            await PatientWorkers(lambda: trio.sleep(REST_SECONDS)).drive(steps)
        except Busy as busy:
            _log.debug("no archival now: %s", busy)
        except CairnError as error:
            _log.error("archival failed, will be tried again: %s", error)
            return False
        finally:
            steps.close()
        return True


def _nothing(done: int, total: int, text: str) -> None:
    """Nobody is there to be told how far it is."""
