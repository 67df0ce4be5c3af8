"""Which documents a change may have brought into an index, or taken out of one.

What happens to a file shows in its record, as the change edits it; only a name that changes within
its directory does not, and is noted when it comes. Of a file of several names the record tells one
place: that the others are as they were is not known. Where a directory moves, every document below
it may get another path.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property

from fsmodel.change import Change
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.indexes.definition import SUFFIX
from fsmodel.indexes.globs import Glob
from fsmodel.namespace.inodes import DIRECTORY, REGULAR
from fsmodel.namespace.places import Place, places_of
from lmdb_index.index import Index
from lmdb_index.keys import named_key, number_key, pair_key
from lmdb_index.records import InodeFlag, InodeRecord
from lmdb_index.schema import DIRENT, DIRENT_ORDER

_SUFFIX = SUFFIX.encode()


class NotedNames:
    """The names that a change has given and taken, of files and folders."""

    def __init__(self, change: Change) -> None:
        self.change = change
        self.given: list[tuple[InodeId, bytes, int]] = []  # directory, name, kind
        self.left: list[bytes] = []  # paths that folders had


class PathsInChange:
    """Paths as a change in progress sees them."""

    def __init__(self, index: Index, change: Change) -> None:
        self._index = index
        self._change = change
        self._folders: dict[int, bytes] = {ROOT_INODE: b""}

    def of(self, inode: InodeId, record: InodeRecord) -> list[bytes]:
        """Every path of a file that ends as documents do."""
        names = ((place, self._name_at(place)) for place in places_of(self._index, inode, record))
        return [
            self.folder(place.directory) + b"/" + name
            for place, name in names
            if name.endswith(_SUFFIX)
        ]

    def folder(self, directory: int) -> bytes:
        """The path of a directory, however deep it lies; empty for the root."""
        above: list[tuple[int, bytes]] = []  # from the directory up to one whose path is known
        while directory not in self._folders:
            record = self._change.inode(InodeId(directory))
            name = self._name_at(Place(record.parent, record.cookie)) if record.parent else b"?"
            above.append((directory, name))
            directory = record.parent or ROOT_INODE
        path = self._folders[directory]
        for folder, name in reversed(above):
            path = self._folders[folder] = path + b"/" + name
        return path

    def _name_at(self, place: Place) -> bytes:
        row = self._index.get(DIRENT_ORDER, pair_key(*place))
        return row.name if row is not None else b"?"


class Touched:
    """Reads a change as it ends."""

    def __init__(
        self, index: Index, change: Change, noted: NotedNames | None, globs: list[Glob]
    ) -> None:
        self._index = index
        self._change = change
        self._noted = noted or NotedNames(change)
        self._globs = globs

    def inodes(self) -> set[InodeId]:
        """Regular files whose content, state or names may be others than before."""
        found = {
            inode
            for inode, record, former in self._edits
            if record.mode >> 12 == REGULAR and _differs(record, former)
        }
        found |= {inode for inode, kind in self._given if kind == REGULAR}
        for directory in self._moved_folders():
            found.update(self._below(directory))
        return found

    @cached_property
    def _edits(self) -> Sequence[tuple[InodeId, InodeRecord, InodeRecord | None]]:
        return self._change.edits()

    @cached_property
    def _given(self) -> list[tuple[InodeId, int]]:
        """What has got a name, and its kind."""
        found = []
        for directory, name, kind in self._noted.given:
            dirent = self._index.get(DIRENT, named_key(directory, name))
            if dirent is not None:
                found.append((InodeId(dirent.inode), kind))
        return found

    def _moved_folders(self) -> set[InodeId]:
        """Directories with another path, if any path of them can be that of documents."""
        new = {inode for inode, _, former in self._edits if former is None}
        moved = {
            inode
            for inode, record, former in self._edits
            if former is not None
            and record.mode >> 12 == DIRECTORY
            and (record.parent, record.cookie) != (former.parent, former.cookie)
        }
        moved |= {inode for inode, kind in self._given if kind == DIRECTORY and inode not in new}
        if not moved:
            return moved
        paths = PathsInChange(self._index, self._change)
        # What is new has no path to be looked up, which takes longer the deeper it lies.
        shown = [*self._noted.left, *map(paths.folder, moved - self._change.removals())]
        if any(glob.may_match_below(path) for glob in self._globs for path in shown):
            return moved
        return set()

    def _below(self, directory: InodeId) -> Iterator[InodeId]:
        """The files below a directory that documents can be."""
        waiting = [int(directory)]
        while waiting:
            entries = self._index.scan_prefix(DIRENT_ORDER, number_key(waiting.pop()))
            for _, entry in entries:
                if entry.kind == DIRECTORY:
                    waiting.append(entry.inode)
                elif entry.kind == REGULAR and entry.name.endswith(_SUFFIX):
                    yield InodeId(entry.inode)


def _differs(record: InodeRecord, former: InodeRecord | None) -> bool:
    """Whether something has changed that an index may care about."""
    return former is None or record.nlink > 1 or _facts(record) != _facts(former)


def _facts(record: InodeRecord) -> tuple[object, ...]:
    unsettled = record.flags & InodeFlag.UNSETTLED
    return record.content, record.parent, record.cookie, record.nlink, unsettled
