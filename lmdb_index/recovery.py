"""Replay: what the journal says and the last commit of the index does not hold.

Records are applied in the order of their sequence numbers. The journal ends at the first record
that is not whole: a kill or a loss of power leaves such a torn tail, and what it held was never
durable. Unless a sync marker says that it was: then the journal is damaged, acknowledged changes
are lost, and that is for a person to decide about. Records that were never synced are applied only
while the model accepts them (their objects may not have reached the disk).
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lmdb_index.errors import JournalCorrupt
from lmdb_index.journal_format import (
    SEGMENT_HEADER,
    JournalRecord,
    RecordKind,
    decode_operation,
    journal_seed,
    markers_behind,
    parse_segment_header,
    records_from,
)
from lmdb_index.operation import Mutation

Accept = Callable[[Sequence[Mutation]], bool]
Apply = Callable[[Sequence[Mutation], dict[str, int]], None]

_MEND: Final = "run `cairnfs fsck --repair` to go on with the state before it"


@dataclass(frozen=True, slots=True)
class Tail:
    """What a journal ends with and cannot be used: from an offset of one segment on."""

    path: Path
    start: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay has done."""

    last_sequence: int
    records: int
    tails: tuple[Tail, ...]


@dataclass(frozen=True, slots=True)
class _Segment:
    path: Path
    block: bytes
    first: int


def replay(folder: Path, store: bytes, applied: int, accept: Accept, apply: Apply) -> Replayed:
    """Apply every record behind `applied`. Changes no file.

    Raises JournalCorrupt, IndexTooNew.
    """
    segments, tails = _read_segments(folder, store)
    seed = journal_seed(store)
    durable = max((_durable(segment, seed) for segment in segments), default=0)
    last, count = applied, 0
    for number, segment in enumerate(segments):
        if segment.first > last + 1:
            raise JournalCorrupt(
                f"{segment.path}: begins with record {segment.first}, but {last + 1} comes next: "
                f"a journal segment is missing; {_MEND}"
            )
        end = SEGMENT_HEADER.size
        for record in records_from(segment.block, end, seed):
            if not _applies(record, last):
                end = record.end
                continue
            mutations, deltas = decode_operation(record.payload)
            if record.sequence > durable and not accept(mutations):
                break
            apply(mutations, deltas)
            last, count, end = record.sequence, count + 1, record.end
        if end < len(segment.block):
            if last < durable:
                raise JournalCorrupt(
                    f"{segment.path}: damaged at offset {end}, where it had been durable; {_MEND}"
                )
            tails.append(Tail(segment.path, end))
            if not _goes_on(segments[number + 1 :], last):
                tails += [Tail(rest.path, 0) for rest in segments[number + 1 :]]
                break
    return Replayed(last, count, tuple(tails))


def set_aside(tails: Sequence[Tail], quarantine: Path) -> None:
    """Copy unusable ends of the journal to the quarantine folder, then cut them off.

    Raises OSError.
    """
    for tail in tails:
        quarantine.mkdir(mode=0o700, exist_ok=True)
        with tail.path.open("r+b") as segment:
            segment.seek(tail.start)
            kept = quarantine / f"journal-{tail.path.stem}-{tail.start}.tail"
            kept.write_bytes(segment.read())
            segment.truncate(tail.start)
            os.fsync(segment.fileno())
        if tail.start == 0:
            tail.path.unlink()


def _applies(record: JournalRecord, last: int) -> bool:
    """Whether a record is an operation that has not been applied; raises if one is missing."""
    if record.kind is not RecordKind.OPERATION or record.sequence <= last:
        return False
    if record.sequence != last + 1:
        raise JournalCorrupt(f"journal record {last + 1} is missing; {_MEND}")
    return True


def _goes_on(segments: Sequence[_Segment], last: int) -> bool:
    """Whether a torn tail was left behind and overcome by an earlier run."""
    return bool(segments) and segments[0].first == last + 1


def _durable(segment: _Segment, seed: int) -> int:
    """The last record that a sync marker of a segment says to be durable."""
    return max(markers_behind(segment.block, SEGMENT_HEADER.size, seed), default=0)


def _read_segments(folder: Path, store: bytes) -> tuple[list[_Segment], list[Tail]]:
    """The segments in order; one that was being begun when the power went is a tail."""
    segments: list[_Segment] = []
    tails: list[Tail] = []
    paths = sorted(folder.glob("*.wal"))
    for path in paths:
        block = path.read_bytes()
        unfinished = len(block) < SEGMENT_HEADER.size or not any(block[: SEGMENT_HEADER.size])
        if unfinished and path == paths[-1]:
            tails.append(Tail(path, 0))
            continue
        segments.append(_Segment(path, block, parse_segment_header(block, store, path)))
    return segments, tails
