"""Symbolic links outside the series: free, unless the mount or a folder wants them contained.

A folder says so in the attribute `cairnfs.symlinks`: `contained`, or `free` to end what one above
says. A contained link points to what lies in that folder or below; for a mount, in the mount.
"""

from collections.abc import Iterator
from typing import Final

from fsmodel.errors import CrossesDevice, InvalidArgument, PathRefused
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import DIRECTORY, SYMLINK, kind_of
from fsmodel.namespace.link_targets import stays_inside
from fsmodel.namespace.names import UserNames
from fsmodel.namespace.xattrs import Xattrs
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.records import InodeFlag
from lmdb_index.schema import DIRENT_ORDER

SYMLINKS: Final = b"cairnfs.symlinks"
CONTAINED: Final = b"contained"
FREE: Final = b"free"
MOVED_MAX: Final = 20_000  # entries looked at when a tree moves; a larger one is to be copied


def check_text(text: bytes) -> None:
    """Whether a folder can say so about its links. Raises InvalidArgument."""
    if text not in (CONTAINED, FREE):
        raise InvalidArgument(f"symlinks {text!r}: say contained or free")


class ContainedLinks:
    """Checks links against the nearest folder that contains them.

    Owner: the thread that owns the index.
    """

    def __init__(
        self, index: Index, inodes: InodeTable, xattrs: Xattrs, *, whole_mount: bool
    ) -> None:
        self._index = index
        self._inodes = inodes
        self._xattrs = xattrs
        self._whole_mount = whole_mount

    def check(self, directory: InodeId, name: bytes, target: bytes) -> None:
        """Refuse a link that would leave its folder. Raises PathRefused."""
        found = self._container(directory)
        if found is not None and not stays_inside(target, found[1]):
            raise PathRefused(
                f"{name!r} may not point to {target!r}: links are contained here: make it "
                "relative, with '..' at its beginning only, and within the folder"
            )

    def check_move(self, inode: InodeId, parent: InodeId, new_parent: InodeId) -> None:
        """Refuse to move a directory with links that would leave their folder.

        Raises PathRefused; CrossesDevice for a tree too large to be looked through.
        """
        here, there = self._container(parent), self._container(new_parent)
        if there is None or here == there or self._own(inode) is not None:
            return
        for target, depth in self._links_below(inode):
            if not stays_inside(target, there[1] + 1 + depth):
                raise PathRefused(f"the link to {target!r} in it would leave the folder")

    def _container(self, directory: InodeId) -> tuple[InodeId, int] | None:
        """The folder that contains what is in a directory, and how many levels below it is."""
        depth = 0
        while directory:
            said = self._own(directory)
            if said is not None:
                return (directory, depth) if said == CONTAINED else None
            if directory == ROOT_INODE:
                break
            directory, depth = InodeId(self._inodes.get(directory).parent), depth + 1
        return (ROOT_INODE, depth) if self._whole_mount else None

    def _own(self, directory: InodeId) -> bytes | None:
        record = self._inodes.get(directory)
        if not record.flags & InodeFlag.HAS_XATTRS:
            return None
        return self._xattrs.find(directory, record, SYMLINKS)

    def _links_below(self, directory: InodeId) -> Iterator[tuple[bytes, int]]:
        """Targets of the links in a tree, and how deep they lie. Raises CrossesDevice."""
        waiting, seen = [(directory, 0)], 0
        while waiting:
            at, depth = waiting.pop()
            for _, entry in self._index.scan_prefix(DIRENT_ORDER, number_key(at)):
                seen += 1
                if seen > MOVED_MAX:
                    raise CrossesDevice("a tree too large to check its links: copy it")
                inode = InodeId(entry.inode)
                if entry.kind == SYMLINK:
                    yield self._inodes.get(inode).target, depth
                elif entry.kind == DIRECTORY and self._own(inode) is None:
                    waiting.append((inode, depth + 1))


class ContainedNames(UserNames):
    """The policy of ordinary folders for what users do, links included."""

    def __init__(self, inodes: InodeTable, contained: ContainedLinks) -> None:
        self._inodes = inodes
        self._contained = contained

    def check_symlink(self, parent: InodeId, name: bytes, target: bytes) -> None:
        """Raises PathRefused where links are contained, for one that would leave its folder."""
        self._contained.check(parent, name, target)

    def check_move(
        self, inode: InodeId, parent: InodeId, new_parent: InodeId, new_name: bytes
    ) -> None:
        """Raises PathRefused as `check_symlink`; CrossesDevice for a tree too large to check."""
        record = self._inodes.get(inode)
        if kind_of(record) == SYMLINK:
            self._contained.check(new_parent, new_name, record.target)
        elif kind_of(record) == DIRECTORY:
            self._contained.check_move(inode, parent, new_parent)
