"""What the kernel still knows: how often each inode was looked up, less what it has forgotten.

An inode without a name and without an open file is deleted at once, yet the kernel may hold it a
little longer: as somebody's working directory, or for a descriptor opened with O_PATH. Until it
is forgotten, its last attributes are kept here, with a link count of zero, as stat must show.
"""

import copy

from fsmodel.ids import InodeId
from lmdb_index.records import InodeRecord


class Lookups:
    """Lookup counts and the attributes of deleted inodes. Owner: the event-loop thread."""

    def __init__(self) -> None:
        self._counts: dict[InodeId, int] = {}
        self._deleted: dict[InodeId, InodeRecord] = {}

    def count(self, inode: InodeId) -> None:
        """The kernel has been told of an inode once more."""
        self._counts[inode] = self._counts.get(inode, 0) + 1

    def forget(self, inode: InodeId, times: int) -> None:
        """The kernel gives back some of its lookups."""
        left = self._counts.get(inode, 0) - times
        if left > 0:
            self._counts[inode] = left
        else:
            self._counts.pop(inode, None)
            self._deleted.pop(inode, None)

    def deleted(self, inode: InodeId) -> InodeRecord | None:
        """The last attributes of a deleted inode that the kernel still holds."""
        return self._deleted.get(inode)

    def note_deleted(self, inode: InodeId, last: InodeRecord) -> None:
        """An inode has been deleted; keep how it was if the kernel may still ask."""
        if inode in self._counts:
            record = copy.copy(last)
            record.nlink = 0
            self._deleted[inode] = record
