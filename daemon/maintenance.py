"""Garbage collection without being asked: when much has become garbage, or when nobody is writing.

Deletions are followed up every few seconds: what a deleted file alone had is known as garbage then.
The index is packed when nobody has written for some seconds.

One collection at a time, in small steps, each followed by a rest in which the kernel's requests
have the loop to themselves. It only compacts packs with much waste; `cairnfs gc` goes further.

Owner of everything here: the event-loop thread. Checkpoints: waiting for the next look, every hop
to a worker within a collection, and the rest after each of its steps. What a collection has
decided before such a checkpoint it looks at again behind it (fsmodel/upkeep).
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import trio

from daemon.workers import PatientWorkers
from fsmodel.errors import Busy, CairnError
from fsmodel.volume import Volume

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
REST_SECONDS: Final = 0.005  # after each step, which takes about as long
RETRY_SECONDS: Final = 600.0  # after a collection that failed
IDLE_BYTES_MIN: Final = 4 << 20  # less is not worth waking a disk for


@dataclass(frozen=True, slots=True)
class GcThresholds:
    """When a collection begins by itself."""

    garbage_bytes_min: int
    garbage_ratio_min: float  # of all that is stored
    idle_seconds: float  # without a change; then little garbage is reason enough

    def reached(self, garbage_bytes: int, stored_bytes: int, idle_seconds: float) -> bool:
        """Whether a collection is due."""
        if idle_seconds >= self.idle_seconds and garbage_bytes >= IDLE_BYTES_MIN:
            return True
        share = garbage_bytes / max(garbage_bytes + stored_bytes, 1)
        return garbage_bytes >= self.garbage_bytes_min and share >= self.garbage_ratio_min


class Maintenance:
    """Looks after a served volume. `activity` is different after any write or change."""

    def __init__(
        self, volume: Volume, thresholds: GcThresholds, activity: Callable[[], object]
    ) -> None:
        self._volume = volume
        self.thresholds = thresholds  # may change at any time
        self._activity = activity
        self._workers = PatientWorkers(lambda: trio.sleep(REST_SECONDS))

    async def run(self) -> None:
        """Collect garbage whenever it is due, for ever."""
        seen, changed_at = self._activity(), trio.current_time()
        while True:
            await trio.sleep(LOOK_SECONDS)
            now = self._activity()
            if now != seen:
                seen, changed_at = now, trio.current_time()
            await self._follow_up()
            idle = trio.current_time() - changed_at
            await self._tidy_index(idle)
            figures = self._volume.statistics()
            if self.thresholds.reached(figures.garbage_bytes, figures.stored_bytes, idle):
                await self.collect()
                seen = self._activity()

    async def _follow_up(self) -> None:
        try:
            await self._workers.drive(self._volume.follow_up_deletions())
        except CairnError as error:
            _log.warning("deletions could not be followed up: %s", error)

    async def _tidy_index(self, idle_seconds: float) -> None:
        upkeep = self._volume.index_upkeep
        try:
            if upkeep.is_due(idle_seconds):
                await self._workers.drive(upkeep.tidy())
        except CairnError as error:
            _log.warning("the index stays larger than it need be: %s", error)

    async def collect(self) -> None:
        """One collection; a failure is logged, and tried again much later."""
        steps = self._volume.collect_garbage(lambda done, total, text: None, thorough=False)
        try:
            report = await self._workers.drive(steps)
        except Busy as busy:
            _log.debug("no collection now: %s", busy)
        except CairnError as error:
            _log.error("garbage collection failed, will be tried again: %s", error)
            await trio.sleep(RETRY_SECONDS)
        else:
            _log.info(
                "garbage collected",
                extra={
                    "fields": {"objects": report.objects_freed, "bytes_freed": report.bytes_freed}
                },
            )
        finally:
            steps.close()
