"""The facade of the index: tables in LMDB, made durable by a journal.

One write transaction stays open between checkpoints; every operation is a nested transaction in
it. So an operation costs no sync, and a reader of the index sees it at once. What a kill takes
from LMDB, the journal gives back.

Owner: one thread. `sync_journal` alone may be called from another.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from lmdb_index.environment import Environment
from lmdb_index.errors import IndexCorrupt, IndexTooNew, JournalCorrupt, NoRoom
from lmdb_index.journal import Journal
from lmdb_index.journal_format import encode_operation
from lmdb_index.operation import Mutation, Operation
from lmdb_index.records import RawRecord
from lmdb_index.recovery import Accept, Replayed, replay, set_aside
from lmdb_index.rows import Rows
from lmdb_index.schema import META, SCHEMA_VERSION, Record, Table

MUTATIONS_MAX: Final = 50_000  # in the open transaction; beyond it, nested ones become slow
JOURNAL_BYTES_MAX: Final = 64 << 20

_APPLIED: Final = b"applied"
_COUNTERS: Final = b"counters"
_SCHEMA: Final = b"schema"


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """Figures of an open index."""

    mutations_since_checkpoint: int
    journal_bytes: int
    last_sequence: int
    synced_sequence: int
    checkpoints: int
    replayed_records: int


class Snapshot(Rows):
    """The index as of its last commit, for one thread that only reads."""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment, environment.begin(write=False))
        self._counters = read_counters(self)

    def counter(self, name: str) -> int:
        """The value of a counter."""
        return self._counters.get(name, 0)


class Index:
    """An open index."""

    _rows: Rows  # of the operation in progress, else of the open transaction

    def __init__(self, store: Path, uuid: bytes, accept: Accept, *, dry: bool) -> None:
        self._folder = store / "journal"
        self._uuid = uuid
        self._accept = accept
        self._environment = Environment(store / "index")
        self._operation: Operation | None = None
        self._counters: dict[str, int] = {}
        self.mutations_since_checkpoint = 0
        self._checkpoints = self._replayed = 0
        try:
            found = self._begin()
            if not dry:
                set_aside(found.tails, store / "quarantine")
            self._journal = None if dry else Journal(self._folder, uuid, found.last_sequence)
        except BaseException:
            self._environment.close()
            raise
        self.tails = found.tails

    @staticmethod
    def create(store: Path, uuid: bytes) -> None:
        """Make the index and the journal of an empty store. Raises NoRoom, OSError."""
        (store / "index").mkdir(mode=0o700, exist_ok=True)
        (store / "journal").mkdir(mode=0o700, exist_ok=True)
        environment = Environment(store / "index", create=True)
        rows = Operation(environment, environment.begin(write=True), {})
        write_state(rows, 0, {})
        environment.commit(rows.transaction)
        environment.close()

    @classmethod
    def open(
        cls, store: Path, uuid: bytes, accept: Accept | None = None, *, dry: bool = False
    ) -> "Index":
        """Open the index, replaying what the last commit lacks.

        With `dry`, nothing on disk changes, then or later. Raises IndexCorrupt, JournalCorrupt,
        IndexTooNew, NoRoom.
        """
        return cls(store, uuid, accept or (lambda mutations: True), dry=dry)

    # -- reading --------------------------------------------------------------------------

    def get(self, table: Table[Record], key: bytes) -> Record | None:
        """The row with this key, as the operation in progress sees it. Raises IndexCorrupt."""
        return self._rows.get(table, key)

    def scan(
        self,
        table: Table[Record],
        start: bytes = b"",
        stop: bytes | None = None,
        *,
        reverse: bool = False,
    ) -> Iterator[tuple[bytes, Record]]:
        """Rows from `start` up to, not including, `stop`."""
        return self._rows.scan(table, start, stop, reverse=reverse)

    def scan_prefix(self, table: Table[Record], prefix: bytes) -> Iterator[tuple[bytes, Record]]:
        """Rows whose keys begin with a prefix."""
        return self._rows.scan_prefix(table, prefix)

    @property
    def rows(self) -> Rows:
        """What the open transaction shows."""
        return self._rows

    def count(self, table: Table[Record]) -> int:
        """How many rows a table has."""
        return self._rows.count(table)

    def counter(self, name: str) -> int:
        """The value of a counter."""
        return self._counters.get(name, 0)

    def counters(self) -> dict[str, int]:
        """All counters."""
        return dict(self._counters)

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The last commit, for the thread that calls. Keep it short: it holds old pages."""
        view = Snapshot(self._environment)
        try:
            yield view
        finally:
            view.transaction.abort()

    # -- changing -------------------------------------------------------------------------

    @contextmanager
    def operation(self) -> Iterator[Operation]:
        """All that is done inside applies when the block ends; if it raises, nothing does.

        Raises NoRoom, JournalFailed when it cannot be journalled; then nothing was changed.
        """
        assert self._operation is None, "operations do not nest"
        transaction = self._environment.begin(write=True, parent=self._transaction)
        operation = Operation(self._environment, transaction, self._counters)
        self._operation = operation
        self._rows = operation
        try:
            yield operation
            if operation.mutations or operation.deltas:
                if self._journal is not None:
                    self._journal.append(encode_operation(operation.mutations, operation.deltas))
                transaction.commit()
            else:
                transaction.abort()
        except BaseException:
            transaction.abort()
            raise
        finally:
            self._operation, self._rows = None, self._base_rows
        self.mutations_since_checkpoint += len(operation.mutations)
        for name, delta in operation.deltas.items():
            self._counters[name] = self._counters.get(name, 0) + delta

    # -- durability -----------------------------------------------------------------------

    @property
    def journal_position(self) -> int:
        """The number of the last journal record."""
        return self._journal.position if self._journal is not None else 0

    @property
    def unsynced(self) -> bool:
        """Whether a power loss now could take an acknowledged operation."""
        return self._journal is not None and self._journal.position > self._journal.synced

    def sync_journal(self) -> int:
        """Make every record so far durable; any thread may call it. Returns the last one's number.

        Raises JournalFailed.
        """
        return self._journal.sync() if self._journal is not None else 0

    def mark_synced(self, position: int) -> None:
        """Note in the journal that a sync covered the records up to this one."""
        if self._journal is not None:
            self._journal.mark_synced(position)

    @property
    def journal_bytes(self) -> int:
        """Size of the journal since the last checkpoint."""
        return self._journal.size_bytes if self._journal is not None else 0

    @property
    def needs_checkpoint(self) -> bool:
        """Whether the open transaction or the journal has grown enough."""
        return (
            self.mutations_since_checkpoint >= MUTATIONS_MAX
            or self.journal_bytes >= JOURNAL_BYTES_MAX
        )

    def checkpoint(self) -> None:
        """Commit with sync, and begin a new journal segment.

        Raises NoRoom; the state is then as before, made again from the journal.
        """
        assert self._operation is None and self._journal is not None
        rows = Operation(self._environment, self._transaction, {})
        write_state(rows, self._journal.position, self._counters)
        try:
            self._environment.commit(self._transaction)
        except NoRoom:
            self._begin()
            raise
        self._open_transaction()
        self._journal.rotate()
        self._checkpoints += 1

    def statistics(self) -> IndexStatistics:
        """Figures as of now."""
        return IndexStatistics(
            self.mutations_since_checkpoint,
            self.journal_bytes,
            self.journal_position,
            self._journal.synced if self._journal is not None else 0,
            self._checkpoints,
            self._replayed,
        )

    def close(self) -> None:
        """Let go of everything. What was not checkpointed is in the journal."""
        self._transaction.abort()
        self._environment.close()
        if self._journal is not None:
            self._journal.close()

    # -- helpers --------------------------------------------------------------------------

    def _begin(self) -> Replayed:
        """Open the transaction, and replay into it what the last commit lacks."""
        self._open_transaction()
        applied = read_applied(self._rows)
        self._counters = read_counters(self._rows)
        found = replay(self._folder, self._uuid, applied, self._accept, self._apply)
        self._replayed += found.records
        return found

    def _open_transaction(self) -> None:
        self._transaction = self._environment.begin(write=True)
        self._base_rows = Rows(self._environment, self._transaction)
        self._rows = self._base_rows
        self.mutations_since_checkpoint = 0

    def _apply(self, mutations: Sequence[Mutation], deltas: dict[str, int]) -> None:
        handles = self._environment.handles
        for table, key, value in mutations:
            if table not in handles:
                raise JournalCorrupt(f"a journal record names table {table}, which is not known")
            if value is None:
                self._transaction.delete(key, db=handles[table])
            else:
                self._transaction.put(key, value, db=handles[table])
        for name, delta in deltas.items():
            self._counters[name] = self._counters.get(name, 0) + delta
        self.mutations_since_checkpoint += len(mutations)


def write_state(rows: Operation, applied: int, counters: dict[str, int]) -> None:
    """Put the index's own state into a transaction that is about to be committed."""
    rows.put(META, _SCHEMA, RawRecord(SCHEMA_VERSION.to_bytes(4, "little")))
    rows.put(META, _APPLIED, RawRecord(applied.to_bytes(8, "little")))
    rows.put(META, _COUNTERS, RawRecord(msgspec.msgpack.encode(counters)))


def read_applied(rows: Rows) -> int:
    """The last journal record a commit holds. Raises IndexCorrupt, IndexTooNew."""
    schema, applied = rows.get(META, _SCHEMA), rows.get(META, _APPLIED)
    if schema is None or applied is None:
        raise IndexCorrupt(
            "the index has no state of its own: run `cairnfs rebuild-index` to make it again"
        )
    version = int.from_bytes(schema.value, "little")
    if version > SCHEMA_VERSION:
        raise IndexTooNew(
            f"the index has schema {version}, this cairnfs knows up to {SCHEMA_VERSION}: "
            "upgrade cairnfs"
        )
    return int.from_bytes(applied.value, "little")


def read_counters(rows: Rows) -> dict[str, int]:
    """The counters a commit holds."""
    row = rows.get(META, _COUNTERS)
    return msgspec.msgpack.decode(row.value, type=dict[str, int]) if row is not None else {}
