"""Locks: what is locked stays as it is, bytes, attributes and names, until somebody undoes it.

What goes as a whole is looked through before, and then lies where nobody sees it. A lock that comes
after that is overlooked: else what bears it would lie there for ever.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fsmodel.change import Change, Changes
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import DIRECTORY, is_directory
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.system_tree import SYSTEM_NAME
from fsmodel.steps import PAUSE, Steps
from fsmodel.write_guard import WriteGuard
from lmdb_index.records import InodeFlag

CHANGE_ROWS: Final = 256


@contextmanager
def lock_overlooked(change: Change, directory: InodeId, inode: InodeId) -> Iterator[None]:
    """The block takes an entry away whatever is locked; a file that has other names stays so."""
    record = change.edit(inode)
    was_locked = record.flags & InodeFlag.LOCKED
    for each in (record, change.edit(directory)):
        each.flags &= ~InodeFlag.LOCKED
    yield
    if record.nlink and not is_directory(record):
        record.flags |= was_locked


class Locking:
    """Sets and clears locks. Owner: the thread that owns the index."""

    def __init__(
        self, changes: Changes, inodes: InodeTable, namespace: Namespace, guard: WriteGuard
    ) -> None:
        self._changes = changes
        self._guard = guard
        self._inodes = inodes
        self._names = namespace

    def set(self, top: InodeId, *, locked: bool, recursive: bool) -> Steps[int]:
        """Lock or unlock an inode, and all below it if asked to; returns how many have changed.

        What comes into a directory meanwhile may be missed, but for the directory itself. Raises
        ReadOnly, Stale, NoSpace.
        """
        self._guard.require_writable()
        changed = 0
        batch: list[InodeId] = []
        waiting = [top]
        while waiting or batch:
            while waiting and len(batch) < CHANGE_ROWS:
                inode = waiting.pop()
                batch.append(inode)
                if recursive and is_directory(self._inodes.get(inode)):
                    self._add_children(inode, waiting, batch)
            for start in range(0, len(batch), CHANGE_ROWS):
                changed += self._apply(batch[start : start + CHANGE_ROWS], locked=locked)
                yield PAUSE
            batch.clear()
        return changed

    def _add_children(self, inode: InodeId, waiting: list[InodeId], batch: list[InodeId]) -> None:
        for entry in self._names.list_entries(inode):
            if inode == ROOT_INODE and entry.name == SYSTEM_NAME:
                continue
            (waiting if entry.kind == DIRECTORY else batch).append(entry.inode)

    def _apply(self, inodes: list[InodeId], *, locked: bool) -> int:
        changed = set[InodeId]()
        with self._changes.begin() as change:
            for inode in inodes:
                record = self._inodes.find(inode)
                if record is None or bool(record.flags & InodeFlag.LOCKED) == locked:
                    continue
                edited = change.edit(inode)
                if bool(edited.flags & InodeFlag.LOCKED) != locked:
                    edited.flags ^= InodeFlag.LOCKED
                    changed.add(inode)
        for watcher in self._names.lock_watchers if locked else ():
            watcher.update(changed)
        return len(changed)
