"""From paths to inodes and back, for the command line and for log lines.

Paths are absolute within the mount and made of bytes; symbolic links are not followed.
"""

from fsmodel.errors import PathRefused
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.directories import Directories
from fsmodel.namespace.inodes import require_directory
from fsmodel.namespace.places import Place, places_of
from lmdb_index.index import Index
from lmdb_index.keys import pair_key
from lmdb_index.schema import DIRENT_ORDER


class Paths:
    """Reads paths. Owner: the thread that owns the index."""

    def __init__(self, index: Index, inodes: InodeTable, directories: Directories) -> None:
        self._index = index
        self._inodes = inodes
        self._directories = directories

    def resolve(self, path: bytes) -> InodeId:
        """The inode at a path, taken from the root; a trailing slash asks for a directory.

        Raises NotFound, NotADirectory (also when the way leads through a symbolic link),
        NameTooLong, and PathRefused for a path with '..' or NUL.
        """
        if b"\0" in path:
            raise PathRefused(f"path {path!r} has a NUL byte", path)
        inode = ROOT_INODE
        for name in path.split(b"/"):
            if name == b"..":
                raise PathRefused(f"path {path!r} has '..': give the path without it", path)
            if name not in (b"", b"."):
                inode = self._directories.lookup(inode, name)
        if path.endswith((b"/", b"/.")):
            require_directory(inode, self._inodes.get(inode))
        return inode

    def paths_of(self, inode: InodeId) -> list[bytes]:
        """Every path of an inode; none for an orphan. Raises NotFound for an unknown inode."""
        record = self._inodes.get(inode)
        if inode == ROOT_INODE:
            return [b"/"]
        return [self._path_to(place) for place in places_of(self._index, inode, record)]

    def _path_to(self, place: Place) -> bytes:
        names = [self._name_at(place)]
        while place.directory != ROOT_INODE:
            record = self._inodes.get(InodeId(place.directory))
            place = Place(record.parent, record.cookie)
            names.append(self._name_at(place))
        return b"/" + b"/".join(reversed(names))

    def _name_at(self, place: Place) -> bytes:
        row = self._index.get(DIRENT_ORDER, pair_key(*place))
        assert row is not None, f"no entry at {place}"
        return row.name
