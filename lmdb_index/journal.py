"""The write-ahead log: appended by every operation, synced on demand, cut at each checkpoint.

Owner: the thread that owns the index; `sync` alone may run in another thread meanwhile. Positions
are sequence numbers. A journal whose sync failed takes no more records: what the kernel dropped
then cannot be told from what it kept.
"""

import errno
import os
from pathlib import Path
from threading import Lock
from typing import Final

from lmdb_index.errors import JournalFailed, NoRoom
from lmdb_index.journal_format import (
    RecordKind,
    encode_record,
    encode_segment_header,
    journal_seed,
)

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class Journal:
    """The open segment of a store's journal."""

    def __init__(self, folder: Path, store: bytes, last_sequence: int) -> None:
        """Begin a segment behind the last known record. Raises NoRoom, JournalFailed."""
        self._folder = folder
        self._store = store
        self._seed = journal_seed(store)
        self._lock = Lock()
        self._failure: OSError | None = None
        self.position = last_sequence
        self.synced = last_sequence
        self._descriptor, self._path = self._begin_segment()
        self.size_bytes = self._end

    def append(self, payload: bytes) -> None:
        """Append an operation. Raises NoRoom, JournalFailed; then nothing was appended."""
        self._write(RecordKind.OPERATION, self.position + 1, payload)
        self.position += 1

    def sync(self) -> int:
        """Make all records durable and return the last one's number. Raises JournalFailed."""
        with self._lock:
            self._check()
            covered, descriptor = self.position, os.dup(self._descriptor)
        try:
            os.fdatasync(descriptor)
        except OSError as error:
            self._failure = error
            self._check()
        finally:
            os.close(descriptor)
        return covered

    def mark_synced(self, covered: int) -> None:
        """Note that a sync covered these records, for a recovery to rely on."""
        if covered > self.synced:
            self._write(RecordKind.SYNC_MARKER, covered, b"")
            self.synced = covered

    def rotate(self) -> None:
        """Begin a new segment and delete the older ones: the index holds what they say.

        When the host has no room for a new segment, the old one goes on.
        """
        if self.position < self._first:
            return
        with self._lock:
            self._check()
            try:
                descriptor, path = self._begin_segment()
            except NoRoom:
                return
            os.close(self._descriptor)
            self._descriptor, self._path, self.size_bytes = descriptor, path, self._end
            self.synced = self.position
        for old in self._folder.glob("*.wal"):
            if old != path:
                old.unlink()

    def close(self) -> None:
        """Let go of the segment."""
        os.close(self._descriptor)

    def _write(self, kind: RecordKind, sequence: int, payload: bytes) -> None:
        self._check()
        record = encode_record(kind, sequence, payload, self._seed) + payload
        try:
            written = os.pwrite(self._descriptor, record, self._end)
            while written < len(record):  # a full disk shows itself at the second attempt
                written += os.pwrite(self._descriptor, record[written:], self._end + written)
        except OSError as error:
            self._take_back(error)
        self._end += len(record)
        self.size_bytes = self._end

    def _take_back(self, error: OSError) -> None:
        """Cut off what was written of a record that did not fit."""
        try:
            os.ftruncate(self._descriptor, self._end)
        except OSError as second:
            self._failure = second
        if error.errno in _FULL and self._failure is None:
            raise NoRoom(f"{self._path}: the host has no room for the journal") from error
        self._failure = error
        self._check()

    def _check(self) -> None:
        if self._failure is not None:
            raise JournalFailed(
                f"{self._path}: the journal cannot be written ({self._failure.strerror}): "
                "see to the host's disk, then mount the store again"
            ) from self._failure

    def _begin_segment(self) -> tuple[int, Path]:
        path = self._folder / f"{self.position + 1:016x}.wal"
        header = encode_segment_header(self._store, self.position + 1)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _translated(path, error) from error
        try:
            if os.pwrite(descriptor, header, 0) != len(header):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(descriptor)
            sync_folder(self._folder)
        except OSError as error:
            os.close(descriptor)
            path.unlink()
            raise _translated(path, error) from error
        self._first, self._end = self.position + 1, len(header)
        return descriptor, path


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _translated(path: Path, error: OSError) -> NoRoom | JournalFailed:
    if error.errno in _FULL:
        return NoRoom(f"{path}: the host has no room for the journal")
    return JournalFailed(f"{path}: {error.strerror}")
