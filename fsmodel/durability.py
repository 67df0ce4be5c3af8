"""Making changes durable: packs first, then the journal that refers to them."""

from typing import Final

from fsmodel.index_border import index_error
from fsmodel.steps import Steps, Work
from fsmodel.store.pack_writer import PackWriter
from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index

SYNC_COST_BYTES: Final = 1 << 20  # waits for the disk, so a worker does it
COMMIT_BYTES: Final = 512  # for each changed row: a page of LMDB for eight of them


class Durability:
    """What survives a loss of power. `sync` may run in any thread, the rest in the owner's."""

    def __init__(self, index: Index, packs: PackWriter) -> None:
        self._index = index
        self._packs = packs
        self._covered = 0

    @property
    def position(self) -> int:
        """Where the journal ends now: what a sync from here on covers."""
        return self._index.journal_position

    @property
    def failure(self) -> str | None:
        """Why no change is accepted until the store is opened again; None while changes are."""
        if self._index.failure is not None:
            return self._index.failure
        if self._packs.failure is not None:
            return f"packs: {self._packs.failure}: see to the disk, then unmount and mount again"
        return None

    def needs_sync(self, position: int) -> bool:
        """Whether anything before a position might still be lost."""
        return self._covered < position or self._packs.unsynced

    @property
    def unsynced_bytes(self) -> int:
        """About how many bytes a sync from here on has to write."""
        return self._packs.unsynced_bytes + self._index.unsynced_bytes

    @property
    def commit_bytes(self) -> int:
        """About how much more room the next checkpoint may take than there is in the index now."""
        return self._index.mutations_since_checkpoint * COMMIT_BYTES

    def sync(self) -> int:
        """Sync packs, then the journal; return the position covered. Raises BackendError.

        What is covered is read first: an operation that comes while the packs are being synced may
        refer to a frame that this sync has missed. Frames come before what refers to them, so packs
        that have nothing to sync then need not be asked for more.
        """
        covered = self._index.journal_position
        try:
            if self._packs.unsynced or self._packs.failure is not None:
                self._packs.sync()
            self._index.sync_journal()
        except IndexProblem as error:
            raise index_error(error) from error
        return covered

    def note_synced(self, position: int) -> None:
        """Everything before a position is durable; the journal gets a marker that says so."""
        self._covered = max(self._covered, position)
        self._index.mark_synced(position)

    def checkpoint(self) -> Steps[None]:
        """Commit the index, which also begins a new journal segment.

        The packs are synced twice: first in a worker, so that little is left for the second time,
        after which nothing can be appended before the commit. Raises NoSpace, BackendError.
        """
        yield Work(self._packs.sync, SYNC_COST_BYTES)
        self.checkpoint_now()

    def checkpoint_now(self) -> None:
        """The same without leaving the thread."""
        self._packs.sync()
        try:
            self._index.checkpoint()
        except IndexProblem as error:
            raise index_error(error) from error
