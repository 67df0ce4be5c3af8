"""Third step: the tree of a root becomes rows again: inodes, entries, links, attributes.

Memory: the directories still to be read, and one page of each level of one directory.
"""

import stat
from collections.abc import Callable
from typing import Final

from fsmodel.errors import DataError
from fsmodel.history.root_format import Root
from fsmodel.history.tree_entry import FIRST_PLACE, TreeEntry, placed
from fsmodel.history.tree_reader import LoadTree, entries_of_tree
from fsmodel.history.tree_rows import inode_row, xattr_row
from fsmodel.ids import ROOT_INODE, InodeId, ObjectId
from fsmodel.rebuild.bulk import Bulk
from fsmodel.upkeep.check_contents import content_size
from lmdb_index.keys import named_key, number_key, pair_key, triple_key
from lmdb_index.records import (
    DirentOrderRecord,
    DirentRecord,
    InodeFlag,
    RawRecord,
)
from lmdb_index.schema import DIRENT, DIRENT_ORDER, INODE, LINK, UNSETTLED, XATTR

_PRESENT: Final = RawRecord()


class NameRestorer:
    """Makes the rows of one root. Afterwards `unsettled` and `lost_attributes` say what lacks."""

    def __init__(self, bulk: Bulk, load: LoadTree) -> None:
        self._bulk = bulk
        self._load = load
        self.unsettled: list[InodeId] = []  # files with bytes that were in the index alone
        self.lost_attributes: list[tuple[InodeId, bytes]] = []

    def restore(self, root: Root, progress: Callable[[int], None]) -> None:
        """Every inode and name of a root whose trees can all be read. Raises DataError."""
        self._put_inode(root.directory, 0, 0)
        directories = [(int(ROOT_INODE), ObjectId(root.directory.tree))]
        count = 0
        while directories:
            directory, tree = directories.pop()
            for each in entries_of_tree(self._load, tree):
                for entry, above, _ in placed([each]):
                    self._put_entry(above or directory, entry)
                    count += 1
                    if entry.tree:
                        directories.append((entry.inode, ObjectId(entry.tree)))
            progress(count)

    def _put_entry(self, directory: int, entry: TreeEntry) -> None:
        put, kind = self._bulk.put, entry.mode >> 12
        dirent = DirentRecord(entry.inode, entry.cookie, kind)
        order = DirentOrderRecord(entry.inode, kind, entry.name)
        put(DIRENT, named_key(directory, entry.name), dirent)
        put(DIRENT_ORDER, pair_key(directory, entry.cookie), order)
        known = self._bulk.index.get(INODE, number_key(entry.inode))
        first = bool(entry.flags & FIRST_PLACE)
        if not first:
            put(LINK, triple_key(entry.inode, directory, entry.cookie), _PRESENT)
        if known is None:
            self._put_inode(entry, directory if first else 0, entry.cookie if first else 0)
        elif first:
            known.parent, known.cookie = directory, entry.cookie
            put(INODE, number_key(entry.inode), known)

    def _is_settled(self, entry: TreeEntry) -> bool:
        """Whether the bytes of a file are those of its content: that of a cut one has more."""
        if entry.size != entry.content_size or not entry.flags & InodeFlag.UNSETTLED:
            return entry.size == entry.content_size
        held = content_size(self._bulk.index, entry.content, self._load)
        return held == entry.size or not isinstance(held, int)

    def _put_inode(self, entry: TreeEntry, parent: int, cookie: int) -> None:
        key = number_key(entry.inode)
        record = inode_row(entry, parent, cookie)
        record.tree = entry.tree
        if entry.flags & InodeFlag.UNSETTLED:
            self.unsettled.append(InodeId(entry.inode))
        if stat.S_ISREG(entry.mode) and not self._is_settled(entry):
            record.flags |= InodeFlag.UNSETTLED
            self._bulk.put(UNSETTLED, key, _PRESENT)
        if self._put_xattrs(entry):
            record.flags |= InodeFlag.HAS_XATTRS
        self._bulk.put(INODE, key, record)

    def _put_xattrs(self, entry: TreeEntry) -> bool:
        """Tell whether there are any."""
        restored = False
        for xattr in entry.xattrs:
            try:
                value = xattr_row(xattr, self._load)
            except DataError:
                self.lost_attributes.append((InodeId(entry.inode), xattr.name))
                continue
            self._bulk.put(XATTR, named_key(entry.inode, xattr.name), RawRecord(value))
            restored = True
        return restored
