"""When the packs learn what names and attributes are, so that the index could be made again.

Now and then while these change, and soon after they have stopped changing.

Owner of everything here: the event-loop thread. Checkpoints: waiting for the next look, every hop
to a worker, and the rest after each step of writing a root. A directory that changes behind such a
checkpoint stays marked, and is part of the next root (fsmodel/history/roots.py).
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from daemon.workers import PatientWorkers
from fsmodel.errors import CairnError, ChunkNotFound
from fsmodel.volume import Volume

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 5.0  # without a change; then a root is written without further waiting
REST_SECONDS: Final = 0.005  # after each step, which takes about as long
PAUSE_SHARE: Final = 10  # the pause after a root is at least so many times what it took


class RootKeeper:
    """Writes roots of a served volume. `activity` is different after any write or change."""

    def __init__(
        self,
        volume: Volume,
        interval_seconds: float,
        activity: Callable[[], object],
        settle_closed: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint,
    ) -> None:
        """`settle_closed` is awaited before each root, which is to name what files hold."""
        self._volume = volume
        self._settle_closed = settle_closed
        self.interval_seconds = interval_seconds  # may change at any time
        self._activity = activity
        self._workers = PatientWorkers(lambda: trio.sleep(REST_SECONDS))
        self._not_before = 0.0  # of trio's clock: what was written last is left alone until then

    async def run(self) -> None:
        """Write a root whenever one is due, for ever."""
        seen, changed_at = self._activity(), trio.current_time()
        written_at = changed_at
        while True:
            await trio.sleep(LOOK_SECONDS)
            now, found = trio.current_time(), self._activity()
            if found != seen:
                seen, changed_at = found, now
            waited = now - changed_at >= IDLE_SECONDS or now - written_at >= self.interval_seconds
            if waited and now >= self._not_before and self._volume.root_is_due:
                await self.write()
                seen, written_at = self._activity(), trio.current_time()

    async def write(self) -> None:
        """Write one root, now; a failure is logged, and tried again after the interval."""
        await self._settle_closed()
        began = trio.current_time()
        steps = self._volume.write_root()
        try:
            await self._workers.drive(steps)
        except ChunkNotFound as error:
            self._not_before = began + self.interval_seconds
            _log.debug("what a root was to show has changed too much meanwhile: %s", error)
        except CairnError as error:
            self._not_before = began + self.interval_seconds
            _log.error("the packs lack the last changes of names, will be tried again: %s", error)
        else:
            now = trio.current_time()
            self._not_before = now + PAUSE_SHARE * (now - began)
        finally:
            steps.close()  # also when cancelled: what it holds of the index must be given back
