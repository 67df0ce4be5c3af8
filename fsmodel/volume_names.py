"""The part of the facade that is about names: finding, making, moving, removing, listing."""

import os
from collections.abc import Iterator
from itertools import islice
from typing import Final

from fsmodel.errors import CairnError, InvalidArgument, NotFound, NotPermitted
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.listing import Entry, Listed
from fsmodel.namespace.names import is_view_name
from fsmodel.namespace.renames import ROOT_CREATOR, RenameFlag
from fsmodel.namespace.system_tree import SYSTEM_NAME
from fsmodel.volume_upkeep import VolumeUpkeep
from lmdb_index.errors import IndexProblem

PATHS_TOLD_MAX: Final = 10  # of an inode, in one event


class VolumeNames(VolumeUpkeep):
    """Names and directories. Owner: the thread that owns the index."""

    def lookup(self, parent: InodeId, name: bytes, thread: int = 0) -> InodeId:
        """The inode a name stands for, names of views left out; see open_file about `thread`.

        Raises NotFound, NotADirectory, NameTooLong.
        """
        inode = self.find(parent, name, thread)
        if inode is None:
            raise NotFound(f"no entry {name!r} in directory {parent}")
        return inode

    def find(self, parent: InodeId, name: bytes, thread: int = 0) -> InodeId | None:
        """The same; None when there is no such name. Raises Stale, NotADirectory, NameTooLong."""
        inode = None if is_view_name(parent, name) else self._names.find(parent, name)
        if inode is None or not thread:
            return inode
        return self._parts.drafts.look_up(inode, thread)

    def resolve(self, path: bytes) -> InodeId:
        """The inode at a path from the root, following no symbolic link, views left out.

        Raises NotFound, NotADirectory, PathRefused.
        """
        inode = self._names.resolve(path)
        if self._names.system.contains(inode):
            raise NotFound(f"no file or directory {path!r}")
        return inode

    def paths_of(self, inode: InodeId) -> list[bytes]:
        """Every path of an inode."""
        return self._names.paths_of(inode)

    def described(self, inode: InodeId) -> str:
        """An inode and its paths for the log, as far as they can be told."""
        try:
            paths = self.paths_of(inode)
        except (CairnError, IndexProblem):
            return f"inode {inode}"
        return ", ".join([f"inode {inode}", *map(os.fsdecode, paths[:PATHS_TOLD_MAX])])

    def make_directory(self, parent: InodeId, name: bytes, mode: int, creator: Creator) -> InodeId:
        """Create a directory. Raises Refused."""
        self._require_room()
        return self._names.make_directory(parent, name, mode, creator)

    def make_node(
        self, parent: InodeId, name: bytes, mode: int, rdev: int, creator: Creator
    ) -> InodeId:
        """Create a regular file, FIFO, socket or device node. Raises Refused."""
        self._require_room()
        return self._names.make_node(parent, name, mode, rdev, creator)

    def make_symlink(
        self, parent: InodeId, name: bytes, target: bytes, creator: Creator
    ) -> InodeId:
        """Create a symbolic link. Raises Refused."""
        self._require_room()
        return self._names.make_symlink(parent, name, target, creator)

    def link(self, inode: InodeId, parent: InodeId, name: bytes) -> None:
        """Give a file one more name. Raises Refused."""
        self._require_room()
        self._names.link(inode, parent, name)

    def unlink(self, parent: InodeId, name: bytes) -> None:
        """Remove a name of something that is no directory. Raises Refused."""
        self._require_writable()
        _refuse_view(parent, name)
        self._names.unlink(parent, name)

    def rmdir(self, parent: InodeId, name: bytes) -> None:
        """Remove an empty directory. Raises Refused."""
        self._require_writable()
        _refuse_view(parent, name)
        self._names.rmdir(parent, name)

    def rename(
        self,
        parent: InodeId,
        name: bytes,
        new_parent: InodeId,
        new_name: bytes,
        flags: RenameFlag,
        creator: Creator = ROOT_CREATOR,
    ) -> None:
        """Move a name, as rename(2) with flags does; the creator owns a whiteout."""
        self._require_writable()
        _refuse_view(parent, name)
        self._names.rename(parent, name, new_parent, new_name, flags, creator)

    def read_link(self, inode: InodeId) -> bytes:
        """Where a symbolic link points. Raises InvalidArgument for anything else."""
        record = self._names.record(inode)
        if not record.target:
            raise InvalidArgument(f"inode {inode} is no symbolic link")
        return record.target

    def listing_limit(self, directory: InodeId) -> int:
        """The cookie that bounds a listing begun now."""
        return self._names.listing_limit(directory)

    def list_entries(self, directory: InodeId, after: int, limit: int) -> Iterator[Entry]:
        """The entries of a directory behind a cookie and before a limit; views are not listed."""
        entries = self._names.list_entries(directory, after, limit)
        if directory == ROOT_INODE:
            return (entry for entry in entries if entry.name != SYSTEM_NAME)
        return entries

    @property
    def generation(self) -> int:
        """Another number after each change of a name, or of what is recorded of an inode."""
        return self._parts.index.generation

    def list_attributes(
        self, directory: InodeId, after: int, limit: int, expected: int
    ) -> Iterator[tuple[Listed, int]]:
        """The same entries with what `attributes` tells of their inodes, to be used at once.

        What the records say of contents is not to be relied on. About so many are `expected` to be
        wanted.
        """
        file_of, hidden = self.contents.file, SYSTEM_NAME if directory == ROOT_INODE else None
        for entry in self._names.list_records(directory, after, limit, expected):
            file = file_of(entry.inode)
            if entry.name != hidden:
                yield entry, entry.record.size if file is None else file.size

    def read_entries(self, directory: InodeId, after: int, limit: int, count: int) -> list[Listed]:
        """Up to so many entries of a directory that is not the root, for their attributes alone.

        Sizes are those that are recorded: those of open files may be others.
        """
        return list(islice(self._names.list_records(directory, after, limit, count), count))


def _refuse_view(parent: InodeId, name: bytes) -> None:
    """Views are neither removed nor moved. Raises NotPermitted."""
    if is_view_name(parent, name):
        raise NotPermitted(f"{name.decode()} is a view: it is always there")
