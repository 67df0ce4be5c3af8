"""The structured folders of a store: which there are, and how a store is known to have them.

A store made without `--plain` has them all, and its root directory the attribute
`cairnfs.layout`, so that an index made again from the packs knows as well. `series/`,
`series/deleted/` and `output/` cannot be removed or moved; the others can, and mean something
as long as they are there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from fsmodel.change import Change
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.namespace import Namespace
from fsmodel.versions.policy import ATTRIBUTE as VERSIONS_ATTRIBUTE
from lmdb_index.keys import named_key
from lmdb_index.schema import DIRENT, XATTR, Record, Table

LAYOUT_ATTRIBUTE: Final = b"cairnfs.layout"  # of the root directory
STRUCTURED: Final = b"structured"

SERIES: Final = b"series"
DELETED: Final = b"deleted"
OUTPUT: Final = b"output"
REMOVED: Final = b"removed"  # hidden folder: output that is being deleted
EMPTIED: Final = b"emptied"  # hidden folder: what was in a folder that is emptied
CACHE: Final = b"cache"
TEMP: Final = b"temp"
METRICS: Final = b"metrics"
DOCUMENT_FOLDERS: Final = (b"runs", b"experiments", b"config")
PROJECTS: Final = b"projects"

FOLDER_MODE: Final = 0o755


class ReadsRows(Protocol):
    """An index, or a view of one."""

    def get(self, table: Table[Record], key: bytes) -> Record | None:
        """The row with this key."""
        ...


@dataclass(frozen=True, slots=True)
class StructuredFolders:
    """The folders that are always there, by their inodes."""

    series: InodeId
    deleted: InodeId  # in `series`
    output: InodeId

    def __contains__(self, inode: object) -> bool:
        return inode in (self.series, self.deleted, self.output)


def make_structured_folders(change: Change, namespace: Namespace, owner: Creator) -> InodeId:
    """Make the folders of an empty store; return that of the series."""

    def folder(parent: InodeId, name: bytes) -> InodeId:
        return namespace.creation.make_directory(change, parent, name, FOLDER_MODE, owner)

    series = folder(ROOT_INODE, SERIES)
    folder(series, DELETED)
    folder(ROOT_INODE, OUTPUT)
    cache = folder(ROOT_INODE, CACHE)
    folder(cache, TEMP)
    metrics = folder(ROOT_INODE, METRICS)
    for each in (cache, metrics):  # what comes and goes by itself leaves no versions
        namespace.xattrs.put(change, each, VERSIONS_ATTRIBUTE, b"off")
    for name in (*DOCUMENT_FOLDERS, PROJECTS):
        folder(ROOT_INODE, name)
    namespace.xattrs.put(change, ROOT_INODE, LAYOUT_ATTRIBUTE, STRUCTURED)
    return series


def is_structured(rows: ReadsRows) -> bool:
    """Whether a store was made with structured folders."""
    layout = rows.get(XATTR, named_key(ROOT_INODE, LAYOUT_ATTRIBUTE))
    return layout is not None and layout.value == STRUCTURED


def find_structured_folders(rows: ReadsRows) -> StructuredFolders | None:
    """The folders of a store that has them; None for a plain one."""
    if not is_structured(rows):
        return None
    found = dict(_named(rows, ROOT_INODE, SERIES, OUTPUT))
    if len(found) < 2:
        return None  # damaged: fsck says so
    found.update(_named(rows, found[SERIES], DELETED))
    if DELETED not in found:
        return None
    return StructuredFolders(found[SERIES], found[DELETED], found[OUTPUT])


def _named(rows: ReadsRows, directory: InodeId, *names: bytes) -> Iterator[tuple[bytes, InodeId]]:
    for name in names:
        dirent = rows.get(DIRENT, named_key(directory, name))
        if dirent is not None:
            yield name, InodeId(dirent.inode)
