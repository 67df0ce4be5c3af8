"""fsync callers that arrive while a sync runs share the next one."""

import trio

from fsmodel.durability import Durability


class SyncGroup:
    """Makes everything acknowledged so far survive a loss of power.

    Owner of the covered position: the event-loop thread. Checkpoints: waiting for the lock, and
    the hop to a thread. Records appended during the hop are not covered by it, which is why the
    target is read before the wait and the position the hop covers is what the sync itself says.
    """

    def __init__(self, durability: Durability) -> None:
        self._durability = durability
        self._lock = trio.Lock()

    async def sync(self) -> None:
        """Return once every change made before this call is durable. Raises BackendError."""
        target = self._durability.position
        if not self._durability.needs_sync(target):
            return
        async with self._lock:
            if self._durability.needs_sync(target):  # else an earlier round covered it
                covered = await trio.to_thread.run_sync(self._durability.sync)
                self._durability.note_synced(covered)
