"""fsync callers that arrive while a sync runs share the next one."""

import time
from collections.abc import Callable

import trio

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
        self, durability: Durability, clock: Callable[[], int] = time.perf_counter_ns
    ) -> None:
        self._durability = durability
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
        if is_small and self._pace.is_quick and not self._lock.locked():
            self._note(*self._timed_sync(), is_small=True)
            return
        async with self._lock:
            if durability.needs_sync(target):  # else an earlier round covered it
                is_small = durability.unsynced_bytes <= SMALL_BYTES
                covered, took_ns = await trio.to_thread.run_sync(self._timed_sync)
                self._note(covered, took_ns, is_small=is_small)

    def _timed_sync(self) -> tuple[int, int]:
        begun = self._clock()
        covered = self._durability.sync()
        return covered, self._clock() - begun

    def _note(self, covered: int, took_ns: int, *, is_small: bool) -> None:
        if is_small:
            self._pace.note(took_ns)
        self._durability.note_synced(covered)
