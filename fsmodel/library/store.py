"""A store as a program uses it: files, JSON documents, chunks, versions. See docs/library.md.

The same methods work on a store that this process has opened and on one that a daemon serves, with
the same answers and the same errors, all of them CairnError. Paths are from the root of the store,
with or without a slash at their beginning, and follow no symbolic link. A Store is for one thread.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

import msgspec

from fsmodel.documents.bounded_json import parse_value
from fsmodel.errors import Busy, ChangedMeanwhile, DocumentInvalid, InvalidArgument, NotFound
from fsmodel.indexes.queries import OPEN
from fsmodel.library import chunk_calls, content_calls, file_calls, history_calls, queries
from fsmodel.library.answers import Chunk, FileEntry, FileInfo, Match, Piece, Version
from fsmodel.library.pieces import PIECE_BYTES_MAX
from fsmodel.library.transport import Transport
from fsmodel.uploads import ABSENT

READ_TRIES_MAX: Final = 10
UPDATE_TRIES_MAX: Final = 1000

Path = str | os.PathLike[str] | bytes
_REQUIRED: Final = object()


class Store:
    """An open store. A context manager: what it has is given back at the end."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store. Raises NoSpace, DataError when what was written cannot be stored."""
        self._transport.close()

    # -- files ----------------------------------------------------------------------------

    def stat(self, path: Path) -> FileInfo:
        """What is at a path. Raises NotFound, NotADirectory."""
        return self._transport.call(file_calls.Stat(_bytes(path)), FileInfo)

    def exists(self, path: Path) -> bool:
        """Whether anything is at a path."""
        try:
            self.stat(path)
        except NotFound:
            return False
        return True

    def list_dir(self, path: Path = "/") -> list[FileEntry]:
        """The entries of a directory by name, views left out. Raises NotFound, NotADirectory."""
        return self._transport.call(file_calls.List(_bytes(path)), list[FileEntry])

    def read_file(self, path: Path) -> bytes:
        """All bytes of a file, of one moment: a file that is replaced meanwhile is read anew.

        Of one that is being written in place, and is not read in one call, they are those that each
        call finds. Raises NotFound, IsADirectory, DataError, Busy when it is replaced all the time.
        """
        return b"".join(self._read(path)[0])

    def read_at(self, path: Path, offset: int, length: int) -> bytes:
        """Up to `length` bytes of a file from an offset on; fewer only at its end.

        Raises NotFound, IsADirectory, DataError, Busy as `read_file`.
        """
        return b"".join(self._read(path, offset, length)[0])

    def copy_out(self, path: Path, target: BinaryIO) -> None:
        """Write all bytes of a file of any size to an open binary file.

        Raises NotFound, IsADirectory, DataError; ChangedMeanwhile when it is replaced before all of
        it was written.
        """
        piece = self._piece(file_calls.Read(_bytes(path)))
        target.write(piece.data)
        at = len(piece.data)
        while at < piece.size and piece.data:
            piece = self._piece(file_calls.Read(_bytes(path), at, PIECE_BYTES_MAX, piece.version))
            target.write(piece.data)
            at += len(piece.data)

    def write_file(self, path: Path, data: bytes | BinaryIO, *, expected: str | None = None) -> str:
        """Let a path stand for these bytes, in one step, making the directories above it.

        `data` may be an open binary file, of any size. With `expected` only if the path stands for
        that version now (see `stat`), or for nothing if it is ABSENT; else raises ChangedMeanwhile.
        A file that is replaced passes on mode, owner and attributes, and is kept as an earlier
        version. Returns the version of the new one. Raises IsADirectory, PathRefused,
        DocumentInvalid, NotPermitted, NoSpace.
        """
        upload = self._upload(data)
        return self._transport.call(content_calls.Place(upload, _bytes(path), expected), str)

    def make_dir(self, path: Path, *, exist_ok: bool = False) -> None:
        """Make a directory and those above it. Raises AlreadyExists, NotADirectory, PathRefused."""
        self._transport.call(file_calls.MakeDirectory(_bytes(path), exist_ok), type(None))

    def remove(self, path: Path) -> None:
        """Remove a file or an empty directory. Raises NotFound, DirectoryNotEmpty, NotPermitted."""
        self._transport.call(file_calls.Remove(_bytes(path)), type(None))

    def rename(self, path: Path, new_path: Path, *, exclusive: bool = False) -> None:
        """Move something, replacing what rename(2) would replace unless `exclusive`.

        Raises NotFound, AlreadyExists, IsADirectory, NotADirectory, DirectoryNotEmpty, PathRefused.
        """
        self._transport.call(
            file_calls.Rename(_bytes(path), _bytes(new_path), exclusive), type(None)
        )

    # -- JSON documents -------------------------------------------------------------------

    def load_json(self, path: Path, default: Any = _REQUIRED) -> Any:
        """The value of a JSON file, or the default if there is none.

        Raises NotFound without a default, DocumentInvalid, DataError.
        """
        try:
            return parse_value(self.read_file(path))
        except NotFound:
            if default is _REQUIRED:
                raise
            return default

    def save_json(self, path: Path, value: Any, *, expected: str | None = None) -> str:
        """Write a value as JSON: UTF-8, indented by two spaces, keys in the order they have.

        Raises DocumentInvalid for what JSON cannot hold, and as `write_file`.
        """
        return self.write_file(path, encode_json(value), expected=expected)

    def update_json(self, path: Path, change: Callable[[Any], Any], default: Any = None) -> Any:
        """Replace a JSON file by what `change` makes of its value; nobody's change is lost.

        `change` is given the value, or the default if there is no file, and returns the new one; it
        is called again when somebody else was quicker. Returns the new value. Raises as `load_json`
        and `save_json`, and Busy when somebody else is always quicker.
        """
        for _ in range(UPDATE_TRIES_MAX):
            value, version = self._load_version(path, default)
            changed = change(value)
            try:
                self.save_json(path, changed, expected=version)
            except ChangedMeanwhile:
                continue
            return changed
        raise Busy(f"{_shown(path)} is changed by others all the time: try again later")

    def query(
        self, index: str, *values: Any, limit: int | None = None, reverse: bool = False
    ) -> list[Match]:
        """The documents with these values, one for each of the first fields of an index.

        Raises NotFound for an unknown index, Busy while it is being built, InvalidArgument.
        """
        call = queries.Query(index, list(values), limit=limit, reverse=reverse)
        return self._transport.call(call, list[Match])

    def query_range(
        self,
        index: str,
        low: Any = OPEN,
        high: Any = OPEN,
        *,
        equal: Sequence[Any] = (),
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[Match]:
        """Documents with low <= value <= high of the field behind those that are `equal`.

        Without a bound that end is open. Raises as `query`.
        """
        first, last = ([] if bound is OPEN else [bound] for bound in (low, high))
        call = queries.QueryRange(index, first, last, list(equal), limit=limit, reverse=reverse)
        return self._transport.call(call, list[Match])

    def query_prefix(
        self,
        index: str,
        text: str,
        *,
        equal: Sequence[Any] = (),
        limit: int | None = None,
        reverse: bool = False,
    ) -> list[Match]:
        """Documents with a text that begins so. Raises as `query`."""
        call = queries.QueryPrefix(index, text, list(equal), limit=limit, reverse=reverse)
        return self._transport.call(call, list[Match])

    # -- bytes by their hash --------------------------------------------------------------

    def put_bytes(self, data: bytes | BinaryIO) -> str:
        """Keep bytes without a path; returns their BLAKE3-256, by which they are found again.

        Bytes that are kept already, or stored as a file, take no more room. Raises NoSpace.
        """
        return self._transport.call(content_calls.Keep(self._upload(data)), str)

    def get_bytes(self, digest: str) -> bytes:
        """Bytes that are kept, by their BLAKE3-256. Raises NotFound, InvalidArgument, DataError."""
        pieces: list[bytes] = []
        at, size = 0, 1
        while at < size:
            piece = self._transport.call(content_calls.ReadKept(digest, at), Piece)
            pieces.append(piece.data)
            at, size = at + len(piece.data), piece.size
        return b"".join(pieces)

    def has_bytes(self, digest: str) -> bool:
        """Whether bytes are kept under this BLAKE3-256. Raises InvalidArgument for none."""
        try:
            self._transport.call(content_calls.ReadKept(digest, 0, 0), Piece)
        except NotFound:
            return False
        return True

    def list_bytes(self) -> list[str]:
        """The BLAKE3-256 of all bytes that are kept, in order."""
        return self._transport.call(content_calls.ListKept(), list[str])

    def drop_bytes(self, digest: str) -> None:
        """Keep bytes no more. Raises NotFound, InvalidArgument, ReadOnly."""
        self._transport.call(content_calls.DropKept(digest), type(None))

    # -- chunks ---------------------------------------------------------------------------

    def find_chunks(self, **wanted: Any) -> list[Chunk]:
        """Chunks by what they are.

        Any of min_size, max_size, has_base, codec, min_references, max_references, order (size,
        stored, refs, read), reverse and limit, as `cairnfs chunks list` has them. Raises
        InvalidArgument.
        """
        try:
            call = msgspec.convert(wanted, chunk_calls.FindChunks)
        except msgspec.ValidationError as error:
            raise InvalidArgument(f"chunks: {error}") from None
        return self._transport.call(call, list[Chunk])

    def find_chunk(self, chunk: str) -> Chunk:
        """A chunk by its id, or how that begins. Raises NotFound, InvalidArgument."""
        return self._transport.call(chunk_calls.FindChunk(chunk), Chunk)

    def has_chunk(self, chunk: str) -> bool:
        """Whether a chunk with this id is stored. Raises InvalidArgument for what is no id."""
        try:
            self.find_chunk(chunk)
        except NotFound:
            return False
        return True

    def read_chunk(self, chunk: str) -> bytes:
        """The bytes of a chunk, verified. Raises NotFound, InvalidArgument, DataError."""
        return self._transport.call(chunk_calls.ReadChunk(chunk), bytes)

    # -- history --------------------------------------------------------------------------

    def versions(self, path: Path) -> list[Version]:
        """What a file, or everything in a directory, was before. Raises PathRefused."""
        return self._transport.call(history_calls.Versions(_bytes(path)), list[Version])

    def restore_version(self, path: Path, time: str | None = None) -> None:
        """Let a file be again what it was until a time, or before it changed last.

        Raises NotFound, InvalidArgument, NotPermitted.
        """
        self._transport.call(history_calls.RestoreVersion(_bytes(path), time), type(None))

    def snapshots(self) -> list[str]:
        """The names of the snapshots."""
        return [
            os.fsdecode(name)
            for name in self._transport.call(history_calls.Snapshots(), list[bytes])
        ]

    def restore_snapshot(self, name: str, path: Path) -> None:
        """Let a path be what it is in a snapshot. Raises NotFound, NotPermitted."""
        self._transport.call(history_calls.RestoreSnapshot(name, _bytes(path)), type(None))

    # -- helpers --------------------------------------------------------------------------

    def _upload(self, data: bytes | BinaryIO) -> int:
        """Send bytes; returns the number of their upload."""
        upload = self._transport.call(content_calls.Begin(), int)
        try:
            for piece in _pieces(data):
                self._transport.call(content_calls.Append(upload, piece), type(None))
        except BaseException:
            self._transport.call(content_calls.GiveUp(upload), type(None))
            raise
        return upload

    def _load_version(self, path: Path, default: Any) -> tuple[Any, str]:
        try:
            pieces, version = self._read(path)
        except NotFound:
            return default, ABSENT
        if version is None:
            raise Busy(f"{_shown(path)} is being written: try again when it is closed")
        return parse_value(b"".join(pieces)), version

    def _read(
        self, path: Path, offset: int = 0, length: int | None = None
    ) -> tuple[list[bytes], str | None]:
        """The pieces of one version of a file, and which one it is."""
        for _ in range(READ_TRIES_MAX):
            try:
                return self._read_once(_bytes(path), offset, length)
            except ChangedMeanwhile:
                continue
        raise Busy(f"{_shown(path)} is replaced all the time: try again later")

    def _read_once(
        self, path: bytes, offset: int, length: int | None
    ) -> tuple[list[bytes], str | None]:
        first = self._piece(file_calls.Read(path, offset, _bounded(length)))
        pieces, at = [first.data], offset + len(first.data)
        end = first.size if length is None else min(offset + length, first.size)
        while at < end:
            piece = self._piece(file_calls.Read(path, at, _bounded(end - at), first.version))
            if not piece.data:
                break
            pieces.append(piece.data)
            at += len(piece.data)
        return pieces, first.version

    def _piece(self, call: file_calls.Read) -> Piece:
        return self._transport.call(call, Piece)


def encode_json(value: Any) -> bytes:
    """A value as `save_json` writes it. Raises DocumentInvalid for what JSON cannot hold."""
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        return f"{text}\n".encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise DocumentInvalid(f"the value cannot be written as JSON: {error}") from None


def _bounded(length: int | None) -> int:
    return PIECE_BYTES_MAX if length is None else min(length, PIECE_BYTES_MAX)


def _pieces(data: bytes | BinaryIO) -> Iterator[bytes]:
    if isinstance(data, bytes | bytearray | memoryview):
        view = memoryview(data).cast("B")
        for start in range(0, len(view), PIECE_BYTES_MAX):
            yield bytes(view[start : start + PIECE_BYTES_MAX])
        return
    while piece := data.read(PIECE_BYTES_MAX):
        yield piece


def _bytes(path: Path) -> bytes:
    return b"/" + os.fsencode(path).lstrip(b"/")


def _shown(path: Path) -> str:
    return os.fsdecode(path)
