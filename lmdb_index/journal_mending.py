"""What can be kept of a journal that recovery refuses, and the rest in quarantine/.

Operations follow each other: of those behind a damaged one none can be applied. So everything up
to the first damage stays, and all behind it is set aside. A segment whose header alone is damaged
gets a new one: its records are checked with what the file's name says.
"""

import os
from pathlib import Path
from typing import Final, NamedTuple

from lmdb_index.errors import JournalCorrupt
from lmdb_index.host_files import create_whole, host_failures, sync_folder
from lmdb_index.journal_files import SegmentPath, list_segments
from lmdb_index.journal_format import (
    SEGMENT_HEADER,
    JournalRecord,
    RecordKind,
    SegmentHeader,
    decode_payload,
    encode_segment_header,
    parse_record,
    segment_seed,
)
from lmdb_index.journal_survey import Segment
from lmdb_index.meta import read_meta
from lmdb_index.opening import Places, create_segment, open_environment
from lmdb_index.recovery import set_tail_aside
from lmdb_index.rows import CurrentTransaction, Rows

NONE: Final = -1  # no segment begins so: nothing can follow


class Mended(NamedTuple):
    """What was done to a journal."""

    text: str
    set_aside: Path | None = None  # what became of the part that cannot be used


def mend_journal(store: Path, uuid: bytes) -> list[Mended]:
    """Make a journal one that can be replayed onto the index; nobody may have the store open.

    Can be killed and begun again. Raises IndexCorrupt when the index itself is damaged,
    IndexTooNew, NoRoom, IndexProblem.
    """
    places = Places.of(store)
    applied, index_bytes = _committed(places, uuid)
    with host_failures(places.journal):
        places.journal.mkdir(0o700, exist_ok=True)
        mended = [
            step
            for found in list_segments(places.journal)
            for step in _head(places, found, uuid, index_bytes)
        ]
        mended += _bodies(places, uuid, applied)
        if not list_segments(places.journal):
            segment = create_segment(places, uuid, applied + 1, index_bytes)
            segment.trim()
            segment.close()
            mended.append(Mended(f"{places.journal}: begins anew behind operation {applied}"))
        sync_folder(places.journal)
    return mended


def _committed(places: Places, uuid: bytes) -> tuple[int, int]:
    """The last operation the index has by itself, and how much of its file that takes."""
    environment, transaction = open_environment(
        places, uuid, dry=True, thorough=True, by_journal=False
    )
    try:
        meta = read_meta(Rows(CurrentTransaction(transaction, environment.databases)))
        return meta.applied, environment.committed_bytes
    finally:
        environment.close()


def _head(places: Places, found: SegmentPath, uuid: bytes, index_bytes: int) -> list[Mended]:
    """Give a segment the header that its name and its records ask for; else set it aside."""
    try:
        Segment(found, uuid)
    except JournalCorrupt as problem:
        reason = str(problem).partition(": run ")[0]
    else:
        return []
    block = found.path.read_bytes()
    seed = segment_seed(uuid, found.first_sequence)
    aside = set_tail_aside(found.path, 0, places.quarantine)
    if parse_record(memoryview(block), SEGMENT_HEADER.size, seed) is None:
        found.path.unlink()
        return [Mended(f"{reason}: set aside", aside)]
    header = SegmentHeader(uuid, found.first_sequence, index_bytes)
    create_whole(found.path, encode_segment_header(header) + block[SEGMENT_HEADER.size :])
    return [Mended(f"{reason}: it has a new one", aside)]


def _bodies(places: Places, uuid: bytes, applied: int) -> list[Mended]:
    """Keep the operations that follow each other from the index on, up to the first damage."""
    segments = list_segments(places.journal)
    usable = [found for found in segments if found.first_sequence <= applied + 1]
    mended: list[Mended] = []
    expected = usable[-1].first_sequence if usable else applied + 1
    for found in segments[max(len(usable) - 1, 0) :]:  # those before it are in the index
        if found.first_sequence != expected:
            reason = "operations before it are missing or damaged"
            mended.append(_set_aside(places, found, reason))
            continue
        segment = Segment(found, uuid)
        last, end = _sound_part(segment)
        expected = last + 1
        if end < segment.written_to(end) and (found != segments[-1] or _was_durable(segment, end)):
            aside = set_tail_aside(found.path, end, places.quarantine)
            _cut(found.path, end)
            text = f"{found.path}: damaged at offset {end}; operations up to {last} are kept"
            mended.append(Mended(f"{text}, what stands behind them is set aside", aside))
            expected = NONE
    return mended


def _set_aside(places: Places, found: SegmentPath, reason: str) -> Mended:
    aside = set_tail_aside(found.path, 0, places.quarantine)
    found.path.unlink()
    return Mended(f"{found.path}: {reason}: set aside", aside)


def _sound_part(segment: Segment) -> tuple[int, int]:
    """The last operation before the first damage, and where its record ends."""
    last, end = segment.header.first_sequence - 1, SEGMENT_HEADER.size
    for record in segment.records():
        if not _follows(record, last, segment.path):
            break
        last += record.kind is RecordKind.OPERATION
        end = record.end
    return last, end


def _follows(record: JournalRecord, last: int, path: Path) -> bool:
    """Whether a record makes sense behind an operation."""
    if record.kind is RecordKind.SYNC_MARKER:
        return record.sequence <= last
    try:
        decode_payload(record.payload, path)
    except JournalCorrupt:
        return False
    return record.sequence == last + 1


def _was_durable(segment: Segment, offset: int) -> bool:
    """Whether this is no torn tail, which opening sets aside by itself."""
    valid = parse_record(
        segment.block, offset, segment_seed(segment.header.uuid, segment.header.first_sequence)
    )
    return valid is not None or any(True for _ in segment.markers_behind(offset))


def _cut(path: Path, end: int) -> None:
    with path.open("r+b") as file:
        file.truncate(end)
        os.fsync(file.fileno())
