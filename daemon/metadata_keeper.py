"""What metadata documents need beside requests: hashes soon after a write, and a look now and then.

Owner of everything here: the event-loop thread. Checkpoints: waiting for the next look, every hop
to a worker, and the rest after each step. What is to be hashed is asked for behind each of them.
"""

import logging
from typing import Any, Final

import trio

from daemon.workers import PatientWorkers
from fsmodel.errors import CairnError
from fsmodel.steps import Steps
from fsmodel.volume import Volume

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
SWEEP_SECONDS: Final = 3600.0  # between two looks for analyses that no content has any more
REST_SECONDS: Final = 0.002  # after each step


class MetadataKeeper:
    """Looks after the metadata of a served volume."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume
        self._workers = PatientWorkers(lambda: trio.sleep(REST_SECONDS))

    async def run(self) -> None:
        """Hash what was written, every few seconds, and forget what is not needed, for ever."""
        sweep_at = trio.current_time() + SWEEP_SECONDS
        while True:
            await trio.sleep(LOOK_SECONDS)
            await self._attempt(self._volume.take_due_digests(), "hashes could not be taken")
            if trio.current_time() >= sweep_at:
                await self._attempt(
                    self._volume.forget_unused_analyses(), "analyses could not be looked through"
                )
                sweep_at = trio.current_time() + SWEEP_SECONDS

    async def _attempt(self, steps: Steps[Any], failure: str) -> None:
        """Something that is tried again soon anyway; a failure is logged."""
        try:
            await self._workers.drive(steps)
        except CairnError as error:
            _log.warning("%s: %s", failure, error)
        finally:
            steps.close()
