"""The end of what is removed as a whole: trees in the hidden part that go in small operations.

The output of a series that was removed for good, and what was in `cache/temp/` at the last mount.
Nothing of it is kept as versions. A kill leaves the rest for the next time.
"""

from typing import Final

from fsmodel.change import Change, Changes
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import DIRECTORY
from fsmodel.namespace.links import Links
from fsmodel.namespace.listing import Entry
from fsmodel.namespace.locking import lock_overlooked
from fsmodel.namespace.names import OrdinaryNames
from fsmodel.namespace.namespace import Namespace
from fsmodel.series.layout import EMPTIED, REMOVED
from fsmodel.steps import PAUSE, Steps

BATCH_ENTRIES: Final = 128


class Removal:
    """Deletes trees bit by bit. Owner: the thread that owns the index."""

    def __init__(self, changes: Changes, namespace: Namespace) -> None:
        self._changes = changes
        self._namespace = namespace
        self._links = Links(namespace.directories, namespace.orphans, OrdinaryNames())

    def run(self) -> Steps[int]:
        """Delete everything that waits; return how many entries that were. Raises NoSpace."""
        count = 0
        for name in (REMOVED, EMPTIED):
            folder = self._namespace.system.find(name)
            if folder is not None:
                count += yield from self._empty(folder)
        return count

    def _empty(self, top: InodeId) -> Steps[int]:
        """Delete all that is in a folder, from the bottom up."""
        count, way = 0, [top]
        while way:
            batch = self._batch(way[-1])
            if batch and batch[0].kind == DIRECTORY and self._size(batch[0].inode):
                way.append(batch[0].inode)
            elif batch:
                count += self._delete(way[-1], batch)
                yield PAUSE
            else:
                way.pop()
        return count

    def _batch(self, folder: InodeId) -> list[Entry]:
        """The next entries that can go in one operation, or one folder with something in it."""
        batch: list[Entry] = []
        for entry in self._namespace.list_entries(folder):
            if entry.kind == DIRECTORY and self._size(entry.inode):
                return batch or [entry]
            batch.append(entry)
            if len(batch) == BATCH_ENTRIES:
                break
        return batch

    def _delete(self, folder: InodeId, batch: list[Entry]) -> int:
        with self._changes.begin() as change:
            for entry in batch:
                self._remove(change, folder, entry)
        return len(batch)

    def _remove(self, change: Change, folder: InodeId, entry: Entry) -> None:
        remove = self._links.rmdir if entry.kind == DIRECTORY else self._links.unlink
        with lock_overlooked(change, folder, entry.inode):
            remove(change, folder, entry.name)

    def _size(self, folder: InodeId) -> int:
        return self._namespace.record(folder).size
