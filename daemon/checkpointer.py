"""When to commit the index: regularly while it is dirty, and before the journal grows long."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

import trio

from fsmodel.errors import CairnError
from fsmodel.volume import Volume

_log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.5


class Checkpointer:
    """Checkpoints a volume every `interval_seconds` while it changes, or when it asks for one.

    The packs are synced twice: first in a thread, while requests go on, so that little is left
    for the second time, on the loop thread, after which the index may be committed.
    """

    def __init__(
        self,
        volume: Volume,
        interval_seconds: float,
        settle_closed: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint,
    ) -> None:
        """`settle_closed` is awaited before each: what rests would be committed for nothing."""
        self._volume = volume
        self._settle_closed = settle_closed
        self.interval_seconds = interval_seconds  # may change at any time
        self.last_at: datetime | None = None  # when a checkpoint last succeeded
        self.problem: str | None = None  # why the last one failed, if it did

    async def run(self) -> None:
        """Checkpoint for ever; a failure is logged and tried again."""
        last = trio.current_time()
        while True:
            await trio.sleep(POLL_SECONDS)
            due = trio.current_time() - last >= self.interval_seconds
            if self._volume.needs_checkpoint or (due and self._volume.is_dirty):
                await self.checkpoint()
                last = trio.current_time()

    async def checkpoint(self) -> None:
        """One checkpoint, now."""
        try:
            await self._settle_closed()
            await trio.to_thread.run_sync(self._volume.sync_packs)
            self._volume.checkpoint()
            self.last_at = datetime.now(UTC)
            self.problem = None
        except CairnError as error:
            if self.problem != str(error):  # one that stays is told once
                _log.error("checkpoint failed, will be tried again: %s", error)
            self.problem = str(error)
