"""What the library can ask of files and directories by their paths; see caller.py."""

import os

import msgspec

from fsmodel.errors import ChangedMeanwhile
from fsmodel.ids import InodeId
from fsmodel.library.answers import FileEntry, FileInfo, Piece, kind_name
from fsmodel.library.caller import Caller
from fsmodel.library.paths import directory_in, make_directories, make_directory, split_path
from fsmodel.library.pieces import PIECE_BYTES_MAX, read_piece
from fsmodel.namespace.inodes import is_directory, kind_of
from fsmodel.namespace.renames import RenameFlag
from fsmodel.steps import Steps
from fsmodel.uploads import version_of
from fsmodel.volume import Volume
from lmdb_index.records import InodeFlag


class Stat(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is at a path."""

    path: bytes

    def run(self, volume: Volume, caller: Caller) -> Steps[FileInfo]:
        """Raises NotFound, NotADirectory."""
        yield from ()
        inode = volume.resolve(self.path)
        record, size = volume.attributes(inode)
        return FileInfo(
            kind=kind_name(kind_of(record)),
            size=0 if is_directory(record) else size,
            mode=record.mode & 0o7777,
            uid=record.uid,
            gid=record.gid,
            mtime_ns=record.mtime_ns,
            version=_version(volume, inode),
        )


class List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The names in a directory, views left out."""

    path: bytes

    def run(self, volume: Volume, caller: Caller) -> Steps[list[FileEntry]]:
        """By name. Raises NotFound, NotADirectory."""
        yield from ()
        directory = volume.resolve(self.path)
        limit = volume.listing_limit(directory)
        entries = volume.list_entries(directory, 0, limit)
        found = [FileEntry(entry.name, kind_name(entry.kind)) for entry in entries]
        return sorted(found, key=lambda entry: entry.name)


class Read(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some bytes of a file; with `expected`, of that version of it."""

    path: bytes
    offset: int = 0
    length: int = PIECE_BYTES_MAX
    expected: str | None = None

    def run(self, volume: Volume, caller: Caller) -> Steps[Piece]:
        """Raises NotFound, IsADirectory, ChangedMeanwhile, DataError."""
        inode = volume.resolve(self.path)
        version = _version(volume, inode)
        if self.expected is not None and version != self.expected:
            raise ChangedMeanwhile(f"{os.fsdecode(self.path)} has changed while it was read")
        return (yield from read_piece(volume, inode, self.offset, self.length, version))


class MakeDirectory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Make a directory and those above it; one that is there is no failure if `exist_ok`."""

    path: bytes
    exist_ok: bool = False

    def run(self, volume: Volume, caller: Caller) -> Steps[None]:
        """Raises AlreadyExists, NotADirectory, what the policy raises."""
        yield from ()
        parent, name = split_path(self.path)
        directory = make_directories(volume, parent, caller)
        if self.exist_ok:
            directory_in(volume, directory, name, caller)
        else:
            make_directory(volume, directory, name, caller)


class Remove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Remove a name: of a file, of anything else, of an empty directory."""

    path: bytes

    def run(self, volume: Volume, caller: Caller) -> Steps[None]:
        """Raises NotFound, DirectoryNotEmpty, NotPermitted."""
        yield from ()
        parent, name = split_path(self.path)
        directory = volume.resolve(parent)
        is_folder = is_directory(volume.attributes(volume.lookup(directory, name))[0])
        (volume.rmdir if is_folder else volume.unlink)(directory, name)
        caller.changed(volume, directory, name)


class Rename(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Move a name, replacing what a rename(2) would replace unless `exclusive`."""

    path: bytes
    new_path: bytes
    exclusive: bool = False

    def run(self, volume: Volume, caller: Caller) -> Steps[None]:
        """Raises NotFound, AlreadyExists, what the policy raises."""
        yield from ()
        parent, name = split_path(self.path)
        new_parent, new_name = split_path(self.new_path)
        places = ((volume.resolve(parent), name), (volume.resolve(new_parent), new_name))
        flags = RenameFlag.NOREPLACE if self.exclusive else RenameFlag(0)
        volume.rename(*places[0], *places[1], flags)
        for place in places:
            caller.changed(volume, *place)


def _version(volume: Volume, inode: InodeId) -> str | None:
    record, _ = volume.attributes(inode)
    file = volume.contents.file(inode)
    is_unsettled = record.flags & InodeFlag.UNSETTLED or (file is not None and file.changed)
    if kind_name(kind_of(record)) != "file" or is_unsettled:
        return None
    return version_of(record.content)
