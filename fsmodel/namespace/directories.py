"""Directory entries: finding, inserting, removing them.

An entry is two rows, one by name and one by cookie, its number in the directory. A name keeps its
cookie as long as it exists, whichever inode it is given, and a cookie is never used again: so a
listing in cookie order shows every name that was there all the time exactly once, whatever comes
and goes meanwhile.

The size of a directory is its number of entries; its link count is 2 + subdirectories.
"""

from typing import Final, Protocol

from fsmodel.change import Change
from fsmodel.errors import AlreadyExists, InvalidArgument, NotFound
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import (
    DIRECTORY,
    require_directory,
    require_linked,
    require_unlocked,
)
from fsmodel.namespace.names import DOTS, check_length, is_name
from lmdb_index.index import Index
from lmdb_index.keys import named_key, pair_key
from lmdb_index.records import DirentOrderRecord, DirentRecord, InodeRecord
from lmdb_index.schema import DIRENT, DIRENT_ORDER

FIRST_COOKIE: Final = 3  # 1 and 2 are the places of "." and ".." in a listing; they have no rows


class EntryWatcher(Protocol):
    """Told of every name that comes or goes, in the change of which its doings become part."""

    def appeared(self, change: Change, directory: InodeId, name: bytes, kind: int) -> None:
        """A name has been given to something; `kind` is st_mode >> 12."""
        ...

    def went(self, change: Change, directory: InodeId, name: bytes, kind: int) -> None:
        """A name has been taken away."""
        ...


class Directories:
    """The entries of all directories. Owner: the thread that owns the index."""

    def __init__(self, index: Index, inodes: InodeTable) -> None:
        self._index = index
        self._inodes = inodes
        self.watcher: EntryWatcher | None = None

    def lookup(self, directory: InodeId, name: bytes) -> InodeId:
        """The inode a name leads to, "." (of anything) and ".." (of directories) included.

        Raises NotFound, NotADirectory, NameTooLong.
        """
        inode = self.find_inode(directory, name)
        if inode is None:
            raise NotFound(f"no entry {name!r} in directory {directory}")
        return inode

    def find_inode(self, directory: InodeId, name: bytes) -> InodeId | None:
        """The same; None when there is no such name, as of each that is about to be made."""
        record = self._inodes.get(directory)
        if name == b".":
            return directory
        require_directory(directory, record)
        if name == b"..":
            return _parent_of(directory, record)
        dirent = self.find(directory, name)
        return None if dirent is None else InodeId(dirent.inode)

    def find(self, directory: InodeId, name: bytes) -> DirentRecord | None:
        """The entry of a name, or None. Sees the change in progress. Raises NameTooLong."""
        check_length(name)
        return self._index.get(DIRENT, named_key(directory, name))

    def find_to_change(
        self, change: Change, directory: InodeId, name: bytes
    ) -> DirentRecord | None:
        """The entry that may be removed, replaced or moved, or None.

        Raises NotFound, NotADirectory, NameTooLong, and InvalidArgument for '.' and '..'.
        """
        require_directory(directory, change.inode(directory))
        if name in DOTS:
            raise InvalidArgument(f"{name.decode()!r} cannot be removed, replaced or moved")
        return self.find(directory, name)

    def require(self, change: Change, directory: InodeId, name: bytes) -> DirentRecord:
        """The entry that is to be removed or moved. Raises as `find_to_change`."""
        dirent = self.find_to_change(change, directory, name)
        if dirent is None:
            raise NotFound(f"no entry {name!r} in directory {directory}")
        return dirent

    def name_of(self, change: Change, directory: InodeId) -> bytes:
        """The name of a directory that has one, as a change in progress sees it."""
        record = change.inode(directory)
        row = self._index.get(DIRENT_ORDER, pair_key(record.parent, record.cookie))
        assert row is not None, f"directory {directory} has no name"
        return row.name

    def require_free(self, change: Change, directory: InodeId, name: bytes) -> None:
        """Raises AlreadyExists when the name is taken; NotADirectory, NotFound, NameTooLong."""
        record = change.inode(directory)
        require_directory(directory, record)
        if name in DOTS or self.find(directory, name) is not None:
            raise AlreadyExists(f"entry {name!r} exists in directory {directory}")
        require_linked(directory, record)

    def insert(
        self, change: Change, directory: InodeId, name: bytes, inode: InodeId, kind: int
    ) -> int:
        """Add an entry under a free name and return its cookie, a new one.

        Raises NotADirectory, NotFound for a removed directory, NotPermitted for a locked one.
        """
        assert is_name(name)  # the policy has been asked
        record = self._opened(change, directory)
        cookie = record.next_cookie
        record.next_cookie += 1
        record.size += 1
        record.nlink += kind == DIRECTORY
        _put(change, directory, name, DirentRecord(inode, cookie, kind))
        if self.watcher is not None:
            self.watcher.appeared(change, directory, name, kind)
        return cookie

    def remove(self, change: Change, directory: InodeId, name: bytes, dirent: DirentRecord) -> None:
        """Take an entry away. Raises NotPermitted for a locked directory."""
        record = self._opened(change, directory)
        record.size -= 1
        record.nlink -= dirent.kind == DIRECTORY
        change.operation.delete(DIRENT, named_key(directory, name))
        change.operation.delete(DIRENT_ORDER, pair_key(directory, dirent.cookie))
        if self.watcher is not None:
            self.watcher.went(change, directory, name, dirent.kind)

    def rename(
        self,
        change: Change,
        directory: InodeId,
        name: bytes,
        dirent: DirentRecord,
        new_name: bytes,
    ) -> None:
        """Give an entry another, free name; its cookie stays. Raises NotPermitted as `remove`."""
        assert is_name(new_name)  # the policy has been asked
        self._opened(change, directory)
        change.operation.delete(DIRENT, named_key(directory, name))
        _put(change, directory, new_name, dirent)
        if self.watcher is not None:
            self.watcher.went(change, directory, name, dirent.kind)
            self.watcher.appeared(change, directory, new_name, dirent.kind)

    def point(
        self,
        change: Change,
        directory: InodeId,
        name: bytes,
        dirent: DirentRecord,
        inode: InodeId,
        kind: int,
    ) -> None:
        """Let an existing entry name another inode. Raises NotPermitted as `remove`."""
        record = self._opened(change, directory)
        record.nlink += (kind == DIRECTORY) - (dirent.kind == DIRECTORY)
        _put(change, directory, name, DirentRecord(inode, dirent.cookie, kind))
        if self.watcher is not None and kind != dirent.kind:
            self.watcher.went(change, directory, name, dirent.kind)
            self.watcher.appeared(change, directory, name, kind)

    def _opened(self, change: Change, directory: InodeId) -> InodeRecord:
        """The record of a directory whose entries change, stamped."""
        record = change.edit(directory)
        require_directory(directory, record)
        require_linked(directory, record)
        require_unlocked(directory, record)
        record.mtime_ns = record.ctime_ns = change.now_ns
        record.tree = b""
        return record


def _put(change: Change, directory: InodeId, name: bytes, dirent: DirentRecord) -> None:
    order = DirentOrderRecord(dirent.inode, dirent.kind, name)
    change.operation.put(DIRENT, named_key(directory, name), dirent)
    change.operation.put(DIRENT_ORDER, pair_key(directory, dirent.cookie), order)


def _parent_of(directory: InodeId, record: InodeRecord) -> InodeId:
    if directory == ROOT_INODE:
        return ROOT_INODE
    require_linked(directory, record)
    return InodeId(record.parent)
