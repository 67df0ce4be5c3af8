"""Everything the library can ask of an open volume, one class for each.

A call is what travels: it runs where the volume is open, in this process or in that of a daemon,
so that both give the same answer. Its fields are its arguments; paths are bytes from the root of
the store and follow no symbolic link. `run` raises what the model raises. It changes all or
nothing, but for directories that it makes above a path.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec

from fsmodel.encoding.codecs import Codec
from fsmodel.errors import (
    Busy,
    ChangedMeanwhile,
    InvalidArgument,
    IsADirectory,
    NotADirectory,
    NotFound,
    PathRefused,
)
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.library.answers import Chunk, FileEntry, FileInfo, Piece, Version, kind_name
from fsmodel.namespace.inodes import Creator, is_directory, kind_of
from fsmodel.namespace.renames import RenameFlag
from fsmodel.steps import PAUSE, Steps
from fsmodel.upkeep.chunk_query import ChunkInfo, ChunkOrder, ChunkQuery
from fsmodel.uploads import version_of
from fsmodel.versions.version_names import stamp_from_text, stamp_text
from fsmodel.volume import Volume
from lmdb_index.records import InodeFlag

DIRECTORY_MODE: Final = 0o755
STRETCH: Final = 1000  # of a listing, before others have their turn
PIECE_BYTES_MAX: Final = 512 << 10  # of a file in one call


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and the names that stand for something else since he has."""

    uid: int
    touched: list[tuple[InodeId, bytes]] = field(default_factory=list)

    def changed(self, volume: Volume, directory: InodeId, name: bytes) -> None:
        """A name has come, gone, or stands for something else."""
        self.touched.append((directory, name))
        volume.entry_changed(directory, name)


class Call(Protocol):
    """One thing asked for."""

    def run(self, volume: Volume, caller: Caller) -> Steps[Any]:
        """Do it, on behalf of a caller."""
        ...


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
            raise ChangedMeanwhile(f"{_text(self.path)} has changed while it was read")
        return (yield from _read(volume, inode, self.offset, self.length, version))


class Begin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A content that is to be stored piece by piece."""

    def run(self, volume: Volume, caller: Caller) -> Steps[int]:
        """The number it has. Raises Busy, ReadOnly, NoSpace."""
        yield from _require_room(volume, 0)
        return volume.uploads.begin()


class Append(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Put bytes at the end of a content."""

    upload: int
    data: bytes

    def run(self, volume: Volume, caller: Caller) -> Steps[None]:
        """Raises NotFound, Busy, NoSpace."""
        yield from _require_room(volume, len(self.data))
        yield from volume.uploads.append(self.upload, self.data)


class GiveUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nobody wants a content any more."""

    upload: int

    def run(self, volume: Volume, caller: Caller) -> Steps[None]:
        """What is not there is no failure."""
        yield from ()
        volume.uploads.give_up(self.upload)


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Let a path stand for a content, making the directories above it.

    With `expected` only if it stands for that now; see Uploads.place.
    """

    upload: int
    path: bytes
    expected: str | None = None

    def run(self, volume: Volume, caller: Caller) -> Steps[str]:
        """The version of the new file. Raises ChangedMeanwhile, Refused, DataError."""
        try:
            parent, name = _split(self.path)
            directory = _make_directories(volume, parent, caller)
        except BaseException:
            volume.uploads.give_up(self.upload)
            raise
        owner = Creator(caller.uid, volume.attributes(directory)[0].gid)
        version = yield from volume.uploads.place(
            self.upload, directory, name, self.expected, owner
        )
        caller.touched.append((directory, name))
        return version


class Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keep a content by its hash, without a path."""

    upload: int

    def run(self, volume: Volume, caller: Caller) -> Steps[str]:
        """Its BLAKE3-256. Raises NotFound, Busy, NoSpace."""
        return volume.uploads.keep(self.upload, Creator(caller.uid, 0))


class ReadKept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some bytes of a content that is kept by its hash."""

    digest: str
    offset: int = 0
    length: int = PIECE_BYTES_MAX

    def run(self, volume: Volume, caller: Caller) -> Steps[Piece]:
        """Raises NotFound, InvalidArgument, DataError."""
        inode = volume.uploads.kept(self.digest)
        if inode is None:
            raise NotFound(f"no content {self.digest} is kept")
        return (yield from _read(volume, inode, self.offset, self.length, None))


class ListKept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The hashes of all contents that are kept."""

    def run(self, volume: Volume, caller: Caller) -> Steps[list[str]]:
        """In order."""
        found: list[str] = []
        for digest in volume.uploads.all_kept():
            found.append(digest)
            if len(found) % STRETCH == 0:
                yield PAUSE
        return sorted(found)


class DropKept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keep a content no more."""

    digest: str

    def run(self, volume: Volume, caller: Caller) -> Steps[None]:
        """Raises NotFound, InvalidArgument, ReadOnly."""
        yield from ()
        volume.require_writable()
        volume.uploads.drop_kept(self.digest)


class MakeDirectory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Make a directory and those above it; one that is there is no failure if `exist_ok`."""

    path: bytes
    exist_ok: bool = False

    def run(self, volume: Volume, caller: Caller) -> Steps[None]:
        """Raises AlreadyExists, NotADirectory, what the policy raises."""
        yield from ()
        parent, name = _split(self.path)
        directory = _make_directories(volume, parent, caller)
        if self.exist_ok:
            _directory_in(volume, directory, name, caller)
        else:
            _make_directory(volume, directory, name, caller)


class Remove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Remove a name: of a file, of anything else, of an empty directory."""

    path: bytes

    def run(self, volume: Volume, caller: Caller) -> Steps[None]:
        """Raises NotFound, DirectoryNotEmpty, NotPermitted."""
        yield from ()
        parent, name = _split(self.path)
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
        parent, name = _split(self.path)
        new_parent, new_name = _split(self.new_path)
        places = ((volume.resolve(parent), name), (volume.resolve(new_parent), new_name))
        flags = RenameFlag.NOREPLACE if self.exclusive else RenameFlag(0)
        volume.rename(*places[0], *places[1], flags)
        for place in places:
            caller.changed(volume, *place)


class FindChunks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Chunks by what they are; the meaning is that of ChunkQuery."""

    min_size: int | None = None
    max_size: int | None = None
    has_base: bool | None = None
    codec: str | None = None
    min_references: int | None = None
    max_references: int | None = None
    order: ChunkOrder = ChunkOrder.SIZE
    reverse: bool = False
    limit: int = 100

    def run(self, volume: Volume, caller: Caller) -> Steps[list[Chunk]]:
        """Raises InvalidArgument."""
        asked = msgspec.structs.asdict(self)
        query = ChunkQuery(**{**asked, "codec": _codec(self.codec)})
        return [_told(each) for each in (yield from volume.chunks.find(query))]


class FindChunk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A chunk by its id, or how that begins."""

    id: str

    def run(self, volume: Volume, caller: Caller) -> Steps[Chunk]:
        """Raises NotFound, InvalidArgument."""
        yield from ()
        return _told(volume.chunks.resolve(self.id))


class ReadChunk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The bytes of a chunk, by its id or how that begins."""

    id: str

    def run(self, volume: Volume, caller: Caller) -> Steps[bytes]:
        """Raises NotFound, InvalidArgument, DataError."""
        return (yield from volume.chunks.read(volume.chunks.resolve(self.id).id))


class Versions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file was before, or everything in a directory."""

    path: bytes

    def run(self, volume: Volume, caller: Caller) -> Steps[list[Version]]:
        """By name, then oldest first. Raises PathRefused."""
        return [
            Version(each.name, stamp_text(each.stamp_us).decode(), each.size, each.mtime_ns)
            for each in (yield from volume.list_versions(self.path))
        ]


class RestoreVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Let a file be what it was until a time, or before it changed last."""

    path: bytes
    time: str | None = None

    def run(self, volume: Volume, caller: Caller) -> Steps[None]:
        """Raises NotFound, InvalidArgument, Refused."""
        stamp = None if self.time is None else stamp_from_text(self.time.encode())
        if stamp is None and self.time is not None:
            raise InvalidArgument(f"{self.time} is no time of a version: give one as listed")
        yield from volume.restore_version(self.path, stamp)


class Snapshots(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The names of all snapshots."""

    def run(self, volume: Volume, caller: Caller) -> Steps[list[bytes]]:
        """In order."""
        yield from ()
        return [each.name for each in volume.snapshots.all()]


class RestoreSnapshot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bring back a path as it is in a snapshot."""

    name: str
    path: bytes

    def run(self, volume: Volume, caller: Caller) -> Steps[None]:
        """Raises NotFound, NotPermitted, Refused."""
        yield from volume.snapshots.restore(self.name.encode(), self.path, None)


CALLS: Final[dict[str, type[Any]]] = {
    each.__name__: each
    for each in (
        *(Stat, List, Read, Begin, Append, GiveUp, Place, MakeDirectory, Remove, Rename),
        *(Keep, ReadKept, ListKept, DropKept),
        *(FindChunks, FindChunk, ReadChunk, Versions, RestoreVersion, Snapshots, RestoreSnapshot),
    )
}


def _require_room(volume: Volume, size_bytes: int) -> Steps[None]:
    """See that so much can be stored, if need be for old versions. Raises ReadOnly, NoSpace."""
    if not volume.has_room(size_bytes):
        with suppress(Busy):  # somebody else makes room, or collects garbage
            yield from volume.make_room(size_bytes)
    volume.require_room()


def _read(
    volume: Volume, inode: InodeId, offset: int, length: int, version: str | None
) -> Steps[Piece]:
    """Some bytes of a file, so many at most as travel at once."""
    file = volume.open_file(inode, writing=False)
    try:
        size, length = file.size, min(max(length, 0), PIECE_BYTES_MAX)
        data = yield from volume.contents.read(inode, max(offset, 0), length)
        return Piece(bytes(data), size, version)
    finally:
        volume.close_file(inode)


def _version(volume: Volume, inode: InodeId) -> str | None:
    record, _ = volume.attributes(inode)
    file = volume.contents.file(inode)
    is_unsettled = record.flags & InodeFlag.UNSETTLED or (file is not None and file.changed)
    if kind_name(kind_of(record)) != "file" or is_unsettled:
        return None
    return version_of(record.content)


def _split(path: bytes) -> tuple[bytes, bytes]:
    """Where a path lies, and its last name. Raises PathRefused, IsADirectory for the root."""
    names = [name for name in path.split(b"/") if name not in (b"", b".")]
    if b".." in names or b"\0" in path:
        raise PathRefused(f"path {path!r} has '..' or a NUL byte: give the path without it", path)
    if not names:
        raise IsADirectory("the path is the root of the store: name something in it")
    return b"/" + b"/".join(names[:-1]), names[-1]


def _make_directories(volume: Volume, path: bytes, caller: Caller) -> InodeId:
    """The directory at a path, made with those above it where they are missing."""
    directory = ROOT_INODE
    for name in filter(None, path.split(b"/")):
        directory = _directory_in(volume, directory, name, caller)
    return directory


def _directory_in(volume: Volume, directory: InodeId, name: bytes, caller: Caller) -> InodeId:
    try:
        found = volume.lookup(directory, name)
    except NotFound:
        return _make_directory(volume, directory, name, caller)
    if not is_directory(volume.attributes(found)[0]):
        raise NotADirectory(f"{_text(name)} is not a directory")
    return found


def _make_directory(volume: Volume, directory: InodeId, name: bytes, caller: Caller) -> InodeId:
    owner = Creator(caller.uid, volume.attributes(directory)[0].gid)
    made = volume.make_directory(directory, name, DIRECTORY_MODE, owner)
    caller.changed(volume, directory, name)
    return made


def _codec(name: str | None) -> Codec | None:
    known = {codec.name.lower(): codec for codec in Codec}
    if name is not None and name not in known:
        raise InvalidArgument(f"no codec {name!r}: there are {', '.join(known)}")
    return None if name is None else known[name]


def _told(chunk: ChunkInfo) -> Chunk:
    return Chunk(
        chunk.id.hex(),
        chunk.size,
        chunk.stored,
        chunk.codec.name.lower(),
        chunk.references,
        None if chunk.base is None else chunk.base.hex(),
        chunk.last_read_ns,
    )


def _text(name: bytes) -> str:
    return os.fsdecode(name)
