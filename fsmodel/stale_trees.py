"""Which directories have changed since their trees were written.

A directory's row names the tree that equals it, and names none once an entry, or the inode an
entry stands for, is another. A small directory, whose entries are part of the tree above, never
names one. What moves an access time only counts as no change.

Invariant: where a directory has changed, no row above names a tree. So whoever looks for changed
directories finds them from the root downwards, going into those that name none. A change goes up
from the directory it happens in; where that has been done since the last trees were recorded is
kept in memory, so that many changes in one place go up once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, Protocol

from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.large_folders import EndingChange, LargeFolders, is_quiet
from lmdb_index.keys import number_key, triple_of
from lmdb_index.records import InodeRecord
from lmdb_index.schema import LINK

DIRECTORY: Final = 0o040000 >> 12
STALE_MAX: Final = 100_000  # remembered; with more of them some changes go up again


class EditedInodes(EndingChange, Protocol):
    """What this asks of a change in progress."""

    def edit(self, inode: InodeId) -> InodeRecord:
        """A record to be changed."""
        ...

    def when_applied(self, action: Callable[[], None]) -> None:
        """Have something done once the change is certain."""
        ...


class StaleTrees:
    """Marks directories as changed, in the change that changes them. Owner: the index's thread."""

    def __init__(self) -> None:
        self._touched: set[InodeId] | None = None  # while somebody watches
        self._stale: set[InodeId] = set()  # neither these nor any directory above names a tree
        self._told: set[InodeId] = set()  # files of many names whose directories are all marked
        self._passed: list[InodeId] = []  # directories that the present change has marked
        self.large = LargeFolders()

    @contextmanager
    def watched(self) -> Iterator[set[InodeId]]:
        """Gives a set that all directories come into that change until the block ends.

        Directories above them are not added. One watcher at a time.
        """
        assert self._touched is None, "somebody watches already"
        touched = self._touched = set()
        self._forget()
        try:
            yield touched
        finally:
            self._touched = None

    def mark(self, change: EditedInodes) -> None:
        """Empty the tree of every directory that shows what a change is about to store."""
        self._passed = []
        self._mark(change)
        self.large.note(change, self._passed)

    def mark_entry(self, record: InodeRecord) -> bool:
        """Mark that a file will show other attributes; False when that takes a change to `mark`.

        Of nearly all files it does not, as the directory was marked by whatever came before.
        """
        if self._touched is not None or record.parent not in self._stale:
            return False
        if record.nlink != 1 or record.mode >> 12 == DIRECTORY:
            return False
        self.large.note_file(record)
        return True

    def _mark(self, change: EditedInodes) -> None:
        stale = self._stale if self._touched is None else frozenset()
        for inode, record, former in change.edits():
            has_one_name = record.nlink < 2 or record.mode >> 12 == DIRECTORY
            if record.parent in stale and has_one_name and not record.tree:
                continue  # as most: the directory that shows it is marked already
            if record.tree and (former is None or former.tree != record.tree):
                change.when_applied(self._forget)
            if inode == ROOT_INODE:
                if former is None or not is_quiet(record, former):
                    self._touch(change, inode)
                continue
            if record.mode >> 12 == DIRECTORY and not record.tree and self._touched is not None:
                self._touched.add(inode)
            directories = self._directories_of(change, inode, record)
            if self._touched is None and self._stale.issuperset(directories):
                continue
            if former is None or not is_quiet(record, former):
                for directory in directories:
                    self._touch(change, directory)
                if len(directories) > 1:
                    change.when_applied(partial(self._told.add, inode))

    def _touch(self, change: EditedInodes, directory: InodeId) -> None:
        if self._touched is not None:
            self._touched.add(directory)
        passed = []
        while directory and directory not in self._stale:
            passed.append(directory)
            if change.inode(directory).tree:
                change.edit(directory).tree = b""
            directory = InodeId(change.inode(directory).parent)
        if passed:
            self._passed += passed
            change.when_applied(partial(self._remember, passed))

    def _forget(self) -> None:
        """Trees have been recorded: whatever was known to name none may be below one that does."""
        self._stale.clear()
        self._told.clear()

    def _remember(self, stale: list[InodeId]) -> None:
        if len(self._stale) > STALE_MAX:
            self._stale.clear()
        self._stale.update(stale)

    def _directories_of(
        self, change: EditedInodes, inode: InodeId, record: InodeRecord
    ) -> list[InodeId]:
        """The directories that have an entry for an inode."""
        own = [InodeId(record.parent)] if record.parent else []
        if record.nlink < 2 or record.mode >> 12 == DIRECTORY or inode in self._told:
            return own
        rows = change.operation.scan_prefix(LINK, number_key(inode))
        return own + [InodeId(triple_of(key)[1]) for key, _ in rows]
