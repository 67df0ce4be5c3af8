"""Making an index, and the steps of opening one. Nothing is changed before all checks are done."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import lmdb

from lmdb_index.environment import (
    DATA_FILE,
    Environment,
    Transaction,
    index_problem,
)
from lmdb_index.errors import IndexCorrupt, IndexProblem
from lmdb_index.host_files import FOLDER_MODE, host_failures, sync_folder
from lmdb_index.journal import Journal
from lmdb_index.journal_files import (
    drop_segments_before,
    drop_unfinished,
    list_segments,
    segment_path,
)
from lmdb_index.journal_format import SegmentHeader
from lmdb_index.journal_survey import Survey, newest_header, survey_journal
from lmdb_index.meta import Meta, check_identity, put_identity, put_meta, read_meta
from lmdb_index.recovery import AcceptRecord, Replayed, replay, set_tail_aside
from lmdb_index.rows import CurrentTransaction, Rows
from lmdb_index.segment_file import SegmentFile
from lmdb_index.shrinking import drop_copy
from lmdb_index.structure import check_structure


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of a store that the index uses."""

    store: Path
    index: Path  # the LMDB environment
    journal: Path  # segments
    quarantine: Path  # what recovery set aside

    @classmethod
    def of(cls, store: Path) -> "Places":
        """Those of one store."""
        return cls(store, store / "index", store / "journal", store / "quarantine")


@dataclass(frozen=True, slots=True)
class Recovered:
    """What opening makes of the last commit and the journal."""

    journal: Journal
    counters: defaultdict[str, int]
    applied: int  # number of the last operation of the commit
    replayed_bytes: int  # of the journal
    unusable_bytes: int  # of its end
    set_aside: Path | None  # where they went


def create_index(places: Places, uuid: bytes) -> None:
    """Make an empty index and its journal, durably. Raises NoRoom, IndexProblem."""
    with host_failures(places.store):
        places.store.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        for folder in (places.index, places.journal):
            folder.mkdir(FOLDER_MODE, exist_ok=True)
        if (places.index / DATA_FILE).exists() or list_segments(places.journal):
            raise IndexProblem(f"{places.store}: there is an index already: name another place")
    index_bytes = _create_tables(places, uuid)
    with host_failures(places.journal):
        segment = create_segment(places, uuid, 1, index_bytes)
        segment.trim()
        segment.close()
        sync_folder(places.index)
        sync_folder(places.store)


def open_environment(
    places: Places, uuid: bytes, *, dry: bool, thorough: bool, by_journal: bool = True
) -> tuple[Environment, Transaction]:
    """Open LMDB and begin the long transaction.

    With `by_journal` the journal is asked whether the file was cut, which LMDB does not notice; if
    it cannot be asked, `thorough` finds that too. Raises IndexCorrupt, IndexTooNew, IndexProblem;
    then nothing was changed.
    """
    assert by_journal or thorough
    if by_journal:
        _check_not_cut(places, uuid)
    if thorough:
        check_structure(places.index)
    if not dry:
        drop_copy(places.index)
    environment = Environment(places.index)
    try:
        environment.grow_map()
        return environment, _begin(environment, uuid, dry=dry)
    except lmdb.Error as error:
        environment.close()
        raise index_problem(error, places.index) from error
    except BaseException:
        environment.close()
        raise


def recover(
    places: Places,
    uuid: bytes,
    environment: Environment,
    current: CurrentTransaction,
    accept: AcceptRecord | None,
    *,
    dry: bool,
) -> Recovered:
    """Replay the journal onto the last commit, and open it; `accept` as for `replay`.

    When `dry`, nothing will be kept of operations. Raises IndexCorrupt, JournalCorrupt,
    IndexTooNew, NoRoom, IndexProblem; then nothing was changed.
    """
    current.packed.load(current.transaction)
    meta = read_meta(Rows(current))
    survey = survey_journal(places.journal, uuid, meta.applied)
    replayed = replay(current, uuid, survey, meta, accept)
    if dry:
        position, aside = replayed.position, None
        journal = Journal(places.journal, None, position=position, synced=position)
    else:
        index_bytes = environment.committed_bytes
        journal, aside = _open_journal(places, uuid, survey, replayed, index_bytes)
    return Recovered(
        journal=journal,
        counters=defaultdict(int, replayed.counters),
        applied=meta.applied,
        replayed_bytes=replayed.bytes,
        unusable_bytes=survey.size - replayed.end,
        set_aside=aside,
    )


def _open_journal(
    places: Places, uuid: bytes, survey: Survey, replayed: Replayed, index_bytes: int
) -> tuple[Journal, Path | None]:
    """Bring the journal folder into order after a replay, and open it for appending.

    `index_bytes` is how much of the index's file its last commit uses. Returns also where the part
    of it that does not count was set aside, if there was any. Raises NoRoom, IndexProblem.
    """
    position = replayed.position
    aside = set_tail_aside(survey.path, replayed.end, places.quarantine)
    with host_failures(places.journal):
        drop_unfinished(places.journal)
        drops = aside is not None
        segment = SegmentFile.open(survey.path, survey.header, replayed.end, drops=drops)
        if survey.last < position:  # the last commit was durable when the journal was not
            segment.close()
            segment = create_segment(places, uuid, position + 1, index_bytes)
        drop_segments_before(places.journal, survey.segments[0].first_sequence)
    journal = Journal(places.journal, segment, position=position, synced=survey.synced)
    journal.bytes, journal.mutations = replayed.bytes, replayed.mutations
    return journal, aside


def create_segment(
    places: Places, uuid: bytes, first_sequence: int, index_bytes: int
) -> SegmentFile:
    """Make the segment that begins with an operation, after a commit that uses `index_bytes`.

    Raises OSError, JournalFailed.
    """
    path = segment_path(places.journal, first_sequence)
    return SegmentFile.create(path, SegmentHeader(uuid, first_sequence, index_bytes))


def _create_tables(places: Places, uuid: bytes) -> int:
    """Make all tables, empty; returns how many bytes of the file that takes."""
    environment = Environment(places.index)
    try:
        transaction = environment.begin()
        environment.open_tables(transaction)
        current = CurrentTransaction(transaction, environment.databases)
        put_identity(current, uuid)
        put_meta(current, Meta(applied=0, counters={}))
        transaction.commit()
        return environment.committed_bytes
    except lmdb.Error as error:
        raise index_problem(error, places.index) from error
    finally:
        environment.close()


def _begin(environment: Environment, uuid: bytes, *, dry: bool) -> Transaction:
    """Open all tables. Those that a later version added are made; when dry, only for now."""
    transaction = environment.begin()
    environment.open_tables(transaction)
    check_identity(Rows(CurrentTransaction(transaction, environment.databases)), uuid)
    if dry:
        return transaction
    transaction.commit()
    return environment.begin()


def _check_not_cut(places: Places, uuid: bytes) -> None:
    """LMDB maps its file: reading behind the end of one that was cut would end the process."""
    data = places.index / DATA_FILE
    expected = newest_header(places.journal, uuid).index_bytes
    found = data.stat().st_size if data.exists() else 0
    if found < expected:
        raise IndexCorrupt(
            f"{data}: has {found} bytes of at least {expected}: run cairnfs rebuild-index"
        )
