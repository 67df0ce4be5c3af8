"""Reads which versions there are from the entries of their folders."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fsmodel.ids import InodeId
from fsmodel.namespace.directories import Directories
from fsmodel.namespace.inodes import DIRECTORY
from fsmodel.versions.version_names import entry_prefix, is_inline, split_entry
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

    def __init__(self, index: Index, directories: Directories) -> None:
        self._index = index
        self._directories = directories

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
        """Each entry behind one, with the name whose version it is, or whose versions it holds."""
        stop = after_prefix(named_key(folder, b""))
        for key, dirent in self._index.scan(DIRENT, named_key(folder, after + b"\0"), stop):
            entry = name_of(key)
            parts = split_entry(entry)
            if dirent.kind != DIRECTORY and parts is not None:
                yield entry, parts[0]
            elif dirent.kind == DIRECTORY and not is_inline(entry):
                inside = next(self._own(InodeId(dirent.inode), b"", reverse=False), None)
                if inside is not None:
                    yield entry, entry

    def _in_folder(self, folder: InodeId, name: bytes, *, reverse: bool) -> Iterator[Version]:
        if is_inline(name):
            yield from self._own(folder, name, reverse=reverse)
            return
        dirent = self._directories.find(folder, name)
        if dirent is not None and dirent.kind == DIRECTORY:
            yield from self._own(InodeId(dirent.inode), b"", reverse=reverse)

    def _own(self, folder: InodeId, name: bytes, *, reverse: bool) -> Iterator[Version]:
        """The versions whose entries have exactly this name."""
        prefix = named_key(folder, entry_prefix(name))
        for key, dirent in self._index.scan(DIRENT, prefix, after_prefix(prefix), reverse=reverse):
            entry = name_of(key)
            parts = split_entry(entry)
            if parts is not None and parts[0] == name and dirent.kind != DIRECTORY:
                yield Version(parts[1], InodeId(dirent.inode), folder, entry)
