"""One journal segment as an open file that records are appended to.

Room for further records is set aside ahead of its end, so that they find a place even when the
host is full. A record that cannot be written whole is taken back at once. Where that fails, too, as
with a quota that is used up, the next record is written over its part; after any other failure of
both, nothing may be appended any more.

Where records are synced one by one, a stretch of zeros is written behind one of them, and those
that follow overwrite it. A sync of bytes that lie where bytes have been before changes neither the
size of the file nor where it lies, so that the host has no metadata to commit with them. A reader
takes zeros up to the end of the file for the end of the segment.
"""

import os
from pathlib import Path
from typing import Final

from lmdb_index.errors import JournalFailed
from lmdb_index.host_files import (
    FILE_MODE,
    NO_ROOM,
    problem_of,
    reserve_room,
    sync_folder,
    write_all,
)
from lmdb_index.journal_files import unfinished_path
from lmdb_index.journal_format import (
    SEGMENT_HEADER,
    RecordKind,
    SegmentHeader,
    encode_record,
    encode_segment_header,
    segment_seed,
)

OPENING: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
RESERVE_BYTES: Final = 1 << 20
RESERVE_BYTES_MIN: Final = 512 << 10
ZEROED_BYTES: Final = 256 << 10  # written behind a record; lies within the reserve
_ZEROS: Final = bytes(ZEROED_BYTES)


class SegmentFile:
    """The segment that records are appended to. `sync` may run in any thread."""

    def __init__(self, path: Path, header: SegmentHeader, descriptor: int, end: int) -> None:
        """Append behind an offset of an open file. The segment closes it."""
        self.path = path
        self.header = header
        self.end = end
        self._seed = segment_seed(header.uuid, header.first_sequence)
        self._descriptor = descriptor
        self._reserved_to = end
        self._zeroed_to = end
        self._is_synced = False  # since the last zeros

    @classmethod
    def open(cls, path: Path, header: SegmentHeader, end: int, *, drops: bool) -> "SegmentFile":
        """Go on with a segment; what stands behind an offset of it is dropped. Raises OSError.

        With `drops` that is more than zeros, and gone durably: operations that do not count may
        stand there whole. Were they back after a loss of power, behind a new record as long as the
        one that stood before them, they would count again.
        """
        segment = cls(path, header, os.open(path, OPENING), end)
        try:
            segment.trim()
            if drops:
                os.fsync(segment._descriptor)
        except OSError:
            segment.close()
            raise
        segment.reserve()
        return segment

    @classmethod
    def create(cls, path: Path, header: SegmentHeader) -> "SegmentFile":
        """Make an empty segment, durably and with its reserve.

        Raises OSError, and then there is none; JournalFailed when there may be one.
        """
        unfinished = unfinished_path(path)
        segment = cls(path, header, _opened_new(unfinished), SEGMENT_HEADER.size)
        try:
            segment._prepare()
            os.rename(unfinished, path)
            sync_folder(path.parent)
        except OSError as error:
            segment.close()
            _remove_again(unfinished, path, error)
            raise
        return segment

    @classmethod
    def replace(cls, path: Path, header: SegmentHeader) -> "SegmentFile":
        """Make an empty segment in place of one that is empty, too, durably.

        At any moment there is one of them. Raises OSError, and then it is the old one;
        JournalFailed when it may be either.
        """
        unfinished = unfinished_path(path)
        segment = cls(path, header, _opened_new(unfinished), SEGMENT_HEADER.size)
        try:
            segment._prepare()
            os.rename(unfinished, path)
        except OSError:
            segment.close()
            unfinished.unlink(missing_ok=True)
            raise
        try:
            sync_folder(path.parent)
        except OSError as error:
            segment.close()
            raise _failed(path, error, error) from error
        return segment

    def _prepare(self) -> None:
        write_all(self._descriptor, encode_segment_header(self.header), 0)
        self.reserve(required=True)
        os.fsync(self._descriptor)

    def append(self, kind: RecordKind, sequence: int, payload: bytes) -> int:
        """Write a record behind the last one; return its size in bytes.

        Raises NoRoom, IndexProblem, and then it is not there; JournalFailed when a part of it may
        still be there.
        """
        start = self.end
        record = encode_record(kind, sequence, payload, self._seed, start)
        end = start + len(record)
        try:
            if end <= self._zeroed_to or not self._wrote_with_zeros(record, start):
                write_all(self._descriptor, record, start)
        except OSError as error:
            self._take_back(error)
            raise problem_of(error, self.path) from error
        self.end = end
        if end + RESERVE_BYTES_MIN > self._reserved_to:
            self.reserve()
        return len(record)

    def sync(self) -> None:
        """Make all records durable. Raises OSError."""
        os.fdatasync(self._descriptor)
        self._is_synced = True

    def trim(self) -> None:
        """Give back the room that was set aside. Raises OSError."""
        os.ftruncate(self._descriptor, self.end)
        self._reserved_to = self._zeroed_to = self.end

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def reserve(self, *, required: bool = False) -> None:
        """Set room aside for what will be appended. Raises OSError if it is required and fails."""
        self._reserved_to = self.end + RESERVE_BYTES
        try:
            reserve_room(self._descriptor, self.end, RESERVE_BYTES)
        except OSError:
            if required:
                raise

    def _wrote_with_zeros(self, record: bytes, start: int) -> bool:
        """Write a record and zeros for those that follow, if that is worth it and there is room.

        The zeros are never a reason to refuse a record: it can be written again without them.
        """
        if not self._is_synced:
            return False
        self._is_synced = False
        try:
            write_all(self._descriptor, record + _ZEROS, start)
        except OSError:
            return False
        self._zeroed_to = start + len(record) + ZEROED_BYTES
        return True

    def _take_back(self, error: OSError) -> None:
        """Cut off what was written of a record, and hold on to the room that is set aside."""
        try:
            if os.fstat(self._descriptor).st_size > self.end:
                self.trim()
                self.reserve()
        except OSError as second:
            # A quota can refuse even that. The next record is written over what is there, and what
            # it leaves of it is the end of a record: none that recovery could take for one.
            if not NO_ROOM.issuperset((error.errno, second.errno)):
                raise _failed(self.path, error, second) from second


def _opened_new(path: Path) -> int:
    return os.open(path, OPENING | os.O_CREAT | os.O_TRUNC, FILE_MODE)


def _failed(path: Path, cause: OSError, second: OSError) -> JournalFailed:
    """Something failed, and undoing it failed too."""
    return JournalFailed(
        f"{path}: {cause.strerror}, then {second.strerror}: see to the disk, then unmount and "
        "mount again"
    )


def _remove_again(unfinished: Path, path: Path, cause: OSError) -> None:
    """Take a segment's making back, durably: recovery would prefer it to the one that goes on."""
    try:
        unfinished.unlink(missing_ok=True)
        if path.exists():
            path.unlink()
            sync_folder(path.parent)
    except OSError as error:
        raise _failed(path, cause, error) from error
