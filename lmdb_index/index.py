"""The index: ordered tables of records, changed by operations, made durable by a journal.

One write transaction stays open between checkpoints, and operations change rows in it.
So an operation costs no sync, and whoever reads the index sees it at once. A checkpoint commits the
open transaction, and then the journal up to there is not needed any more.

Owner: one thread. `sync_journal` and `snapshot` may be called from any other meanwhile.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import lmdb

from lmdb_index.checkpoints import Checkpoints
from lmdb_index.environment import Environment, Transaction, index_problem
from lmdb_index.journal_format import encode_payload
from lmdb_index.long_transaction import LongTransaction
from lmdb_index.opening import Places, create_index, open_environment, recover
from lmdb_index.operation import Operation
from lmdb_index.recovery import AcceptRecord
from lmdb_index.room import Room
from lmdb_index.rows import CurrentTransaction, Rows
from lmdb_index.schema import TABLES, Record, Table
from lmdb_index.snapshot import Snapshot
from lmdb_index.statistics import IndexStatistics
from lmdb_index.values import CODECS
from lmdb_index.waiting_rows import WAITING

MUTATIONS_MAX: Final = 50_000  # what they changed is kept in memory until then
JOURNAL_BYTES_MAX: Final = 64 << 20


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
        current = self._current
        recovered = recover(places, uuid, environment, current, accept, dry=dry)
        journal = recovered.journal
        self._environment = environment
        self._recovered = recovered
        self._journal = journal
        self._counters = recovered.counters
        self._dry = dry
        self._closed = False
        self._long = LongTransaction(environment, current, journal.refusal)
        self._checkpoints = Checkpoints(
            places,
            uuid,
            environment,
            current,
            self._long,
            journal,
            recovered.counters,
            recovered.applied,
        )
        self._begin_again = self._checkpoints.begin_again
        self.room = Room(environment, current, self._long, journal, self._checkpoints, dry=dry)
        self._checkpoints.reopened = self.room.begin_sweep

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
        return Operation(
            self._current, self._journal, self._counters, self._environment, self._begin_again
        )

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
            raise self._environment.refusal(error, "index") from error
        if former is None:
            current.packed.note_covered(number)
        current.generation += 1

    def when_begun_again(self, action: Callable[[], None]) -> None:
        """Have something done whenever what was not committed is brought back from the journal.

        Rows are the same then, but not which of them are packed: no outline can be completed.
        """
        self._checkpoints.when_begun_again.append(action)

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
        if not self._dry:
            self._checkpoints.commit()

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
            problem = self._checkpoints.rotation_problem
            if problem is not None:
                raise self._journal.refusal(problem)

    def statistics(self) -> IndexStatistics:
        """How it is now."""
        return IndexStatistics(
            rows={table.name.decode(): self.count(table) for table in TABLES},
            file_bytes=self._environment.file_bytes,
            map_bytes=self._environment.map_bytes,
            journal_position=self._journal.position,
            journal_bytes=self._journal.bytes,
            mutations_since_checkpoint=self._journal.mutations,
            checkpoints=self._checkpoints.commits,
            rotation_problem=self._checkpoints.rotation_problem,
            replayed_bytes=self._recovered.replayed_bytes,
            unusable_bytes=self._recovered.unusable_bytes,
            set_aside=self._recovered.set_aside,
        )

    def close(self) -> None:
        """Close all files. What no checkpoint has committed is in the journal.

        Closing again does nothing. Raises IndexProblem.
        """
        if self._closed:
            return
        self._closed = True
        self._environment.close()
        self._journal.close()
