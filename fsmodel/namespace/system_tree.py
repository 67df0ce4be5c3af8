"""The hidden part of the tree: what cairnfs keeps for its users as ordinary inodes.

Earlier contents of files, metadata documents and the output of deleted series are files and
folders like all others: counted, checked, collected, written into trees and rebuilt by the same
code. They lie below one directory of the root whose name is reserved, which no listing shows and no
lookup finds; views show them where users look for them.
"""

from typing import Final

from fsmodel.change import Change
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.creation import Creation
from fsmodel.namespace.directories import Directories
from fsmodel.namespace.inodes import REGULAR, Creator, bytes_counter, counters_of, kind_of
from lmdb_index.records import InodeFlag

SYSTEM_NAME: Final = b".cairnfs"  # of the hidden directory, in the root
FOLDER_MODE: Final = 0o700


class SystemTree:
    """Finds and makes hidden folders. Owner: the thread that owns the index."""

    def __init__(self, inodes: InodeTable, directories: Directories, creation: Creation) -> None:
        """`creation` must refuse no name."""
        self._inodes = inodes
        self._directories = directories
        self._creation = creation

    def find(self, *path: bytes) -> InodeId | None:
        """The hidden folder or file at a path below the hidden directory, if it is there."""
        inode = ROOT_INODE
        for name in (SYSTEM_NAME, *path):
            dirent = self._directories.find(inode, name)
            if dirent is None:
                return None
            inode = InodeId(dirent.inode)
        return inode

    def folder(self, change: Change, *path: bytes) -> InodeId:
        """The hidden folder at a path, made with those above it where they are missing."""
        folder = self._child(change, ROOT_INODE, SYSTEM_NAME)
        for name in path:
            folder = self._child(change, folder, name)
        return folder

    def file(
        self, change: Change, folder: InodeId, name: bytes, mode: int, owner: Creator
    ) -> InodeId:
        """Make an empty file in a hidden folder. Raises AlreadyExists."""
        return self._creation.make_node(change, folder, name, mode, 0, owner)

    def contains(self, inode: InodeId) -> bool:
        """Whether an inode is the hidden directory or lies below it."""
        system = self.find()
        while inode not in (ROOT_INODE, 0):
            if inode == system:
                return True
            inode = InodeId(self._inodes.get(inode).parent)
        return False

    def _child(self, change: Change, parent: InodeId, name: bytes) -> InodeId:
        dirent = self._directories.find(parent, name)
        if dirent is not None:
            return InodeId(dirent.inode)
        record = change.inode(parent)
        times = record.mtime_ns, record.ctime_ns
        owner = Creator(record.uid, record.gid)
        made = self._creation.make_directory(change, parent, name, FOLDER_MODE, owner)
        if parent == ROOT_INODE:  # what users cannot see has changed nothing for them
            hide(change, made)
            edited = change.edit(parent)
            edited.mtime_ns, edited.ctime_ns = times
        return made


def hide(change: Change, inode: InodeId, flags: int = 0) -> None:
    """Something comes to lie in the hidden part, with these flags: the counters move along."""
    record, operation = change.edit(inode), change.operation
    (_, *former), counter = counters_of(record), bytes_counter(record)  # "inodes" stays
    record.flags |= InodeFlag.HIDDEN | flags
    _, *now = counters_of(record)
    if former != now:
        for name in former:
            operation.add(name, -1)
        for name in now:
            operation.add(name, 1)
    if kind_of(record) == REGULAR:
        operation.add(counter, -record.size)
        operation.add(bytes_counter(record), record.size)
