"""Inodes that somebody outside still knows by their number: the kernel, in a mount.

An inode whose last name goes is kept as an orphan while it is held: it may be somebody's working
directory, or about to be opened by whoever has just looked it up. The kernel says how often it was
told of an inode, less what it has forgotten.
"""

from collections.abc import Iterable

from fsmodel.ids import InodeId


class Holds:
    """How often each inode is held. Owner: the thread that owns the index."""

    def __init__(self) -> None:
        self._counts: dict[InodeId, int] = {}

    def add(self, inode: InodeId) -> None:
        """Somebody has been told of an inode once more."""
        self._counts[inode] = self._counts.get(inode, 0) + 1

    def add_each(self, inodes: Iterable[InodeId]) -> None:
        """The same for many."""
        counts = self._counts
        for inode in inodes:
            counts[inode] = counts.get(inode, 0) + 1

    def drop(self, inode: InodeId, times: int) -> bool:
        """Some of the holds end; tell whether none is left."""
        left = self._counts.get(inode, 0) - times
        if left > 0:
            self._counts[inode] = left
            return False
        self._counts.pop(inode, None)
        return True

    def __contains__(self, inode: InodeId) -> bool:
        return inode in self._counts
