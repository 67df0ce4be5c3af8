"""What versions need beside requests: those too old go, and the oldest when the host runs full.

Owner of everything here: the event-loop thread. Checkpoints: waiting for the next look, the lock
of those who wait for room, every hop to a worker, and the rest after each step.
"""

import logging
from typing import Final

import trio

from daemon.workers import PatientWorkers
from fsmodel.errors import CairnError
from fsmodel.volume import Volume

_log = logging.getLogger(__name__)

SWEEP_SECONDS: Final = 3600.0
REST_SECONDS: Final = 0.002  # after each step


class VersionUpkeep:
    """Looks after the versions of a served volume."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._workers = PatientWorkers(lambda: trio.sleep(REST_SECONDS))
        self._making_room = trio.Lock()

    async def run(self) -> None:
        """Drop what is too old, for ever."""
        while True:
            await trio.sleep(SWEEP_SECONDS)
            try:
                await self._workers.drive(self._volume.tidy_versions())
            except CairnError as error:
                _log.warning("old versions could not be dropped, will be tried again: %s", error)

    async def make_room(self, size_bytes: int = 0) -> None:
        """If the host lacks room for so many new bytes, let versions go until there is some.

        Whoever wants to write learns next whether that has helped.
        """
        if self._volume.has_room(size_bytes):
            return
        async with self._making_room:
            try:
                dropped = await self._workers.drive(self._volume.make_room(size_bytes))
            except CairnError as error:
                _log.error("versions could not make room for new data: %s", error)
            else:
                if dropped:
                    _log.warning("the host is full: %d versions went to make room", dropped)
