"""Finishes user-defined indexes whose building has been cut short, on a served volume.

Owner of everything here: the event-loop thread. Checkpoints: waiting for the next look, every hop
to a worker, and the rest after each step. What is to be built is asked for behind each of them.
"""

import logging
from typing import Final

import trio

from daemon.workers import PatientWorkers
from fsmodel.errors import CairnError
from fsmodel.volume import Volume

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
REST_SECONDS: Final = 0.002  # after each step


class IndexBuilder:
    """Looks after the indexes of a served volume."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._workers = PatientWorkers(lambda: trio.sleep(REST_SECONDS))

    async def run(self) -> None:
        """Build what waits for that, for ever."""
        while True:
            await self.look()
            await trio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Build what waits now; what fails is logged, and tried again if that has a meaning."""
        if not self._volume.indexes.is_unfinished:
            return
        steps = self._volume.indexes.resume(lambda done, total, text: None)
        try:
            for failure in await self._workers.drive(steps):
                _log.warning("an index could not be built: %s", failure)
        except CairnError as error:
            _log.warning("indexes could not be finished, will be tried again: %s", error)
        finally:
            steps.close()
