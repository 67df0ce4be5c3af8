"""Gives a finished copy its place, and removes what lies aside.

What had the place is exchanged for the copy, in the change that names it, and is removed from aside
afterwards, in changes of a bounded number of rows.
"""

import logging
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from fsmodel.change import Change, Changes
from fsmodel.errors import NotPermitted, Refused
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.cloning import ASIDE, Copied
from fsmodel.namespace.former_names import NothingKept
from fsmodel.namespace.inodes import (
    DIRECTORY,
    is_directory,
    require_directory,
    require_unlocked,
)
from fsmodel.namespace.listing import Entry
from fsmodel.namespace.locking import lock_overlooked
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.places import Place
from fsmodel.namespace.renames import NO_RENAME_FLAGS, RenameFlag
from fsmodel.steps import PAUSE, Steps
from lmdb_index.records import DirentRecord, InodeFlag

CHANGE_ROWS: Final = 128
LOOK_ROWS: Final = 2000  # looked at in one stretch

_log = logging.getLogger(__name__)


class Replacing:
    """Puts copies in place. Owner: the thread that owns the index."""

    def __init__(self, changes: Changes, inodes: InodeTable, namespace: Namespace) -> None:
        self._changes = changes
        self._inodes = inodes
        self._names = namespace

    def check(self, parent: InodeId, name: bytes, kind: int) -> None:
        """Refuse before anything is copied what would be refused in the end.

        Raises NotADirectory, NotPermitted for a locked directory, and what the policy raises.
        """
        record = self._inodes.get(parent)
        require_directory(parent, record)
        require_unlocked(parent, record)
        self._names.policy.check_entry(parent, name, kind)

    def put(self, copied: Copied, parent: InodeId, name: bytes) -> None:
        """Give a copy a free name. Raises AlreadyExists, NotFound, what the policy raises."""
        self._rename(copied, parent, name, RenameFlag.NOREPLACE)

    def replace(self, copied: Copied, parent: InodeId, name: bytes) -> Steps[None]:
        """Give a copy a name, whatever has it now; that is removed.

        A file that a file replaces becomes a version. Raises NotPermitted when what is there, or
        anything below, is locked; NotFound, what the policy raises.
        """
        present = self._names.directories.find(parent, name)
        with self._locked_meanwhile() as locked:
            if present is not None and present.kind == DIRECTORY:
                yield from self._require_unlocked_below(InodeId(present.inode))
            present = self._names.directories.find(parent, name)
            if present is not None and present.kind == DIRECTORY:
                self._require_not_below(InodeId(present.inode), locked)
        is_plain = not is_directory(self._inodes.get(copied.inode))
        if present is None or (present.kind != DIRECTORY and is_plain):
            self._rename(copied, parent, name, NO_RENAME_FLAGS)
            return
        with _versions_left_in_place(self._names):
            self._rename(copied, parent, name, RenameFlag.EXCHANGE)
        yield from self.discard(copied.name)

    def _rename(self, copied: Copied, parent: InodeId, name: bytes, flags: RenameFlag) -> None:
        """By the rules for what users do, as the name is theirs."""
        aside = self._names.system.find(ASIDE)
        assert aside is not None
        self._names.rename(aside, copied.name, parent, name, flags)

    def discard(self, name: bytes) -> Steps[None]:
        """Remove what lies aside under a name, if anything does. Raises NoSpace."""
        aside = self._names.system.find(ASIDE)
        dirent = None if aside is None else self._names.directories.find(aside, name)
        if aside is None or dirent is None:
            return
        if dirent.kind == DIRECTORY:
            yield from self._empty(InodeId(dirent.inode))
        with self._changes.begin() as change:
            self._remove(change, aside, name, dirent)

    def clear_leftovers(self, kept: Container[bytes] = ()) -> Steps[None]:
        """Remove all else that lies aside; what is refused is told and stays."""
        aside = self._names.system.find(ASIDE)
        if aside is None:
            return
        for entry in list(self._names.list_entries(aside)):
            try:
                if entry.name not in kept:
                    yield from self.discard(entry.name)
            except Refused as error:
                _log.warning("a copy that was never finished stays hidden: %s", error)

    def _empty(self, top: InodeId) -> Steps[None]:
        """Remove all that is below a directory, lowest first.

        There is no pause behind the last of it: a program may be at work there, and make a file.
        """
        stack = [top]
        while stack:
            entries = self._some_of(stack[-1])
            below = [entry for entry in entries if entry.kind == DIRECTORY]
            full = [entry.inode for entry in below if self._inodes.get(entry.inode).size]
            with self._changes.begin() as change:
                for entry in entries:
                    if entry.inode not in full:
                        dirent = DirentRecord(entry.inode, entry.cookie, entry.kind)
                        self._remove(change, stack[-1], entry.name, dirent)
            if full:
                stack += full
            elif len(entries) < CHANGE_ROWS:
                stack.pop()
            if stack:
                yield PAUSE

    def _some_of(self, directory: InodeId) -> list[Entry]:
        listed = self._names.list_entries(directory)
        return [entry for entry, _ in zip(listed, range(CHANGE_ROWS), strict=False)]

    def _remove(
        self, change: Change, directory: InodeId, name: bytes, dirent: DirentRecord
    ) -> None:
        """Take an entry of something that is empty away; it leaves no version."""
        inode = InodeId(dirent.inode)
        with lock_overlooked(change, directory, inode):
            self._names.directories.remove(change, directory, name, dirent)
            self._names.links.drop(change, inode, Place(directory, dirent.cookie))

    def _require_unlocked_below(self, top: InodeId) -> Steps[None]:
        """Raises NotPermitted when a directory or anything below it is locked."""
        stack, looked = [top], 0
        while stack:
            directory = stack.pop()
            self._require_unlocked(directory)
            for entry in self._names.list_entries(directory):
                looked += 1
                if entry.kind == DIRECTORY:
                    stack.append(entry.inode)
                else:
                    self._require_unlocked(entry.inode)
            if looked >= LOOK_ROWS:
                looked = 0
                yield PAUSE

    @contextmanager
    def _locked_meanwhile(self) -> Iterator[set[InodeId]]:
        """The inodes that are locked while the block runs, as they come."""
        found, watchers = set[InodeId](), self._names.lock_watchers
        watchers.append(found)
        try:
            yield found
        finally:
            watchers[:] = [each for each in watchers if each is not found]

    def _require_not_below(self, top: InodeId, locked: Iterable[InodeId]) -> None:
        """Raises NotPermitted when one of these is locked, and a directory or anything below it."""
        (above,) = self._names.paths_of(top)
        for inode in locked:
            is_there = self._inodes.find(inode) is not None
            for path in self._names.paths_of(inode) if is_there else ():
                if path == above or path.startswith(above + b"/"):
                    self._require_unlocked(inode)

    def _require_unlocked(self, inode: InodeId) -> None:
        record = self._inodes.find(inode)
        if record is not None and record.flags & InodeFlag.LOCKED:
            (path, *_) = self._names.paths_of(inode)
            shown = path.decode(errors="backslashreplace")
            raise NotPermitted(f"{shown} is locked, so nothing above it can be replaced")


@contextmanager
def _versions_left_in_place(names: Namespace) -> Iterator[None]:
    """Exchange directories without their versions, which stay with the name that people know."""
    former, names.renames.former = names.renames.former, NothingKept()
    try:
        yield
    finally:
        names.renames.former = former
