"""How much room the index takes, and taking less: rows are packed, free pages given back.

Nothing that can be read changes by either.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import lmdb

from lmdb_index.checkpoints import Checkpoints
from lmdb_index.environment import Environment, index_problem
from lmdb_index.errors import IndexProblem
from lmdb_index.journal import Journal
from lmdb_index.long_transaction import LongTransaction
from lmdb_index.packed import PACKABLE
from lmdb_index.packing import Packer
from lmdb_index.rows import CurrentTransaction, Rows
from lmdb_index.shrinking import CompactCopy, drop_copy, is_worth_it


class PackStep(NamedTuple):
    """What one step of packing did."""

    moved_rows: int
    more: bool  # the sweep goes on


class Room:
    """The room of one index. Owner: the thread of the index."""

    def __init__(
        self,
        environment: Environment,
        current: CurrentTransaction,
        long: LongTransaction,
        journal: Journal,
        checkpoints: Checkpoints,
        *,
        dry: bool,
    ) -> None:
        self._environment = environment
        self._current = current
        self._long = long
        self._journal = journal
        self._checkpoints = checkpoints
        self._dry = dry
        self.begin_sweep()

    def begin_sweep(self) -> None:
        """Pack from the first table on, whatever has been swept."""
        self._packer = Packer(self._environment, self._current)

    def pack_step(self) -> PackStep:
        """Pack some rows, in about 5 ms; a sweep of all that is worth it takes many steps.

        The next checkpoint commits it. No operation may be open. Raises NoRoom, IndexProblem; then
        nothing was packed.
        """
        if self._dry:
            return PackStep(0, more=False)
        packer = self._packer
        rows_before, blocks_before = packer.moved_rows, packer.made_blocks
        more = packer.step()
        moved = packer.moved_rows - rows_before
        self._checkpoints.has_packed |= moved > 0 or packer.made_blocks > blocks_before
        if not more:
            self.begin_sweep()
        return PackStep(moved, more)

    @property
    def unpacked_rows(self) -> int:
        """Rows that stand by themselves in tables that can have packed ones."""
        rows, extra = Rows(self._current), self._current.packed.extra
        return sum(rows.count(table) - extra.get(table.number, 0) for table in PACKABLE)

    @property
    def packed_rows(self) -> int:
        """Rows of the same tables that do not."""
        return sum(self._current.packed.extra.values())

    @property
    def file_bytes(self) -> int:
        """Size of the LMDB file."""
        return self._environment.file_bytes

    @property
    def used_bytes(self) -> int:
        """How much of it is not free pages. Raises IndexProblem."""
        try:
            return self._environment.used_bytes(self._current.transaction)
        except lmdb.Error as error:
            raise index_problem(error, self._environment.file) from error

    @property
    def is_wasteful(self) -> bool:
        """Whether `compact_copy` and `take_copy` would give much room back. Raises IndexProblem."""
        return not self._dry and is_worth_it(self.file_bytes, self.used_bytes)

    def compact_copy(self) -> Callable[[], CompactCopy]:
        """What makes a copy of the index file as of the last commit without its free pages.

        Any thread may run it. That raises NoRoom, IndexProblem, and then there is no copy.
        """
        return partial(self._long.copy, self.used_bytes, self._checkpoints.commits)

    def take_copy(self, copy: CompactCopy) -> bool:
        """Go on with a copy of the index file, if it still is one; False when it is not.

        Raises NoRoom, IndexProblem when it could not be put in place, and then the index goes on
        as it was; JournalFailed when it cannot go on.
        """
        current, journal, checkpoints = self._current, self._journal, self._checkpoints
        assert not current.has_operation, "an operation is open"
        changed = checkpoints.is_due or copy.commit != checkpoints.commits
        with self._long.alone() as alone:
            try:
                if changed or not (alone and journal.is_empty):
                    return False
                self._check_copy(copy)
                journal.note_smaller_index(copy.size)
                current.transaction.abort()
                self._long.exchange_file(copy.file)
            finally:
                drop_copy(self._environment.file.parent)
        return True

    def _check_copy(self, copy: CompactCopy) -> None:
        """Raise IndexProblem unless a copy has as much in it as the file."""
        try:
            entries = self._environment.entries(self._current.transaction)
        except lmdb.Error as error:
            raise index_problem(error, self._environment.file) from error
        if copy.entries != entries:
            raise IndexProblem(f"{copy.file}: is not what it was copied from: see to the disk")
