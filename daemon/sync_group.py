"""fsync callers that arrive while a sync runs share the next one."""

import time
from collections.abc import Callable

import trio

from daemon.arrivals import Arrivals
from daemon.sync_pace import SMALL_BYTES, SyncPace
from fsmodel.durability import Durability


class SyncGroup:
    """Makes everything acknowledged so far survive a loss of power.

    Owner of the covered position: the event-loop thread. Checkpoints: waiting for the lock, and
    the hop to a thread; there is none where syncs are quick (sync_pace.py). Records appended during
    the hop are not covered by it, which is why the target is read before the wait and the position
    the hop covers is what the sync itself says.
    """

    def __init__(
        self,
        durability: Durability,
        arrivals: Arrivals,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._durability = durability
        self._arrivals = arrivals
        self._clock = clock  # in nanoseconds
        self._pace = SyncPace()
        self._lock = trio.Lock()

    async def sync(self) -> None:
        """Return once every change made before this call is durable. Raises BackendError."""
        durability = self._durability
        target = durability.position
        if not durability.needs_sync(target):
            return
        is_small = durability.unsynced_bytes <= SMALL_BYTES
        if is_small and self._pace.allows_waiting and not self._lock.locked():
            covered, took_ns = self._timed_sync()
            # While syncs are quick it does not matter who waits, and asking is a system call.
            alone = self._pace.is_quick or not self._arrivals.any_waits()
            self._note(covered, took_ns, alone=alone)
            return
        async with self._lock:
            if durability.needs_sync(target):  # else an earlier round covered it
                await self._sync_in_thread()

    async def _sync_in_thread(self) -> None:
        is_small = self._durability.unsynced_bytes <= SMALL_BYTES
        read = self._arrivals.read
        covered, took_ns = await trio.to_thread.run_sync(self._timed_sync)
        if is_small:
            self._note(covered, took_ns, alone=self._arrivals.read == read)
        else:
            self._durability.note_synced(covered)

    def _timed_sync(self) -> tuple[int, int]:
        begun = self._clock()
        covered = self._durability.sync()
        return covered, self._clock() - begun

    def _note(self, covered: int, took_ns: int, *, alone: bool) -> None:
        self._pace.note(took_ns, alone=alone)
        self._durability.note_synced(covered)
