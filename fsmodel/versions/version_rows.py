"""Reads which versions there are from the entries of their folders."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import DIRECTORY
from fsmodel.namespace.xattrs import Xattrs
from fsmodel.versions.version_names import (
    NAME_ATTRIBUTE,
    entry_prefix,
    may_be_shortened,
    split_entry,
    stored_name,
)
from lmdb_index.index import Index
from lmdb_index.keys import after_prefix, name_of, named_key
from lmdb_index.schema import DIRENT


class Version(NamedTuple):
    """What a name stood for until a moment."""

    stamp_us: int  # that moment, in microseconds since the epoch; unique among those of a name
    inode: InodeId
    folder: InodeId  # where it lies in the hidden tree
    entry: bytes  # under which name


class VersionRows:
    """Versions by directory and name. Owner: the thread that owns the index."""

    def __init__(self, index: Index, inodes: InodeTable, xattrs: Xattrs) -> None:
        self._index = index
        self._inodes = inodes
        self._xattrs = xattrs

    def of(self, folders: Iterable[InodeId], name: bytes) -> list[Version]:
        """The versions of a name in some folders, oldest first. Sees the change in progress."""
        return sorted(
            version
            for folder in folders
            for version in self._in_folder(folder, name, reverse=False)
        )

    def newest_stamp(self, folders: Iterable[InodeId], name: bytes) -> int:
        """The stamp of the last one; 0 when there is none."""
        last = (next(self._in_folder(folder, name, reverse=True), None) for folder in folders)
        return max((version.stamp_us for version in last if version is not None), default=0)

    def names(self, folder: InodeId, after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Each version's entry behind one, and the name it is a version of."""
        start, stop = named_key(folder, after + b"\0"), after_prefix(named_key(folder, b""))
        for key, dirent in self._index.scan(DIRENT, start, stop):
            entry = name_of(key)
            parts = split_entry(entry)
            if parts is not None and dirent.kind != DIRECTORY:
                yield entry, self._whole_name(parts[0], InodeId(dirent.inode))

    def _in_folder(self, folder: InodeId, name: bytes, *, reverse: bool) -> Iterator[Version]:
        prefix = named_key(folder, entry_prefix(name))
        if not self._index.has_prefix(DIRENT, prefix):
            return  # as for most names
        stored = stored_name(name)
        is_certain = not may_be_shortened(stored)
        for key, dirent in self._index.scan(DIRENT, prefix, after_prefix(prefix), reverse=reverse):
            entry, inode = name_of(key), InodeId(dirent.inode)
            parts = split_entry(entry)
            if parts is None or parts[0] != stored or dirent.kind == DIRECTORY:
                continue
            if is_certain or self._whole_name(stored, inode) == name:
                yield Version(parts[1], inode, folder, entry)

    def _whole_name(self, stored: bytes, inode: InodeId) -> bytes:
        """The name that an entry stands for."""
        if not may_be_shortened(stored):
            return stored
        whole = self._xattrs.find(inode, self._inodes.get(inode), NAME_ATTRIBUTE)
        return stored if whole is None else whole
