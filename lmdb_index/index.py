"""The index: ordered tables of records, changed by operations, made durable by a journal.

One write transaction stays open between checkpoints, and operations change rows in it.
So an operation costs no sync, and whoever reads the index sees it at once. A checkpoint commits the
open transaction, and then the journal up to there is not needed any more.

Owner: one thread. `sync_journal` and `snapshot` may be called from any other meanwhile.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import lmdb

from lmdb_index.environment import Environment, Transaction, index_problem
from lmdb_index.errors import IndexProblem, JournalFailed, NoRoom
from lmdb_index.host_files import is_full
from lmdb_index.journal import Journal
from lmdb_index.journal_format import encode_payload
from lmdb_index.journal_survey import survey_journal
from lmdb_index.long_transaction import LongTransaction
from lmdb_index.meta import Meta, put_meta, read_meta
from lmdb_index.opening import Places, create_index, open_environment, open_journal
from lmdb_index.operation import Operation
from lmdb_index.packed import PACKABLE
from lmdb_index.packing import Packer
from lmdb_index.recovery import AcceptRecord, replay
from lmdb_index.rows import CurrentTransaction, Rows
from lmdb_index.schema import TABLES, Record, Table
from lmdb_index.shrinking import CompactCopy, drop_copy, is_worth_it
from lmdb_index.values import CODECS
from lmdb_index.waiting_rows import WAITING

MUTATIONS_MAX: Final = 50_000  # what they changed is kept in memory until then
JOURNAL_BYTES_MAX: Final = 64 << 20


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """How large the index is, what a checkpoint would put away, what recovery did."""

    rows: dict[str, int]  # of each table, by its name
    file_bytes: int  # of the LMDB file
    map_bytes: int
    journal_position: int
    journal_bytes: int
    mutations_since_checkpoint: int
    checkpoints: int
    rotation_problem: str | None  # why the last checkpoint could not begin a new journal segment
    replayed_bytes: int  # of the journal, when the index was opened
    unusable_bytes: int  # of the end of the journal, when the index was opened
    set_aside: Path | None  # where they went


class PackStep(NamedTuple):
    """What one step of packing did."""

    moved_rows: int
    more: bool  # the sweep goes on


class Snapshot(Rows):
    """The index as of its last commit. It belongs to the thread that took it."""

    def __init__(self, current: CurrentTransaction) -> None:
        super().__init__(current)
        current.packed.load(current.transaction)
        meta = read_meta(self)
        self._counters = meta.counters
        self.position = meta.applied  # number of the last operation it contains

    def counter(self, name: str) -> int:
        """A counter's value; 0 when there is none."""
        return self._counters.get(name, 0)


class Index(Rows):
    """All tables of one store, open. Reading is inherited from `Rows`."""

    def __init__(
        self,
        places: Places,
        uuid: bytes,
        environment: Environment,
        transaction: Transaction,
        accept: AcceptRecord | None,
        *,
        dry: bool,
    ) -> None:
        """Replay the journal. For `Index.open`, which says more."""
        super().__init__(CurrentTransaction(transaction, environment.databases))
        self._places = places
        self._uuid = uuid
        self._environment = environment
        self._dry = dry
        self._closed = False
        self._commits = 0
        self._rotation_problem: str | None = None
        self._when_begun_again: list[Callable[[], None]] = []
        self._long = LongTransaction(environment, self._current, self._refuse)
        self._current.packed.load(transaction)
        self._packer = Packer(environment, self._current)
        self._has_packed = False  # since the last checkpoint
        meta = read_meta(self)
        self._applied = meta.applied
        survey = survey_journal(places.journal, uuid, meta.applied)
        replayed = replay(self._current, uuid, survey, meta, accept)
        self._counters = defaultdict(int, replayed.counters)
        self._replayed_bytes = replayed.bytes
        self._unusable_bytes = survey.size - replayed.end
        self._set_aside: Path | None = None
        if dry:
            position = replayed.position
            self._journal = Journal(places.journal, None, position=position, synced=position)
        else:
            self._journal, self._set_aside = open_journal(
                places, uuid, survey, replayed, self._environment.committed_bytes
            )

    @staticmethod
    def create(store: Path, uuid: bytes) -> None:
        """Make STORE/index and STORE/journal, empty. Raises NoRoom, IndexProblem."""
        create_index(Places.of(store), uuid)

    @classmethod
    def open(
        cls,
        store: Path,
        uuid: bytes,
        accept: AcceptRecord | None = None,
        *,
        dry: bool = False,
        thorough: bool = False,
    ) -> "Index":
        """Open the index of a store and replay the journal onto its last commit.

        `accept` is asked for each operation behind the last sync marker, and shown the rows as they
        are before it; False ends the replay there. When `dry`, nothing on disk changes, then or
        later: operations are forgotten at the end. When `thorough`, the structure of the whole LMDB
        file is checked first, at about 60 MB a second: LMDB itself takes it on trust, and may end
        the process over a garbled one. Raises IndexCorrupt, JournalCorrupt, IndexTooNew, NoRoom,
        IndexProblem; then nothing was changed.
        """
        places = Places.of(store)
        environment, transaction = open_environment(places, uuid, dry=dry, thorough=thorough)
        try:
            return cls(places, uuid, environment, transaction, accept, dry=dry)
        except lmdb.Error as error:
            environment.close()
            raise index_problem(error, places.index) from error
        except BaseException:
            environment.close()
            raise

    def operation(self) -> Operation:
        """A context manager: what its block does applies when the block ends, or not at all."""
        return Operation(self._current, self._journal, self._counters, self._begin_again)

    def replace(self, table: Table[Record], key: bytes, record: Record) -> None:
        """An operation that stores a row in place of one, and does nothing else.

        There has to be one. So there is nothing to be undone or counted, and nothing is kept of
        what the row was. Raises NoRoom, IndexProblem.
        """
        current, number = self._current, table.number
        assert not current.has_operation, "operations do not nest"
        assert number != WAITING, "a row that waits can be given up: use an operation"
        self._journal.check()
        value = CODECS[number].seal(key, record)
        self._journal.append(encode_payload({}, [(number, key, value)]), 1)
        try:
            former = current.transaction.replace(key, value, current.databases[number])
        except lmdb.Error as error:
            # The journal now says what the index does not: only a replay makes them agree.
            self._journal.fail(f"an operation was not applied: {error}")
            raise index_problem(error, "index") from error
        if former is None:
            current.packed.note_covered(number)
        current.generation += 1

    def when_begun_again(self, action: Callable[[], None]) -> None:
        """Have something done whenever what was not committed is brought back from the journal.

        Rows are the same then, but not which of them are packed: no outline can be completed.
        """
        self._when_begun_again.append(action)

    def counter(self, name: str) -> int:
        """A counter's value; 0 when there is none."""
        return self._counters.get(name, 0)

    def counters(self) -> dict[str, int]:
        """All counters that are not 0."""
        return {name: value for name, value in self._counters.items() if value}

    @property
    def generation(self) -> int:
        """Another number after each change of any row."""
        return self._current.generation

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The last commit, for the thread that calls. Keep it short: it holds old pages."""
        with self._long.reading() as current:
            yield Snapshot(current)

    @property
    def journal_position(self) -> int:
        """The number of the last operation."""
        return self._journal.position

    @property
    def failure(self) -> str | None:
        """Why operations are not accepted until the store is opened again; None while they are."""
        return self._journal.failure

    @property
    def unsynced(self) -> bool:
        """Whether a loss of power could undo an operation."""
        return self._journal.synced < self._journal.position

    def sync_journal(self) -> int:
        """Make all operations so far durable; return the position covered. Any thread.

        Raises JournalFailed, as does every operation from then on.
        """
        return self._journal.sync()

    def mark_synced(self, position: int) -> None:
        """Note that operations up to a position survive a loss of power.

        The objects they refer to must survive it, too: recovery will not look for them.
        """
        self._journal.mark_synced(position)

    @property
    def unsynced_bytes(self) -> int:
        """About how many bytes of the journal the next sync has to write."""
        return self._journal.unsynced_bytes

    @property
    def mutations_since_checkpoint(self) -> int:
        """Rows and counters changed since then."""
        return self._journal.mutations

    @property
    def journal_bytes(self) -> int:
        """What a recovery would have to read."""
        return self._journal.bytes

    @property
    def needs_checkpoint(self) -> bool:
        """Whether the open transaction or the journal has grown enough for one."""
        journal = self._journal
        return journal.mutations >= MUTATIONS_MAX or journal.bytes >= JOURNAL_BYTES_MAX

    def checkpoint(self) -> None:
        """Commit everything, begin a new journal segment and drop the old ones.

        Raises NoRoom, IndexProblem when the commit failed. Then everything is as before: the
        journal was replayed, and a later checkpoint may succeed. Raises JournalFailed when the
        index cannot go on.
        """
        current, position = self._current, self._journal.position
        assert not current.has_operation, "an operation is open"
        changed = position != self._applied
        if self._dry or not (changed or self._has_packed):
            return
        try:
            put_meta(current, Meta(position, self._counters))
            current.packed.save(current.transaction)
            current.waiting.save(current.transaction, current.databases[WAITING])
            current.transaction.commit()
        except lmdb.Error as error:
            self._begin_again()
            raise self._commit_problem(error) from error
        current.waiting.clear()
        self._applied = position
        self._has_packed = False
        self._commits += 1
        self._long.begin()
        if changed:
            self._rotate_journal()

    def pack_step(self) -> PackStep:
        """Pack some rows, in about 5 ms; a sweep of all that is worth it takes many steps.

        Nothing that can be read changes. The next checkpoint commits it. No operation may be open.
        Raises NoRoom, IndexProblem; then nothing was packed.
        """
        if self._dry:
            return PackStep(0, more=False)
        packer = self._packer
        rows_before, blocks_before = packer.moved_rows, packer.made_blocks
        more = packer.step()
        moved = packer.moved_rows - rows_before
        self._has_packed |= moved > 0 or packer.made_blocks > blocks_before
        if not more:
            self._packer = Packer(self._environment, self._current)
        return PackStep(moved, more)

    @property
    def unpacked_rows(self) -> int:
        """Rows that stand by themselves in tables that can have packed ones."""
        extra = self._current.packed.extra
        return sum(self.count(table) - extra.get(table.number, 0) for table in PACKABLE)

    @property
    def packed_rows(self) -> int:
        """Rows of the same tables that do not."""
        return sum(self._current.packed.extra.values())

    @property
    def file_bytes(self) -> int:
        """Size of the LMDB file."""
        return self._environment.file_bytes

    @property
    def is_wasteful(self) -> bool:
        """Whether `compact_copy` and `take_copy` would give much room back. Raises IndexProblem."""
        if self._dry:
            return False
        return is_worth_it(self.file_bytes, self._used_bytes())

    def compact_copy(self) -> Callable[[], CompactCopy]:
        """What makes a copy of the index file as of the last commit without its free pages.

        Any thread may run it. That raises NoRoom, IndexProblem, and then there is no copy.
        """
        return partial(self._long.copy, self._used_bytes(), self._commits)

    def take_copy(self, copy: CompactCopy) -> bool:
        """Go on with a copy of the index file, if it still is one; False when it is not.

        Raises NoRoom, IndexProblem when it could not be put in place, and then the index goes on
        as it was; JournalFailed when it cannot go on.
        """
        current, journal = self._current, self._journal
        assert not current.has_operation, "an operation is open"
        changed = journal.position != self._applied or self._has_packed
        with self._long.alone() as alone:
            if changed or copy.commit != self._commits or not (alone and journal.is_empty):
                drop_copy(self._places.index)
                return False
            try:
                self._check_copy(copy)
                journal.note_smaller_index(copy.size)
                current.transaction.abort()
                self._long.exchange_file(copy.file)
            finally:
                drop_copy(self._places.index)
        return True

    def skip_numbers(self, position: int) -> None:
        """Checkpoint, and number operations from there on as if there had been so many.

        An index made again goes on behind the numbers of the one it replaces, so that no journal
        can be taken for a part of the other. Raises as `checkpoint`; also when there is no new
        journal segment, as the old one would have a gap.
        """
        self.checkpoint()
        if position > self._journal.position:
            self._journal.position = position
            self.checkpoint()
            if self._rotation_problem is not None:
                self._journal.fail(self._rotation_problem)
                self._journal.check()

    def statistics(self) -> IndexStatistics:
        """How it is now."""
        return IndexStatistics(
            rows={table.name.decode(): self.count(table) for table in TABLES},
            file_bytes=self._environment.file_bytes,
            map_bytes=self._environment.map_bytes,
            journal_position=self._journal.position,
            journal_bytes=self._journal.bytes,
            mutations_since_checkpoint=self._journal.mutations,
            checkpoints=self._commits,
            rotation_problem=self._rotation_problem,
            replayed_bytes=self._replayed_bytes,
            unusable_bytes=self._unusable_bytes,
            set_aside=self._set_aside,
        )

    def close(self) -> None:
        """Close all files. What no checkpoint has committed is in the journal.

        Closing again does nothing. Raises IndexProblem.
        """
        if self._closed:
            return
        self._closed = True
        self._current.transaction.abort()
        self._environment.close()
        self._journal.close()

    def _used_bytes(self) -> int:
        try:
            return self._environment.used_bytes(self._current.transaction)
        except lmdb.Error as error:
            raise index_problem(error, self._environment.file) from error

    def _check_copy(self, copy: CompactCopy) -> None:
        """Raise IndexProblem unless a copy has as much in it as the file."""
        try:
            entries = self._environment.entries(self._current.transaction)
        except lmdb.Error as error:
            raise index_problem(error, self._environment.file) from error
        if copy.entries != entries:
            raise IndexProblem(f"{copy.file}: is not what it was copied from: see to the disk")

    def _begin_again(self) -> None:
        """Give up the open transaction, and make another from the journal. Raises IndexProblem."""
        self._current.transaction.abort()
        self._replay_again()

    def _replay_again(self) -> None:
        """Bring back what an aborted commit has lost. Raises IndexProblem."""
        for action in self._when_begun_again:
            action()
        if self._long.begin_again():
            self._packer = Packer(self._environment, self._current)
        self._has_packed = False
        self._current.waiting.clear()
        places, meta = self._places, read_meta(self)
        try:
            self._current.packed.load(self._current.transaction)
            survey = survey_journal(places.journal, self._uuid, meta.applied)
            replayed = replay(self._current, self._uuid, survey, meta, None)
        except IndexProblem as problem:
            self._show_nothing(str(problem))
            raise
        if replayed.position != self._journal.position:
            self._show_nothing(f"it ends with operation {replayed.position}")
            self._journal.check()

    def _show_nothing(self, reason: str) -> None:
        """Refuse to be read and changed: the last commit alone would lack what was acknowledged."""
        self._current.transaction.abort()
        self._journal.fail(reason)

    def _refuse(self, reason: str) -> JournalFailed:
        self._journal.fail(reason)
        return JournalFailed(self._journal.failure)

    def _commit_problem(self, error: lmdb.Error) -> IndexProblem:
        """LMDB takes a write cut short by a full disk for an I/O error."""
        problem = index_problem(error, self._environment.file)
        if is_full(self._places.index) and not isinstance(problem, NoRoom):
            return NoRoom(f"{problem}: no room on the host: free some space and try again")
        return problem

    def _rotate_journal(self) -> None:
        """If no new segment can be made, the old one goes on: a replay skips what is committed."""
        self._rotation_problem = None
        try:
            self._journal.rotate(self._environment.committed_bytes)
        except JournalFailed:
            raise
        except IndexProblem as problem:
            self._rotation_problem = str(problem)
