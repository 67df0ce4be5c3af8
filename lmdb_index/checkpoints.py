"""Checkpoints: the open transaction is committed, and then the journal up to there is dropped.

LMDB gives up a transaction that it could not commit. The journal has all of it, and makes another
that says the same: so a commit that failed for want of room has cost nothing.
"""

from collections import defaultdict
from collections.abc import Callable

import lmdb

from lmdb_index.environment import Environment
from lmdb_index.errors import IndexProblem, JournalFailed
from lmdb_index.journal import Journal
from lmdb_index.journal_survey import survey_journal
from lmdb_index.long_transaction import LongTransaction
from lmdb_index.meta import Meta, put_meta, read_meta
from lmdb_index.opening import Places
from lmdb_index.recovery import replay
from lmdb_index.rows import CurrentTransaction, Rows
from lmdb_index.waiting_rows import WAITING


def _nothing() -> None:
    """Nobody has to know."""


class Checkpoints:
    """Commits the long transaction, or makes it again. Owner: the thread of the index."""

    def __init__(
        self,
        places: Places,
        uuid: bytes,
        environment: Environment,
        current: CurrentTransaction,
        long: LongTransaction,
        journal: Journal,
        counters: defaultdict[str, int],
        applied: int,
    ) -> None:
        """`applied` is the number of the last operation that is committed."""
        self._places = places
        self._uuid = uuid
        self._environment = environment
        self._current = current
        self._long = long
        self._journal = journal
        self._counters = counters
        self._applied = applied
        self.has_packed = False  # rows have moved into blocks since the last commit
        self.commits = 0
        self.rotation_problem: str | None = None  # why the last one began no new journal segment
        self.when_begun_again: list[Callable[[], None]] = []  # done before rows are brought back
        self.reopened: Callable[[], None] = _nothing  # told when LMDB was opened again for that

    @property
    def is_due(self) -> bool:
        """Whether the open transaction has anything that is not committed."""
        return self._journal.position != self._applied or self.has_packed

    def commit(self) -> None:
        """Commit what there is, begin a new journal segment and drop the old ones.

        Raises NoRoom, IndexProblem when the commit failed. Then everything is as before: the
        journal was replayed, and a later one may succeed. Raises JournalFailed when the index
        cannot go on.
        """
        current, position = self._current, self._journal.position
        assert not current.has_operation, "an operation is open"
        if not self.is_due:
            return
        try:
            put_meta(current, Meta(position, self._counters))
            current.packed.save(current.transaction)
            current.waiting.save(current.transaction, current.databases[WAITING])
            current.transaction.commit()
        except lmdb.Error as error:
            self.begin_again()
            raise self._environment.refusal(error, self._environment.file) from error
        current.waiting.clear()
        changed = position != self._applied
        self._applied = position
        self.has_packed = False
        self.commits += 1
        self._long.begin()
        if changed:
            self._rotate_journal()

    def begin_again(self) -> None:
        """Give up the open transaction, and make another from the journal. Raises IndexProblem."""
        self._current.transaction.abort()
        for action in self.when_begun_again:
            action()
        if self._long.begin_again():
            self.reopened()
        self.has_packed = False
        self._current.waiting.clear()
        position = self._replay()
        if position != self._journal.position:
            self._show_nothing(f"it ends with operation {position}")
            self._journal.check()

    def _replay(self) -> int:
        """Bring back what no commit has; return the last operation. Raises IndexProblem."""
        current, meta = self._current, read_meta(Rows(self._current))
        try:
            current.packed.load(current.transaction)
            survey = survey_journal(self._places.journal, self._uuid, meta.applied)
            return replay(current, self._uuid, survey, meta, None).position
        except IndexProblem as problem:
            self._show_nothing(str(problem))
            raise

    def _show_nothing(self, reason: str) -> None:
        """Refuse to be read and changed: the last commit alone would lack what was acknowledged."""
        self._current.transaction.abort()
        self._journal.fail(reason)

    def _rotate_journal(self) -> None:
        """If no new segment can be made, the old one goes on: a replay skips what is committed."""
        self.rotation_problem = None
        try:
            self._journal.rotate(self._environment.committed_bytes)
        except JournalFailed:
            raise
        except IndexProblem as problem:
            self.rotation_problem = str(problem)
