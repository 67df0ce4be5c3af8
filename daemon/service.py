"""The running daemon as its commands see it."""

import os
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime

import trio

from daemon import metrics
from daemon.archivist import Archivist
from daemon.checkpointer import Checkpointer
from daemon.flusher import Flusher
from daemon.live_figures import LiveTotals
from daemon.logs import ErrorCounter
from daemon.operation_tallies import Tallies
from daemon.status_report import StatusReport, printable_path
from daemon.workers import Workers
from fsmodel.ids import InodeId
from fsmodel.steps import Result, Steps
from fsmodel.volume import Volume

TellKernel = Callable[[Sequence[tuple[InodeId, bytes]], Collection[InodeId]], None]


class DaemonService:
    """A volume being served. Owner: the event-loop thread."""

    def __init__(
        self,
        volume: Volume,
        flusher: Flusher,
        checkpointer: Checkpointer,
        errors: ErrorCounter,
        mountpoint: str,
        archivist: Archivist,
        reload: Callable[[], Awaitable[object]],
        tallies: Tallies,
    ) -> None:
        """`tallies` are those of the kernel's requests."""
        self._volume = volume
        self._flusher = flusher
        self._checkpointer = checkpointer
        self._errors = errors
        self._mountpoint = mountpoint
        self._archivist = archivist
        self._reload = reload
        self._tallies = tallies
        self.tell_kernel: TellKernel = lambda touched, relinked: None  # until there is a mount
        self._is_stopping = False
        self._started_at = datetime.now(UTC)
        self._started_monotonic = time.monotonic()

    @property
    def volume(self) -> Volume:
        """The volume it serves."""
        return self._volume

    @property
    def tallies(self) -> Tallies:
        """The kernel's requests, by kind."""
        return self._tallies

    @property
    def started(self) -> str:
        """When serving began: UTC, ISO 8601."""
        return self._started_at.isoformat(timespec="seconds")

    def status(self) -> StatusReport:
        """How it does, for `cairnfs status`."""
        contents = self._volume.contents
        last = self._checkpointer.last_at
        return StatusReport(
            mounted=not self._is_stopping,
            pid=os.getpid(),
            mountpoint=printable_path(self._mountpoint),
            store=printable_path(self._volume.store),
            read_only=self._volume.read_only,
            refuses_changes=self.write_failure,
            errors=self._errors.count,
            last_error=self._errors.last,
            last_checkpoint=last.isoformat(timespec="milliseconds") if last else None,
            started=self.started,
            uptime_seconds=round(time.monotonic() - self._started_monotonic, 1),
            open_files=self._flusher.used_files,
            dirty_bytes=contents.dirty_bytes,
        )

    def live(self) -> LiveTotals:
        """Totals of this moment, for `cairnfs top`. Raises BackendError."""
        return metrics.live_totals(self)

    @property
    def checkpoint_age_seconds(self) -> float:
        """Since the last checkpoint, or since serving began."""
        last = self._checkpointer.last_at or self._started_at
        return max(round((datetime.now(UTC) - last).total_seconds(), 3), 0.0)

    @property
    def checkpoint_problem(self) -> str | None:
        """Why the last checkpoint failed; None if it did not."""
        return self._checkpointer.problem

    @property
    def write_failure(self) -> str | None:
        """Why no change is accepted until the next mount; None while changes are."""
        return self._volume.durability.failure

    @property
    def is_stopping(self) -> bool:
        """Whether the kernel has let go of the mount."""
        return self._is_stopping

    def activity(self) -> object:
        """Something that is different after any write or change."""
        return self._volume.durability.position, self._volume.contents.writes

    def stopping(self) -> None:
        """The kernel has let go of the mount: what is left is to store everything well."""
        self._is_stopping = True

    def release(self) -> bool:
        """Come to an end soon if the mount has ended. Returns whether it has."""
        if self._is_stopping:
            self._archivist.hurry()
        return self._is_stopping

    async def reload(self) -> object:
        """Read the configuration again; see reloading.py. Raises ConfigInvalid, UsageProblem."""
        return await self._reload()

    async def drive_and_tell(
        self,
        workers: Workers,
        steps: Steps[Result],
        touched: Sequence[tuple[InodeId, bytes]] = (),
    ) -> Result:
        """Run steps to their end, and have the kernel forget what it knew of what they touched.

        These names, and files that have others by then. It has, before this returns.
        """
        with self._volume.links_watched() as relinked:
            try:
                return await workers.drive(steps)
            finally:
                steps.close()
                if touched or relinked:
                    await trio.to_thread.run_sync(self.tell_kernel, touched, tuple(relinked))

    async def make_way(self) -> None:
        """Interrupt long work in the background, for a command that needs the store alone."""
        await self._archivist.make_way()

    async def settle_closed(self) -> None:
        """Settle the files that were closed and not settled for that; see resting_files.py."""
        await self._flusher.resting.end_all()

    async def make_durable(self) -> None:
        """Settle every open file and checkpoint. Raises NoSpace, DataError."""
        await self.settle_closed()
        for file in self._volume.contents.files():
            await self._flusher.settle(file.inode)
        if self._volume.is_dirty:
            await self._checkpointer.checkpoint()
