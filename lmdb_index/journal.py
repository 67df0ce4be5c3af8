"""The journal as the running store writes it: numbered operations, syncs, sync markers, segments.

Positions are numbers of operations. The owner's thread appends and rotates; `sync` may run in any
other thread meanwhile. What a sync covers is read before it starts, so operations appended during
it are not taken for durable. Rotating waits for a sync in progress before it closes the file.
"""

from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from lmdb_index.errors import IndexProblem, JournalFailed
from lmdb_index.host_files import host_failures
from lmdb_index.journal_files import drop_segments_before, segment_path
from lmdb_index.journal_format import (
    PAYLOAD_BYTES_MAX,
    SEGMENT_HEADER,
    RecordKind,
    SegmentHeader,
)
from lmdb_index.segment_file import SegmentFile

_OPERATION: Final = RecordKind.OPERATION  # asking the enum takes longer than writing the header


class Journal:
    """Appends operations to the last segment."""

    def __init__(
        self, folder: Path, segment: SegmentFile | None, *, position: int, synced: int
    ) -> None:
        """Without a segment, operations are numbered and kept nowhere."""
        self.position = position  # of the last operation
        self.synced = synced  # operations up to here are durable
        self.bytes = 0  # appended since the last checkpoint
        self.mutations = 0  # likewise: rows and counters changed
        self._folder = folder
        self._segment = segment
        self._synced_bytes = 0  # how much of `bytes` the last sync has covered
        self._failure: str | None = None
        self._file_in_use = Lock()

    def append(self, payload: bytes, mutations: int) -> None:
        """Write the next operation. Raises NoRoom, IndexProblem; then it is not there."""
        if len(payload) > PAYLOAD_BYTES_MAX:
            raise IndexProblem(f"an operation of {len(payload)} bytes is too large: split it")
        position = self.position + 1
        if self._segment is not None:
            self._write(self._segment, _OPERATION, position, payload)
            self.mutations += mutations
        self.position = position

    def check(self) -> None:
        """Raise JournalFailed if operations are not accepted any more."""
        if self._failure is not None:
            raise JournalFailed(self._failure)

    @property
    def failure(self) -> str | None:
        """Why operations are not accepted any more; None while they are."""
        return self._failure

    def fail(self, reason: str) -> None:
        """Accept no operation any more, until the store is opened again."""
        self._failure = f"{self._folder}: {reason}: see to the disk, then unmount and mount again"

    def refusal(self, reason: str) -> JournalFailed:
        """Fail; what to raise is returned."""
        self.fail(reason)
        return JournalFailed(self._failure)

    def sync(self) -> int:
        """Make all operations so far durable; return the position covered. Any thread.

        Raises JournalFailed: after a failed sync nobody knows what is durable.
        """
        self.check()
        covered = self.position
        with self._file_in_use:
            size = self.bytes
            try:
                if self._segment is not None:
                    self._segment.sync()
            except OSError as error:
                self.fail(f"syncing failed: {error.strerror}")
                self.check()
            self._synced_bytes = size
        return covered

    @property
    def unsynced_bytes(self) -> int:
        """About how many bytes the next sync has to write."""
        return self.bytes - self._synced_bytes

    def mark_synced(self, position: int) -> None:
        """Note that operations up to a position, which a sync covered, are durable.

        A marker that cannot be written is left out: all it does is save recovery some questions.
        """
        assert position <= self.position
        if position > self.synced and self._failure is None:
            self.synced = position
            if self._segment is not None:
                with suppress(IndexProblem):
                    self._write(self._segment, RecordKind.SYNC_MARKER, position, b"")

    def rotate(self, index_bytes: int) -> None:
        """After a commit, which contains all operations: begin a segment and drop the others.

        Raises NoRoom, IndexProblem when no new one can be made, and then the old one goes on;
        JournalFailed when that cannot be.
        """
        self.synced = self.position
        self.bytes = self.mutations = 0
        old, first = self._segment, self.position + 1
        assert old is not None and first > old.header.first_sequence, "nothing was appended"
        header = SegmentHeader(old.header.uuid, first, index_bytes)
        try:
            with host_failures(self._folder):
                new = SegmentFile.create(segment_path(self._folder, first), header)
        except JournalFailed as error:
            self._failure = str(error)
            raise
        with self._file_in_use:
            self._segment = new
            self._synced_bytes = 0
        with host_failures(self._folder):
            old.close()
            drop_segments_before(self._folder, first)

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands in the last segment."""
        return self._segment is not None and self._segment.end == SEGMENT_HEADER.size

    def note_smaller_index(self, index_bytes: int) -> None:
        """The index file is about to shrink: an empty segment is made again to say so.

        Raises NoRoom, IndexProblem, and then the old one goes on; JournalFailed.
        """
        old = self._segment
        assert old is not None and self.is_empty
        try:
            with host_failures(old.path):
                new = SegmentFile.replace(old.path, old.header._replace(index_bytes=index_bytes))
        except JournalFailed as error:
            self._failure = str(error)
            raise
        with self._file_in_use:
            self._segment = new
        with host_failures(self._folder):
            old.close()

    def close(self) -> None:
        """Close the file. What was not synced could still be lost with the host's power."""
        with self._file_in_use, host_failures(self._folder):
            if self._segment is not None:
                try:
                    self._segment.trim()
                finally:
                    self._segment.close()

    def _write(self, segment: SegmentFile, kind: RecordKind, sequence: int, payload: bytes) -> None:
        try:
            self.bytes += segment.append(kind, sequence, payload)
        except JournalFailed as error:
            self._failure = str(error)
            raise
