"""The end of an inode: what happens when its last name is gone.

While the daemon holds it open it stays as an orphan, with a row that survives a kill; else it is
destroyed at once, in the change that took the name.
"""

from collections.abc import Callable
from typing import Final

from fsmodel.change import Change
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import REGULAR, counters_of, is_directory, kind_of
from lmdb_index.index import Index
from lmdb_index.keys import number_key, number_of
from lmdb_index.records import InodeFlag, InodeRecord, RawRecord
from lmdb_index.schema import EXTENT, ORPHAN, UNSETTLED, XATTR, Record, Table

IsOpen = Callable[[InodeId], bool]
ReleaseContent = Callable[[Change, InodeId, InodeRecord], None]

_PRESENT: Final = RawRecord()


class Orphans:
    """Inodes without a name. Owner: the thread that owns the index."""

    def __init__(self, index: Index, is_open: IsOpen, release_content: ReleaseContent) -> None:
        self._index = index
        self._is_open = is_open
        self._release_content = release_content

    def bury(self, change: Change, inode: InodeId) -> None:
        """The last name is gone: keep the inode while it is open, else destroy it."""
        record = change.edit(inode)
        assert (record.parent, record.cookie) == (0, 0)
        if is_directory(record):
            assert record.size == 0
            record.nlink = 0
        if self._is_open(inode):
            change.operation.put(ORPHAN, number_key(inode), _PRESENT)
        else:
            self.destroy(change, inode)

    def destroy(self, change: Change, inode: InodeId) -> None:
        """Remove an inode that has no name, and everything stored about it."""
        record = change.edit(inode)
        assert record.nlink == 0
        for counter in counters_of(record):
            change.operation.add(counter, -1)
        if kind_of(record) == REGULAR:
            self._release_content(change, inode, record)
        if record.flags & InodeFlag.HAS_XATTRS:
            _delete_rows(change, XATTR, inode)
        if record.flags & InodeFlag.UNSETTLED:
            _delete_rows(change, EXTENT, inode)
            change.operation.delete(UNSETTLED, number_key(inode))
        change.operation.delete(ORPHAN, number_key(inode))
        change.remove_inode(inode)

    def __contains__(self, inode: InodeId) -> bool:
        """Whether an inode has no name, and is there all the same."""
        return self._index.get(ORPHAN, number_key(inode)) is not None

    def is_lost(self, inode: InodeId) -> bool:
        """Whether an inode has no name and nobody who keeps it, so that it can be destroyed."""
        return not self._is_open(inode) and inode in self

    def all(self) -> list[InodeId]:
        """Every orphan."""
        return [InodeId(number_of(key)) for key, _ in self._index.scan(ORPHAN)]


def _delete_rows(change: Change, table: Table[Record], inode: InodeId) -> None:
    keys = [key for key, _ in change.operation.scan_prefix(table, number_key(inode))]
    for key in keys:
        change.operation.delete(table, key)
