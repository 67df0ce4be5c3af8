"""From a pack that nothing points at to a file that is gone.

First its row says that it is retired. Then the index is checkpointed: no state that a restart
could come back to points into it any more. Then those end who looked an object up before. Only
then the file is deleted, and after it the row. A kill between any two leaves a pack that the next
collection retires again, or a row without a file that it deletes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import sleep
from typing import Final

from fsmodel.change import Changes
from fsmodel.ids import PackId
from fsmodel.steps import PAUSE, Steps, Work
from fsmodel.store.epochs import Epochs, Past
from fsmodel.store.host_files import host_failures
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_reader import PackReader
from fsmodel.upkeep.pack_usage import PackUsage
from lmdb_index.index import Index
from lmdb_index.keys import number_key, number_of
from lmdb_index.records import PackRecord, PackState
from lmdb_index.schema import PACK

LAST_PACK: Final = "last_pack"  # counter: no pack up to this number is ever made again
GROUP_PACKS: Final = 64
WAIT_SECONDS: Final = 0.02
WAITS_MAX: Final = 50  # for readers of retired packs; what is still read then goes next time
HOP_BYTES: Final = 1 << 20  # what may take a while belongs in a worker


@dataclass(frozen=True, slots=True)
class DeletablePacks:
    """Packs no durable state points into; their files go once nobody holds a place in them."""

    packs: tuple[PackId, ...]
    before: Past

    @property
    def may_go(self) -> bool:
        """Whether everybody has ended who looked something up before they were retired."""
        return self.before.over


class Retirement:
    """Gets rid of packs. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        changes: Changes,
        epochs: Epochs,
        layout: StoreLayout,
        reader: PackReader,
        checkpoint: Callable[[], Steps[None]],
        *,
        wait: Callable[[float], None] = sleep,
    ) -> None:
        self._index = index
        self._changes = changes
        self._epochs = epochs
        self._layout = layout
        self._reader = reader
        self._checkpoint = checkpoint
        self._wait = wait
        self._waiting: list[DeletablePacks] = []

    @property
    def waiting(self) -> int:
        """Packs that somebody may still be reading."""
        return sum(len(group.packs) for group in self._waiting)

    def retire(self, usages: Sequence[PackUsage]) -> Steps[None]:
        """Note that nothing points into these sealed packs, and checkpoint that.

        Packs an earlier run has retired join them. Raises NoSpace, BackendError.
        """
        for start in range(0, len(usages), GROUP_PACKS):
            with self._changes.begin() as change:
                for usage in usages[start : start + GROUP_PACKS]:
                    key = number_key(usage.pack)
                    row = change.operation.get(PACK, key)
                    assert row is not None and row.state == PackState.SEALED
                    assert PackUsage(usage.pack, row.size, row.dead).live_bytes == 0
                    row = PackRecord(PackState.RETIRED, row.size, row.dead)
                    change.operation.put(PACK, key, row)
            yield PAUSE
        waiting = {pack for group in self._waiting for pack in group.packs}
        retired = [
            PackId(number_of(key))
            for key, row in self._index.scan(PACK)
            if row.state == PackState.RETIRED and number_of(key) not in waiting
        ]
        if retired:
            before = self._epochs.renew()
            yield from self._checkpoint()
            self._waiting.append(DeletablePacks(tuple(retired), before))

    def delete(self) -> Steps[tuple[PackId, ...]]:
        """Delete the files of retired packs; return which.

        Waits a while for those who still read them. Raises NoSpace, BackendError.
        """
        deleted: list[PackId] = []
        for _ in range(WAITS_MAX):
            for group in [group for group in self._waiting if group.may_go]:
                yield from self._delete(group.packs)
                self._waiting.remove(group)
                deleted += group.packs
            if not self._waiting:
                break
            yield Work(partial(self._wait, WAIT_SECONDS), HOP_BYTES)
        return tuple(deleted)

    def _delete(self, packs: Sequence[PackId]) -> Steps[None]:
        for pack in packs:
            self._reader.forget(pack)
            yield Work(partial(self._unlink, pack), HOP_BYTES)
        with self._changes.begin() as change:
            for pack in packs:
                change.operation.delete(PACK, number_key(pack))
            last = self._index.counter(LAST_PACK)
            change.operation.add(LAST_PACK, max(max(packs) - last, 0))

    def _unlink(self, pack: PackId) -> None:
        path = self._layout.pack(pack)
        with host_failures(path):
            path.unlink(missing_ok=True)
