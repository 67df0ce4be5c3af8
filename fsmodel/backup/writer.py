"""Writes a backup: a new file, or a new state of one that is there."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
from blake3 import blake3

from fsmodel.backup.container import (
    DATA_AT,
    PIECE_BYTES,
    SLOTS_AT,
    Backup,
    Catalog,
    Segment,
    Slot,
    StoredFile,
    encode_header,
    encode_slot,
    read_at,
    read_backup,
)
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import BackupInvalid, Busy
from fsmodel.store.host_files import host_failures, sync_descriptor, sync_folder, write_at

PRIVATE: Final = 0o600
TAIL_BYTES: Final = 64 << 10  # of a stretch, compared with the store before it is trusted
DEAD_SHARE_MAX: Final = 0.5  # of the file; with more it is written anew


class BackupWriter:
    """Appends to a backup. Nothing of it counts before `commit`. Any thread, one at a time."""

    def __init__(self, path: Path, descriptor: int, uuid: bytes, former: Backup | None) -> None:
        self._path = path
        self._descriptor = descriptor
        self._former = former
        self._known = {each.name: each for each in former.catalog.files} if former else {}
        self._end = former.end if former else DATA_AT
        self._begun_at = self._end
        with host_failures(path):
            if former is None:
                write_at(descriptor, [encode_header(uuid)], 0)
            os.ftruncate(descriptor, self._end)

    @property
    def added_bytes(self) -> int:
        """What this backup has taken from the store."""
        return self._end - self._begun_at

    def known(self, name: str, source: int, size: int) -> StoredFile:
        """What the backup has of a file already; nothing if the store has another one now."""
        stored = self._known.get(name, StoredFile(name, ()))
        if stored.size > size or not self._ends_alike(stored, source):
            return StoredFile(name, ())
        return stored

    def append(self, source: int, place: Path, at: int, size: int) -> Segment:
        """Take a stretch of a file. Raises BackendError also when the file is shorter, NoSpace."""
        begun, hasher = self._end, blake3()
        while size > self._end - begun:
            done = self._end - begun
            piece = read_at(place, source, at + done, min(PIECE_BYTES, size - done))
            if not piece:
                raise BackupInvalid(f"{place} is shorter than it was: run `cairnfs fsck`")
            with host_failures(self._path):
                write_at(self._descriptor, [piece], self._end)
            hasher.update(piece)
            self._end += len(piece)
        return Segment(begun, size, hasher.hexdigest())

    def commit(self, catalog: Catalog) -> None:
        """Let the new state count, which survives anything. Raises NoSpace, BackendError."""
        data = msgspec.json.encode(catalog)
        generation = self._former.slot.generation + 1 if self._former else 1
        slot = Slot(generation, self._end, len(data), object_id(data))
        with host_failures(self._path):
            write_at(self._descriptor, [data], self._end)
            sync_descriptor(self._descriptor)
            write_at(self._descriptor, [encode_slot(slot)], SLOTS_AT[generation % len(SLOTS_AT)])
            sync_descriptor(self._descriptor)

    def _ends_alike(self, stored: StoredFile, source: int) -> bool:
        """Whether the last bytes it has are those of the store: a copy of the store may differ."""
        if not stored.segments:
            return True
        last = stored.segments[-1]
        size = min(TAIL_BYTES, last.size)
        ours = read_at(self._path, self._descriptor, last.at + last.size - size, size)
        return ours == read_at(self._path, source, stored.size - size, size)


@contextmanager
def writing(path: Path, uuid: bytes, live_bytes: int) -> Iterator[BackupWriter]:
    """A writer for this file: it is added to if it is there, else made, whole or not at all.

    One in which more than half would be of no use any more is made anew. Raises BackupInvalid for
    another store's backup or no backup, FormatTooNew, Busy, NoSpace, BackendError.
    """
    former = _open_former(path, uuid)
    if former is not None and former.end * (1 - DEAD_SHARE_MAX) <= live_bytes:
        try:
            yield BackupWriter(path, former.descriptor, uuid, former)
        finally:
            os.close(former.descriptor)
        return
    try:
        with _made_anew(path) as descriptor:
            yield BackupWriter(path, descriptor, uuid, None)
    finally:
        if former is not None:
            os.close(former.descriptor)


def _open_former(path: Path, uuid: bytes) -> Backup | None:
    """The backup that is there, locked; None if there is none."""
    with host_failures(path):
        try:
            descriptor = _opened_own(path, 0)
        except FileNotFoundError:
            return None
    try:
        _lock(path, path, descriptor)
        former = read_backup(path, descriptor)
        if former.uuid != uuid:
            raise BackupInvalid(f"{path} is the backup of another store: name another file")
    except BaseException:
        os.close(descriptor)
        raise
    return former


def _opened_own(path: Path, flags: int) -> int:
    """Open what everything in a store goes into: a file that is ours alone, and private.

    Raises BackupInvalid, OSError.
    """
    descriptor = os.open(path, flags | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            raise BackupInvalid(f"{path} belongs to another user: remove it, or name another file")
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            raise BackupInvalid(f"{path} is no file, or has other names: name another one")
        os.fchmod(descriptor, PRIVATE)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def _made_anew(path: Path) -> Iterator[int]:
    """A new file, in place when the block has ended well."""
    temporary = path.with_name(f".{path.name}.new")
    with host_failures(temporary):
        descriptor = _opened_own(temporary, os.O_CREAT)
    try:
        _lock(path, temporary, descriptor)
        try:
            with host_failures(temporary):
                os.ftruncate(descriptor, 0)
            yield descriptor
            with host_failures(path):
                os.rename(temporary, path)
                sync_folder(path.parent)
        except BaseException:
            with suppress(FileNotFoundError):  # it has its name, though not durably
                os.unlink(temporary)
            raise
    finally:
        os.close(descriptor)


def _lock(backup: Path, path: Path, descriptor: int) -> None:
    """Let nobody else write to an open file as long as it is open. Raises Busy.

    Also where it is not the file of that name any more: another backup has put it, or one made
    anew, in place since it was opened.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = os.path.samestat(os.fstat(descriptor), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        is_ours = False
    if not is_ours:
        raise Busy(f"{backup} is being written by another backup: wait for it")
