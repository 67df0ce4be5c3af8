"""Files that have more or fewer names than before, for whoever keeps that number in a cache.

The kernel counts along with what it has asked for itself. Of what a command does to one name of a
file it does not know what that means for the others.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from fsmodel.change import Change, Changes
from fsmodel.ids import InodeId
from fsmodel.namespace.holds import Holds
from fsmodel.namespace.inodes import is_directory


class LinkChanges:
    """Takes note of them while somebody wants to know. Owner: the index's thread."""

    def __init__(self, changes: Changes, holds: Holds) -> None:
        """What nobody holds is in no cache."""
        self._changes = changes
        self._holds = holds

    @contextmanager
    def watched(self) -> Iterator[set[InodeId]]:
        """The inodes whose names become more or fewer while the block runs, as they do."""
        found = set[InodeId]()
        with self._changes.watched(partial(self._look, found)):
            yield found

    def _look(self, found: set[InodeId], change: Change) -> None:
        changed = [
            inode
            for inode, record, former in change.edits()
            if former is not None
            and former.nlink != record.nlink
            and inode in self._holds
            and not is_directory(record)
        ]
        if changed:
            change.when_applied(partial(found.update, changed))
