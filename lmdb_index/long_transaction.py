"""The write transaction that stays open between checkpoints, and whoever reads beside it.

LMDB must not be opened again, and its map not grow, while another thread reads: so snapshots are
counted. What cannot go on is told to the journal, which refuses every operation from then on.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import lmdb

from lmdb_index.environment import Environment, index_problem
from lmdb_index.errors import IndexProblem, JournalFailed
from lmdb_index.host_files import host_failures, sync_folder
from lmdb_index.packed import Packed
from lmdb_index.rows import CurrentTransaction
from lmdb_index.schema import PACKED_DATABASE
from lmdb_index.shrinking import CompactCopy, make_copy

Refuse = Callable[[str], JournalFailed]  # operations, from now on; what to raise is returned


class LongTransaction:
    """Owner: the thread of the index; `reading` and `copy` may be called from any other."""

    def __init__(
        self, environment: Environment, current: CurrentTransaction, refuse: Refuse
    ) -> None:
        self._environment = environment
        self._current = current
        self._refuse = refuse
        self._readers = 0
        self._readers_change = Lock()

    @contextmanager
    def reading(self) -> Iterator[CurrentTransaction]:
        """A transaction that shows the last commit, for the thread that calls."""
        with self._readers_change:
            transaction = self._environment.begin_reading()
            self._readers += 1
        try:
            yield CurrentTransaction(transaction, self._environment.databases)
        finally:
            with self._readers_change:
                transaction.abort()
                self._readers -= 1

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Nobody begins to read within; tells whether nobody does already."""
        with self._readers_change:
            yield not self._readers

    def copy(self, used_bytes: int, commit: int) -> CompactCopy:
        """A copy of the file without its free pages. Raises NoRoom, IndexProblem."""
        with self._readers_change:
            self._readers += 1  # the map must not move meanwhile
        try:
            return make_copy(self._environment, used_bytes, commit)
        finally:
            with self._readers_change:
                self._readers -= 1

    def begin(self) -> None:
        """Open the transaction behind a commit. Raises IndexProblem, and nothing goes on then."""
        try:
            with self.alone() as alone:
                if alone:
                    self._environment.grow_map()
            self._current.transaction = self._environment.begin()
        except lmdb.Error as error:
            self._refuse(_unusable(error))
            raise index_problem(error, self._environment.file.parent) from error
        self._current.generation += 1

    def begin_again(self) -> bool:
        """Begin after a failed commit; tells whether LMDB was opened again. Raises as `begin`.

        LMDB uses an environment no more in which the page that names the root could not be written:
        it must be opened again, and what that page says then is what the journal goes on from.
        """
        reopened = False
        try:
            self._environment.begin().abort()
        except lmdb.Error as error:
            with self.alone() as alone:
                if not alone:  # their threads still use it
                    raise self._refuse(_unusable(error)) from error
                self._open_anew()
            reopened = True
        self.begin()
        return reopened

    def exchange_file(self, file: Path) -> None:
        """Put another file in the place of the index's, and open it; nobody may read.

        Raises NoRoom, IndexProblem, and the index goes on as it was; JournalFailed.
        """
        environment = self._environment
        environment.close()
        try:
            with host_failures(environment.file):
                os.rename(file, environment.file)
            try:
                sync_folder(environment.file.parent)
            except OSError as error:
                raise self._refuse(f"the index may be lost: {error.strerror}") from error
        finally:
            self._open_anew()
            self._begin_other()

    def _open_anew(self) -> None:
        """Open what is in the place of the file. Raises JournalFailed."""
        self._environment.close()
        try:
            self._environment.reopen()
        except (lmdb.Error, IndexProblem) as error:
            raise self._refuse(_unusable(error)) from error
        self._current.packed = Packed(self._environment.databases[PACKED_DATABASE])

    def _begin_other(self) -> None:
        try:
            self._current.transaction = self._environment.begin()
            self._current.packed.load(self._current.transaction)
        except (lmdb.Error, IndexProblem) as error:
            raise self._refuse(_unusable(error)) from error


def _unusable(error: Exception) -> str:
    return f"the index cannot be used any more: {error}"
