"""Where a directory lies in the structured part of a tree, and so which rules hold in it.

A directory is found by its way up to the root: a few look-ups in memory, as deep as it lies.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from fsmodel.change import Change
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.cloning import ASIDE
from fsmodel.namespace.system_tree import SystemTree
from fsmodel.series.layout import DELETED, DOCUMENT_FOLDERS, REMOVED, StructuredFolders
from lmdb_index.index import Index
from lmdb_index.keys import pair_key
from lmdb_index.records import InodeFlag, InodeRecord
from lmdb_index.schema import DIRENT_ORDER


class Zone(Enum):
    """A part of the tree with rules of its own."""

    FREE = auto()  # an ordinary tree
    SERIES = auto()  # series/
    DELETED = auto()  # series/deleted/
    OUTPUT = auto()  # output/
    SERIES_OUTPUT = auto()  # output/NAME/
    KIND = auto()  # output/NAME/KIND/
    TEMPORARY = auto()  # below a temporary folder in one of the last two


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a directory lies."""

    zone: Zone
    series: InodeId | None = None  # the folder of the series' output
    kind: bytes = b""  # name of the kind folder it is or lies below
    depth: int = 0  # levels below the folder of the series' output
    is_deleted: bool = False  # that folder is hidden, as its series is deleted


FREE: Final = Spot(Zone.FREE)
_OF_DELETED: Final = (DELETED, REMOVED)  # folders of the hidden directory

RecordOf = Callable[[InodeId], InodeRecord]


class Places:
    """Finds out where directories lie. Owner: the thread that owns the index."""

    def __init__(
        self, index: Index, inodes: InodeTable, system: SystemTree, folders: StructuredFolders
    ) -> None:
        self._index = index
        self._inodes = inodes
        self._system = system
        self.folders = folders

    def of(self, directory: InodeId, change: Change | None = None) -> Spot:
        """Where a directory lies, as a change in progress sees it. Raises NotFound."""
        if directory == self.folders.series:
            return Spot(Zone.SERIES)
        if directory == self.folders.deleted:
            return Spot(Zone.DELETED)
        record_of = self._inodes.get if change is None else change.inode
        way = _way(directory, record_of)
        top = way[-1]
        if top == self.folders.output:
            return self._in_output(way[:-1], record_of, is_deleted=False)
        if len(way) > 2 and self._is_of_deleted(record_of(way[-2])):
            return self._in_output(way[:-2], record_of, is_deleted=True)
        return FREE

    def holds_documents(self, directory: InodeId) -> bool:
        """Whether the JSON documents in an ordinary directory are committed whole."""
        top = _way(directory, self._inodes.get)[-1]
        record = self._inodes.get(top)
        return record.parent == ROOT_INODE and self._name(record) in DOCUMENT_FOLDERS

    def are_aside(self, *directories: InodeId) -> bool:
        """Whether one of these directories is that of copies that are being made."""
        return self._system.find(ASIDE) in directories

    def is_series_output(self, directory: InodeId) -> bool:
        """Whether a directory is the folder of an active series' output."""
        return self._inodes.get(directory).parent == self.folders.output

    def _is_of_deleted(self, folder: InodeRecord) -> bool:
        """Whether a folder is one of those that keep the output of deleted series."""
        return bool(folder.flags & InodeFlag.HIDDEN) and self._name(folder) in _OF_DELETED

    def _name(self, record: InodeRecord) -> bytes:
        row = self._index.get(DIRENT_ORDER, pair_key(record.parent, record.cookie))
        assert row is not None, "a directory without a name"
        return row.name

    def _in_output(self, way: list[InodeId], record_of: RecordOf, *, is_deleted: bool) -> Spot:
        """The spot of a directory, given the way from it up to what lies in `output/`."""
        if not way:
            return Spot(Zone.OUTPUT, is_deleted=is_deleted)
        series, depth = way[-1], len(way) - 1
        if depth == 0:
            return Spot(Zone.SERIES_OUTPUT, series, is_deleted=is_deleted)
        kind = self._name(record_of(way[-2]))
        zone = Zone.KIND if depth == 1 else Zone.TEMPORARY
        return Spot(zone, series, kind, depth, is_deleted)


def _way(directory: InodeId, record_of: RecordOf) -> list[InodeId]:
    """The directory and those above, the root left out unless it is the only one."""
    way = [directory]
    while (parent := InodeId(record_of(way[-1]).parent)) not in (ROOT_INODE, 0):
        way.append(parent)
    return way
