"""How the library brings contents into a store, in pieces, and keeps them; see caller.py.

A content that has come whole gets a path, or is kept by its hash.
"""

from contextlib import suppress

import msgspec

from fsmodel.errors import Busy, NotFound
from fsmodel.library.answers import Piece
from fsmodel.library.caller import STRETCH, Caller
from fsmodel.library.paths import make_directories, split_path
from fsmodel.library.pieces import PIECE_BYTES_MAX, read_piece
from fsmodel.namespace.inodes import Creator
from fsmodel.steps import PAUSE, Steps
from fsmodel.volume import Volume


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
            parent, name = split_path(self.path)
            directory = make_directories(volume, parent, caller)
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
        return (yield from read_piece(volume, inode, self.offset, self.length, None))


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


def _require_room(volume: Volume, size_bytes: int) -> Steps[None]:
    """See that so much can be stored, if need be for old versions. Raises ReadOnly, NoSpace."""
    if not volume.has_room(size_bytes):
        with suppress(Busy):  # somebody else makes room, or collects garbage
            yield from volume.make_room(size_bytes)
    volume.require_room()
