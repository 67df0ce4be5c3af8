"""Reading the journal before anything is replayed: what is there, and how far it was durable.

A place where no valid record stands ends the journal. If there are zeros up to the end of the file
it is where the last record ends. Else it is a torn tail, as a kill or a loss of power leaves it,
unless a sync marker behind it says that the place had been durable. Then it is damage, and nothing
may be replayed past it.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from lmdb_index.errors import JournalCorrupt
from lmdb_index.host_files import host_failures
from lmdb_index.journal_files import SegmentPath, list_segments
from lmdb_index.journal_format import (
    ADVICE,
    SEGMENT_HEADER,
    JournalRecord,
    RecordKind,
    SegmentHeader,
    parse_record,
    parse_segment_header,
    segment_seed,
)


class Segment:
    """A segment read into memory whose header passed its checks."""

    def __init__(self, found: SegmentPath, uuid: bytes) -> None:
        """Read it. Raises JournalCorrupt, IndexTooNew, IndexProblem."""
        self.path = found.path
        with host_failures(found.path):
            self.block = memoryview(found.path.read_bytes())
        self.header = _checked_header(self.block, found, uuid)
        self._seed = segment_seed(uuid, found.first_sequence)

    def records(self) -> Iterator[JournalRecord]:
        """The valid records from the start up to the first place where there is none."""
        offset = SEGMENT_HEADER.size
        while (record := parse_record(self.block, offset, self._seed)) is not None:
            yield record
            offset = record.end

    def markers_behind(self, offset: int) -> Iterator[JournalRecord]:
        """The valid sync markers from an offset on, whatever stands between them."""
        data = self.block.obj
        assert isinstance(data, bytes)
        start = RecordKind.SYNC_MARKER + bytes(4)  # the size of its payload
        while (offset := data.find(start, offset)) >= 0:
            record = parse_record(self.block, offset, self._seed)
            if record is not None and record.kind is RecordKind.SYNC_MARKER:
                yield record
            offset += 1

    def written_to(self, offset: int) -> int:
        """Where what stands behind an offset ends; zeros at the end of the file are nothing."""
        return offset + len(bytes(self.block[offset:]).rstrip(b"\0"))


class _ReadThrough(NamedTuple):
    """What one segment holds."""

    header: SegmentHeader
    last: int
    synced: int
    end: int
    size: int


class Survey(NamedTuple):
    """What the journal holds beyond the last commit."""

    segments: tuple[SegmentPath, ...]  # those that replay needs, in order; at least one
    header: SegmentHeader  # of the last of them
    last: int  # sequence number of the last valid operation
    synced: int  # operations up to here were durable
    end: int  # offset behind the last valid record, in the last segment
    size: int  # of the last segment, without the zeros at its end

    @property
    def path(self) -> Path:
        """The segment that is appended to."""
        return self.segments[-1].path


def newest_header(folder: Path, uuid: bytes) -> SegmentHeader:
    """The header of the last segment. Raises JournalCorrupt, IndexTooNew, IndexProblem."""
    newest = _list(folder)[-1]
    with host_failures(newest.path), newest.path.open("rb") as file:
        return _checked_header(file.read(SEGMENT_HEADER.size), newest, uuid)


def survey_journal(folder: Path, uuid: bytes, applied: int) -> Survey:
    """Find what must be replayed onto a commit that contains operations up to `applied`.

    Raises JournalCorrupt when operations that had been durable are missing or damaged.
    """
    needed = _needed_segments(folder, applied)
    read = [_read_through(Segment(found, uuid)) for found in needed]
    for earlier, later in pairwise(read):
        if later.header.first_sequence != earlier.last + 1:
            raise _missing(folder, earlier.last + 1, later.header.first_sequence - 1)
    newest = read[-1]
    # A segment begins only when a commit contains all before it.
    synced = max(applied, newest.header.first_sequence - 1, newest.synced)
    return Survey(tuple(needed), newest.header, newest.last, synced, newest.end, newest.size)


def _checked_header(block: bytes | memoryview, found: SegmentPath, uuid: bytes) -> SegmentHeader:
    header = parse_segment_header(block, found.path)
    if header.uuid != uuid:
        raise JournalCorrupt(
            f"{found.path}: belongs to store {header.uuid.hex()}, not to {uuid.hex()}: move it away"
        )
    if header.first_sequence != found.first_sequence:
        raise JournalCorrupt(
            f"{found.path}: begins with operation {header.first_sequence}, so it is not what its"
            f" name says: {ADVICE}"
        )
    return header


def _needed_segments(folder: Path, applied: int) -> list[SegmentPath]:
    segments = _list(folder)
    usable = [place for place, found in enumerate(segments) if found.first_sequence <= applied + 1]
    if not usable:
        raise _missing(folder, applied + 1, segments[0].first_sequence - 1)
    return segments[usable[-1] :]


def _list(folder: Path) -> list[SegmentPath]:
    with host_failures(folder):
        segments = list_segments(folder) if folder.exists() else []
    if not segments:
        raise JournalCorrupt(f"{folder}: holds no journal segment: run cairnfs rebuild-index")
    return segments


def _read_through(segment: Segment) -> _ReadThrough:
    last = synced = segment.header.first_sequence - 1
    end = SEGMENT_HEADER.size
    for record in segment.records():
        if record.kind is RecordKind.SYNC_MARKER and record.sequence <= last:
            synced = max(synced, record.sequence)
        elif record.kind is RecordKind.OPERATION and record.sequence == last + 1:
            last = record.sequence
        else:
            raise _damage(segment, record.offset)
        end = record.end
    if any(marker.sequence > last for marker in segment.markers_behind(end)):
        raise _damage(segment, end)
    return _ReadThrough(segment.header, last, synced, end, segment.written_to(end))


def _damage(segment: Segment, offset: int) -> JournalCorrupt:
    return JournalCorrupt(
        f"{segment.path}: damaged at offset {offset}, where synced operations stood: {ADVICE}"
    )


def _missing(folder: Path, first: int, last: int) -> JournalCorrupt:
    return JournalCorrupt(f"{folder}: operations {first} to {last} are missing: {ADVICE}")
