"""What the structured folders need beside requests: bounds for `cache/`, figures in `metrics/`.

And the end, bit by bit, of what was removed as a whole.

Owner of everything here: the event-loop thread. Checkpoints: waiting for the next look, and the
rest after each step. What a step has found is looked at again where it is acted upon.
"""

import logging
from datetime import UTC, datetime
from typing import Any, Final

import trio

from daemon import metrics
from daemon.prometheus_text import prometheus_text
from daemon.service import DaemonService
from daemon.workers import PatientWorkers
from fsmodel.errors import CairnError
from fsmodel.steps import Steps

_log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
REST_SECONDS: Final = 0.002  # after each step


class FolderKeeper:
    """Looks after the structured folders of a served volume."""

    def __init__(self, service: DaemonService, metrics_seconds: float) -> None:
        """Figures are written once in `metrics_seconds`, while the volume is used."""
        self._service = service
        self._volume = service.volume
        self.metrics_seconds = metrics_seconds  # may change at any time
        self._workers = PatientWorkers(lambda: trio.sleep(REST_SECONDS))
        self._written: tuple[int | float, ...] = ()

    async def run(self) -> None:
        """Look every few seconds, for ever."""
        write_at = trio.current_time()
        while True:
            await trio.sleep(LOOK_SECONDS)
            await self.look()
            if trio.current_time() >= write_at:
                await self.write_figures()
                write_at = trio.current_time() + self.metrics_seconds

    async def look(self) -> None:
        """Do what is due."""
        evicted = await self._attempt(self._volume.tidy_cache(), "cache/ exceeds its bounds")
        if evicted is not None and evicted.evicted_files:
            _log.info(
                "evicted from cache/",
                extra={"fields": {"files": evicted.evicted_files, "bytes": evicted.evicted_bytes}},
            )
        await self._attempt(self._volume.remove_leftovers(), "removed folders still take space")

    async def write_figures(self) -> None:
        """Write the figures, unless they are what they were, so that an idle store stays so."""
        try:
            figures = metrics.gather(self._service)
            if metrics.trigger(figures) == self._written:
                return
            line = metrics.history_line(figures, datetime.now(UTC))
            text = prometheus_text(figures, self._service.tallies)
            await self._drive(self._volume.publish_metrics(text, line))
            self._written = metrics.trigger(metrics.gather(self._service))
        except CairnError as error:
            _log.warning("the figures in metrics/ are old: %s", error)

    async def _attempt(self, steps: Steps[Any], failure: str) -> Any:
        """Something that is tried again soon anyway; a failure is logged."""
        try:
            return await self._drive(steps)
        except CairnError as error:
            _log.warning("%s: %s", failure, error)
            return None

    async def _drive(self, steps: Steps[Any]) -> Any:
        return await self._service.drive_and_tell(self._workers, steps)
