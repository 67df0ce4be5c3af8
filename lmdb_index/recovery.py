"""Recovery: the journal is replayed on top of the last commit, and its torn tail is set aside.

Operations behind the last sync marker may have reached the disk while the objects they refer to
have not. So each of them is shown to the model first; one that it does not accept ends the replay,
as a torn record does.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import lmdb

from lmdb_index.environment import index_problem
from lmdb_index.errors import IndexProblem, IndexTooNew
from lmdb_index.host_files import FOLDER_MODE, create_whole, host_failures
from lmdb_index.journal_files import list_segments
from lmdb_index.journal_format import JournalRecord, RecordKind, decode_payload
from lmdb_index.journal_survey import Segment, Survey, survey_journal
from lmdb_index.meta import Meta
from lmdb_index.operation import Mutation
from lmdb_index.rows import CurrentTransaction, Rows

# Whether an operation may be applied, by the rows as they are before it.
AcceptRecord = Callable[[Rows, Sequence[Mutation]], bool]


class Replayed(NamedTuple):
    """What the index holds after a replay."""

    position: int  # number of the last operation
    counters: dict[str, int]
    mutations: int  # rows and counters changed by the replay
    bytes: int  # of the journal records replayed
    end: int  # offset in the last segment behind the last record that counts


class LoggedOperation(NamedTuple):
    """An operation as the journal has it."""

    sequence: int
    counters: dict[str, int]  # what to add to each
    mutations: list[Mutation]


def read_operations(journal: Path, uuid: bytes, applied: int) -> Iterator[LoggedOperation]:
    """The operations behind a number, without an index to apply them to.

    Raises JournalCorrupt when the first of them is missing, or durable ones are damaged;
    IndexTooNew, IndexProblem.
    """
    survey = survey_journal(journal, uuid, applied)
    for place, record in _operations_behind(survey, uuid, applied):
        payload = decode_payload(record.payload, place)
        changed = [Mutation(*mutation) for mutation in payload.mutations]
        yield LoggedOperation(record.sequence, payload.counters, changed)


def holds_operations(journal: Path, uuid: bytes) -> bool:
    """Whether a journal has any, or may have: it can be there and not be readable."""
    try:
        segments = list_segments(journal)
        first = segments[0].first_sequence - 1
        return next(read_operations(journal, uuid, first), None) is not None
    except (FileNotFoundError, IndexError):
        return False  # there is no journal
    except (IndexProblem, OSError):
        return True


def replay(
    current: CurrentTransaction,
    uuid: bytes,
    survey: Survey,
    meta: Meta,
    accept: AcceptRecord | None,
) -> Replayed:
    """Apply the operations that the last commit lacks, in the current transaction.

    Raises JournalCorrupt, IndexTooNew, NoRoom, IndexProblem.
    """
    rows, counters = Rows(current), dict(meta.counters)
    position, mutations, size = meta.applied, 0, 0
    for place, record in _operations_behind(survey, uuid, meta.applied):
        payload = decode_payload(record.payload, place)
        changed = [Mutation(*mutation) for mutation in payload.mutations]
        if record.sequence > survey.synced and accept is not None and not accept(rows, changed):
            return Replayed(position, counters, mutations, size, record.offset)
        _apply(current, changed, place)
        for name, delta in payload.counters.items():
            counters[name] = counters.get(name, 0) + delta
        position = record.sequence
        mutations += len(changed) + len(payload.counters)
        size += record.end - record.offset
    return Replayed(position, counters, mutations, size, survey.end)


def set_tail_aside(path: Path, end: int, quarantine: Path) -> Path | None:
    """Copy what stands behind an offset of a segment into the quarantine folder, durably.

    Returns where; None when nothing stands there, or zeros alone. Raises NoRoom, IndexProblem.
    """
    with host_failures(path):
        with path.open("rb") as file:
            file.seek(end)
            tail = file.read()
        if not tail.strip(b"\0"):
            return None
        quarantine.mkdir(FOLDER_MODE, exist_ok=True)
        place = _unused(quarantine, f"journal-{path.stem}-from-{end}")
        create_whole(place, tail)
    return place


def _unused(folder: Path, name: str) -> Path:
    place, attempt = folder / name, 1
    while place.exists():
        attempt += 1
        place = folder / f"{name}-{attempt}"
    return place


def _operations_behind(
    survey: Survey, uuid: bytes, applied: int
) -> Iterator[tuple[str, JournalRecord]]:
    """The operations that a commit does not contain, each with its place, for errors."""
    for found in survey.segments:
        segment = Segment(found, uuid)
        for record in segment.records():
            if record.kind is RecordKind.OPERATION and record.sequence > applied:
                yield f"{segment.path} offset {record.offset}", record


def _apply(current: CurrentTransaction, mutations: Sequence[Mutation], place: str) -> None:
    transaction, packed = current.transaction, current.packed
    try:
        for number, key, value in mutations:
            database = current.databases[number]
            may_be_packed = key <= packed.last.get(number, b"")
            if value is not None:
                former = transaction.replace(key, value, database)
                if may_be_packed and not former:
                    packed.note_put(transaction, number, key, former)
            elif may_be_packed:
                former = transaction.get(key, None, database)
                packed.delete(transaction, database, number, key, former)
            else:
                transaction.delete(key, b"", database)
    except KeyError as error:
        raise IndexTooNew(f"{place}: table {error} is not known: use a later cairnfs") from error
    except lmdb.Error as error:
        raise index_problem(error, place) from error
