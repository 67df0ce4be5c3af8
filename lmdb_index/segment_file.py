"""One journal segment as an open file that records are appended to.

Room for further records is set aside ahead of its end, so that they find a place even when the
host is full. A record that cannot be written whole is taken back at once: the file ends where its
last record ends, unless taking back failed too, and then nothing may be appended any more.
"""

import os
from pathlib import Path
from typing import Final

from lmdb_index.errors import JournalFailed
from lmdb_index.host_files import create_whole, problem_of, reserve, write_all
from lmdb_index.journal_format import (
    SEGMENT_HEADER,
    RecordKind,
    SegmentHeader,
    encode_record,
    encode_segment_header,
    segment_seed,
)

RESERVE_BYTES: Final = 1 << 20
RESERVE_BYTES_MIN: Final = 512 << 10


class SegmentFile:
    """The segment that records are appended to. `sync` may run in any thread."""

    def __init__(self, path: Path, header: SegmentHeader, end: int) -> None:
        """Open a segment and drop what stands behind an offset. Raises OSError."""
        self.path = path
        self.header = header
        self.end = end
        self._seed = segment_seed(header.uuid, header.first_sequence)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._reserved_to = end
        os.ftruncate(self._descriptor, end)
        self.has_reserve = self._reserve()

    @classmethod
    def create(cls, path: Path, header: SegmentHeader) -> "SegmentFile":
        """Make an empty segment, durably. Raises OSError."""
        create_whole(path, encode_segment_header(header))
        return cls(path, header, SEGMENT_HEADER.size)

    def append(self, kind: RecordKind, sequence: int, payload: bytes) -> int:
        """Write a record behind the last one; return its size in bytes.

        Raises NoRoom, IndexProblem, and then it is not there; JournalFailed when a part of it may
        still be there.
        """
        end = self.end
        record = encode_record(kind, sequence, payload, self._seed, end)
        try:
            write_all(self._descriptor, record, end)
        except OSError as error:
            self._take_back(error)
            raise problem_of(error, self.path) from error
        self.end = end = end + len(record)
        if end + RESERVE_BYTES_MIN > self._reserved_to:
            self.has_reserve = self._reserve()
        return len(record)

    def sync(self) -> None:
        """Make all records durable. Raises OSError."""
        os.fdatasync(self._descriptor)

    def trim(self) -> None:
        """Give back the room that was set aside. Raises OSError."""
        os.ftruncate(self._descriptor, self.end)
        self._reserved_to = self.end

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def discard(self) -> None:
        """Close and delete a segment that nothing was appended to. Raises OSError."""
        self.close()
        self.path.unlink()

    def _reserve(self) -> bool:
        self._reserved_to = self.end + RESERVE_BYTES
        return reserve(self._descriptor, self.end, RESERVE_BYTES)

    def _take_back(self, error: OSError) -> None:
        try:
            self.trim()
        except OSError as second:
            raise JournalFailed(
                f"{self.path}: {error.strerror}, then {second.strerror}: see to the disk, then"
                " mount again"
            ) from error
