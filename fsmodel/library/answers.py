"""What the library answers with. Times are nanoseconds since the epoch, sizes bytes."""

import os
from typing import Any, Final

import msgspec

from fsmodel.namespace.inodes import DIRECTORY, REGULAR, SYMLINK

KINDS: Final = {DIRECTORY: "directory", REGULAR: "file", SYMLINK: "symlink"}
OTHER_KIND: Final = "other"


class FileInfo(msgspec.Struct, frozen=True):
    """What is at a path."""

    kind: str  # "file", "directory", "symlink" or "other"
    size: int
    mode: int  # permission bits
    uid: int
    gid: int
    mtime_ns: int
    version: str | None = None  # of a file, equal for equal bytes; None while it is being written


class FileEntry(msgspec.Struct, frozen=True):
    """A name in a directory."""

    raw_name: bytes
    kind: str

    @property
    def name(self) -> str:
        """The name; bytes that are no UTF-8 as os.fsdecode() has them."""
        return os.fsdecode(self.raw_name)


class Piece(msgspec.Struct, frozen=True):
    """Some bytes of a file."""

    data: bytes
    size: int  # of the whole file
    version: str | None


class Chunk(msgspec.Struct, frozen=True):
    """A chunk as it is stored; see ChunkInfo in fsmodel/upkeep/chunk_query.py."""

    id: str
    size: int
    stored: int
    codec: str
    references: int
    base: str | None
    last_read_ns: int


class Version(msgspec.Struct, frozen=True):
    """What a file was until a moment."""

    raw_name: bytes
    time: str  # UTC, as `restore_version` wants it
    size: int
    mtime_ns: int

    @property
    def name(self) -> str:
        """The name of the file."""
        return os.fsdecode(self.raw_name)


class Match(msgspec.Struct, frozen=True):
    """A JSON document that an index has found."""

    raw_paths: list[bytes]
    values: list[Any]  # what it was found by, one for each field; none when they are long

    @property
    def paths(self) -> list[str]:
        """The paths of the document, from the root of the store."""
        return [os.fsdecode(path) for path in self.raw_paths]


def kind_name(kind: int) -> str:
    """The word for a file type, st_mode >> 12."""
    return KINDS.get(kind, OTHER_KIND)
