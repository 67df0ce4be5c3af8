"""Where the versions of a directory's files lie in the hidden tree.

`versions/0` mirrors the visible tree by names: `versions/0/a/b` holds the versions of what was in
`/a/b`, whether that exists or not. So a directory that is removed and made again has its versions
back without anybody doing anything, and one that is renamed takes them along by one rename here.

If versions lie there already, from a directory that had the name before, the new ones come to lie
in `versions/1`, then `versions/2`, and so on: generations. All of them are shown. The same happens
when the owner of a directory is another one than that of the versions; then those are not shown to
him. What finds no place in any generation goes to `versions/dropped`, to be deleted bit by bit.
"""

import stat
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from fsmodel.change import Change
from fsmodel.errors import PathRefused
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.directories import Directories
from fsmodel.namespace.inodes import DIRECTORY
from fsmodel.namespace.places import Place, move_place
from fsmodel.namespace.system_tree import SystemTree
from lmdb_index.index import Index
from lmdb_index.keys import pair_key
from lmdb_index.records import InodeRecord
from lmdb_index.schema import DIRENT_ORDER

VERSIONS: Final = b"versions"
DROPPED: Final = b"dropped"
GENERATIONS_MAX: Final = 16
REMEMBERED_MAX: Final = 20_000  # directories; about 200 bytes each
_PERMISSIONS: Final = 0o777
_CLAIMED: Final = stat.S_ISVTX  # of a folder that bears owner and mode of the directory it is for

Names = tuple[bytes, ...]


class _Taken(NamedTuple):
    folder: InodeId
    place: Place  # where it was


def names_on(path: bytes) -> Names:
    """The names on a path from the root, which may lead to nothing. Raises PathRefused."""
    if b"\0" in path:
        raise PathRefused(f"path {path!r} has a NUL byte")
    names = tuple(name for name in path.split(b"/") if name not in (b"", b"."))
    if b".." in names:
        raise PathRefused(f"path {path!r} has '..': give the path without it")
    return names


class VersionFolders:
    """Finds, makes and moves the folders of versions. Owner: the thread that owns the index."""

    def __init__(
        self, index: Index, inodes: InodeTable, directories: Directories, system: SystemTree
    ) -> None:
        self._index = index
        self._inodes = inodes
        self._directories = directories
        self._system = system
        self._known: dict[InodeId, Sequence[InodeId]] = {}
        self._changing: Change | None = None  # folders have changed in it: nothing is remembered

    def of(self, directory: InodeId, change: Change | None = None) -> Sequence[InodeId]:
        """The folders of a directory's versions, those of the first generation first."""
        if change is not None and change is self._changing:
            return tuple(self.at(self.names_of(directory, change)))
        found = self._known.get(directory)
        if found is None:
            found = tuple(self.at(self.names_of(directory, change)))
            if len(self._known) >= REMEMBERED_MAX:
                self._known.clear()
            self._known[directory] = found
        return found

    def at(self, path: Names) -> Iterator[InodeId]:
        """The same by the path of a directory, which need not exist any more."""
        for generation in self.generations():
            folder = self._below(generation, path)
            if folder is not None:
                yield folder

    def generations(self) -> Iterator[InodeId]:
        """The folders that mirror the root."""
        for number in range(GENERATIONS_MAX):
            folder = self._system.find(VERSIONS, b"%d" % number)
            if folder is None:
                return
            yield folder

    def dropped(self) -> InodeId | None:
        """The folder of folders that are to be deleted."""
        return self._system.find(VERSIONS, DROPPED)

    def make(self, change: Change, directory: InodeId) -> InodeId | None:
        """The folder for new versions of a directory's files.

        None when there is none that belongs to the directory's owner, and no room for one.
        """
        record = change.inode(directory)
        folder = next(
            (each for each in self.of(directory, change) if _is_for(change.inode(each), record)),
            None,
        )
        if folder is None:
            folder = self._make_at(change, self.names_of(directory, change))
        if folder is not None:
            _claim(change, folder, record)
        return folder

    def is_for(self, folder: InodeId, directory: InodeId) -> bool:
        """Whether those who may see the directory may know what is in the folder."""
        owner, record = self._inodes.get(directory), self._inodes.get(folder)
        return bool(record.mode & _CLAIMED) and record.uid == owner.uid

    def moved(
        self, change: Change, parent: InodeId, name: bytes, new_parent: InodeId, new_name: bytes
    ) -> None:
        """A directory has been moved: so are its versions.

        Even if it has none, where it comes to there may be some, for it and for what is below.
        """
        self.begin(change)
        taken = self._take(change, (*self.names_of(parent, change), name))
        self._place(change, taken, (*self.names_of(new_parent, change), new_name))

    def exchanged(
        self, change: Change, parent: InodeId, name: bytes, other_parent: InodeId, other: bytes
    ) -> None:
        """Two entries have been exchanged: so are their versions, if they have any."""
        self.begin(change)
        path = (*self.names_of(parent, change), name)
        other_path = (*self.names_of(other_parent, change), other)
        taken, other_taken = self._take(change, path), self._take(change, other_path)
        self._place(change, taken, other_path)
        self._place(change, other_taken, path)

    def begin(self, change: Change) -> None:
        """Folders come, go or move in this change."""
        if self._changing is not change:
            self._changing = change
            self._known.clear()
            change.when_applied(self._applied)

    def names_of(self, directory: InodeId, change: Change | None = None) -> Names:
        """The names on the way from the root to a directory that exists."""
        record_of = self._inodes.get if change is None else change.inode
        names: list[bytes] = []
        while directory != ROOT_INODE:
            record = record_of(directory)
            row = self._index.get(DIRENT_ORDER, pair_key(record.parent, record.cookie))
            assert row is not None, f"directory {directory} has no name"
            names.append(row.name)
            directory = InodeId(record.parent)
        return tuple(reversed(names))

    def _applied(self) -> None:
        self._changing = None
        self._known.clear()

    def _below(self, folder: InodeId, path: Names) -> InodeId | None:
        for name in path:
            dirent = self._directories.find(folder, name)
            if dirent is None or dirent.kind != DIRECTORY:
                return None
            folder = InodeId(dirent.inode)
        return folder

    def _make_at(self, change: Change, path: Names) -> InodeId | None:
        """The folder of a path in the first generation that has none there."""
        for number in range(GENERATIONS_MAX):
            if self._is_free(number, path):
                self.begin(change)
                return self._system.folder(change, VERSIONS, b"%d" % number, *path)
        return None

    def _is_free(self, number: int, path: Names) -> bool:
        """Whether a generation has nothing at a path, and a folder there can be made."""
        folder = self._system.find(VERSIONS, b"%d" % number)
        return folder is None or self._is_free_in(folder, path)

    def _is_free_in(self, folder: InodeId, path: Names) -> bool:
        for name in path:
            dirent = self._directories.find(folder, name)
            if dirent is None:
                return True
            if dirent.kind != DIRECTORY:
                return False  # a file had the name of a version
            folder = InodeId(dirent.inode)
        return False

    def _take(self, change: Change, path: Names) -> list[_Taken]:
        """Take the folders of a path out of every generation; they must be placed next."""
        taken = []
        for generation in tuple(self.generations()):
            above = self._below(generation, path[:-1])
            dirent = above and self._directories.find(above, path[-1])
            if above and dirent and dirent.kind == DIRECTORY:
                self._directories.remove(change, above, path[-1], dirent)
                taken.append(_Taken(InodeId(dirent.inode), Place(above, dirent.cookie)))
        return taken

    def _place(self, change: Change, taken: Sequence[_Taken], path: Names) -> None:
        numbers = iter(range(GENERATIONS_MAX))
        for folder, place in taken:
            free = next((each for each in numbers if self._is_free(each, path)), None)
            if free is None:
                above, name = self._system.folder(change, VERSIONS, DROPPED), b"%d" % folder
            else:
                above = self._system.folder(change, VERSIONS, b"%d" % free, *path[:-1])
                name = path[-1]
            cookie = self._directories.insert(change, above, name, folder, DIRECTORY)
            move_place(change, folder, place, Place(above, cookie))


def _is_for(folder: InodeRecord, directory: InodeRecord) -> bool:
    """Whether versions of a directory's files may come into this folder."""
    return folder.uid == directory.uid or not folder.mode & _CLAIMED


def _claim(change: Change, folder: InodeId, directory: InodeRecord) -> None:
    """Let the folder have the owner and the permissions of the directory it is for.

    What the directory did not permit when earlier versions were made stays forbidden.
    """
    former = change.inode(folder)
    permitted = directory.mode & (former.mode if former.mode & _CLAIMED else _PERMISSIONS)
    wanted = former.mode & ~_PERMISSIONS | _CLAIMED | permitted & _PERMISSIONS
    if (former.mode, former.uid, former.gid) != (wanted, directory.uid, directory.gid):
        record = change.edit(folder)
        record.mode, record.uid, record.gid = wanted, directory.uid, directory.gid
