"""The bytes of regular files: read them, and bring what is on disk about them up to date.

Three things do that for files in use (open_files.py): `truncate` at once, `log_extents` for a few
bytes that must be durable now (extent_rows.py), and `settle`, which cuts all bytes into chunks
(settle.py) and leaves the inode's row with a content ref that depends on the bytes alone
(recorder.py).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.change import Change, Changes
from fsmodel.content.chunk_list import stored_chunks
from fsmodel.content.content_ref import EMPTY
from fsmodel.content.extent_rows import (
    cut_extents,
    mark_unsettled,
    put_unlogged,
    unsettled_files,
)
from fsmodel.content.file_state import FILE_BYTES_MAX, FileState
from fsmodel.content.lineages import Lineages
from fsmodel.content.open_files import OpenFiles
from fsmodel.content.reader import Reader
from fsmodel.content.recorder import Recorder, record_times
from fsmodel.content.settle import Settler, never
from fsmodel.content.windows import WindowPlan, plan_next_window, plan_window
from fsmodel.errors import TooBig
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import bytes_counter
from fsmodel.steps import PAUSE, Begin, Steps
from fsmodel.store.objects import ObjectStore
from fsmodel.store.read_ahead import ReadAhead
from lmdb_index.index import Index
from lmdb_index.records import InodeRecord

LOGGED_BYTES_MAX: Final = 32 << 20  # of a file, in extent rows; then a sync waits for settling
LOGGED_ROWS_MAX: Final = 12288
LOGGED_SHARE_MAX: Final = 4  # log only what is at most a quarter of the file
LOGGED_FEW_BYTES: Final = 64 << 10  # or no more of it than this


def _leave(inode: InodeId) -> None:
    """As it is: nobody deletes files meanwhile."""


class Contents(OpenFiles):
    """The contents of all files. Owner: the thread that owns the index.

    Opening, writing and closing are inherited from `OpenFiles`.
    """

    def __init__(
        self,
        index: Index,
        inodes: InodeTable,
        changes: Changes,
        objects: ObjectStore,
        settler: Settler,
        lineages: Lineages,
        *,
        read_only: bool = False,
    ) -> None:
        """With `read_only`, files are never settled, not even those a killed process left."""
        super().__init__(index, inodes, changes, objects, lineages, read_only=read_only)
        self._settler = settler
        self._reader = Reader(objects)
        self.recorder = Recorder(changes, objects, lineages)
        self.close_if_lost: Callable[[InodeId], None] = _leave  # asked after `settle_beside`

    def when_relieved(self, tell: Callable[[], object]) -> None:
        """Have somebody told whenever dirty bytes have become fewer amid settling."""
        self._settler.relieved = tell

    def when_cutting_ahead(self, begin: Begin) -> None:
        """Have somebody begin to cut what follows in a stream, as another thread could."""
        self._settler.cutter.begin = begin

    def read(self, inode: InodeId, offset: int, length: int) -> Steps[bytes | memoryview]:
        """A range of an open file. Raises DataError."""
        return self._reader.read(self._files[inode], offset, length)

    def read_at_once(self, inode: InodeId, offset: int, length: int) -> Buffer | None:
        """The same if it is at hand, in fewer steps, else None. Raises DataError."""
        return self._reader.read_at_once(self._files[inode], offset, length)

    def plan_window(
        self, inode: InodeId, offset: int, length: int, *, guessing: bool
    ) -> WindowPlan | None:
        """How to bring a stretch of an open file before it is asked for; see windows.py.

        Raises DataError.
        """
        return plan_window(self._objects, self._files[inode], offset, length, guessing=guessing)

    def plan_next_window(
        self, inode: InodeId, before: WindowPlan, length: int
    ) -> WindowPlan | None:
        """The same behind a window that threads bring which read ahead; see windows.py.

        Raises DataError.
        """
        return plan_next_window(self._objects, self._files[inode], before, length)

    @property
    def ahead(self) -> ReadAhead:
        """Threads that bring windows."""
        return self._objects.ahead

    def truncate(self, change: Change, inode: InodeId, size: int) -> None:
        """Give an open file another size, at once and as part of a change. Raises TooBig."""
        if size > FILE_BYTES_MAX:
            raise TooBig(f"size {size} is beyond the largest file")
        file, record = self._files[inode], change.edit(inode)
        assert not file.settling
        change.operation.add(bytes_counter(record), size - record.size)
        record.size = size
        record.content_size = min(record.content_size, size)
        rows = cut_extents(change, inode, size) if file.logged_rows else []
        if size == 0 and record.content:
            change.when_applied(partial(self._lineages.remember_former, inode, record.content))
            self.recorder.let_go(change, file, record)
        named = file.recorded_size if size else 0
        unsettled = bool(rows) or not record.content_size == size == named
        mark_unsettled(change, inode, record, unsettled=unsettled)
        change.when_applied(partial(self._truncated, file, size, rows))

    def settle(
        self, inode: InodeId, *, whole: bool = True, goes_on: Callable[[], bool] = never
    ) -> Steps[None]:
        """Cut the dirty bytes of an open file into chunks.

        With `whole` the inode's row then names all of them; else a file that is still being
        written is relieved of the bytes whose cut is certain, and so is what is written behind
        them meanwhile as long as `goes_on` says so. Raises NoSpace, DataError: then the bytes are
        still dirty, and it can be tried again.
        """
        file = self._files[inode]
        if not file.changed:
            return
        yield from self._settler.settle(
            file, whole=whole, goes_on=partial(self._goes_on, file, goes_on)
        )
        if self._files.get(inode) is not file:
            return  # the last user has closed it meanwhile: nobody asks for these bytes any more
        if whole:
            self.recorder.record([file])
        else:
            self.recorder.save_some_pages(file)

    def settle_beside(self, inode: InodeId) -> Steps[None]:
        """Settle a file whoever uses it, or nobody: first comes who settles it now. As `settle`."""
        file = self.open(inode)
        try:
            while file.settling:
                yield PAUSE
            yield from self.settle(inode)
        finally:
            self.close(inode)
            self.close_if_lost(inode)  # its last name may have gone meanwhile

    def is_one_new_chunk(self, inode: InodeId) -> bool:
        """Whether an open file is one for `settle_together`: all of it is new, and little."""
        file = self._files[inode]
        return not file.settling and self._settler.small.is_one(file, list(file.dirty))

    def settle_together(self, inodes: Sequence[InodeId], *, hasty: bool = False) -> Steps[None]:
        """Settle open files that are one new chunk each, in one change.

        `hasty` says that others come faster than they can be compressed. Nobody may close the last
        use of one meanwhile. Raises NoSpace, DataError: then `settle` can be tried again.
        """
        files = [self._files[inode] for inode in inodes]
        untried = hasty and self._settler.may_leave_untried()
        yield from self._settler.small.settle_all(files, hasty=hasty, untried=untried)
        self.recorder.record(files)

    def can_log(self, inode: InodeId) -> bool:
        """Whether the dirty bytes are few enough to be made durable without chunking them."""
        file = self._files[inode]
        pending = sum(high - low for low, high in file.unlogged)
        logged = file.logged_bytes + pending
        return (
            file.all_logged
            and (pending * LOGGED_SHARE_MAX <= file.kept or logged <= LOGGED_FEW_BYTES)
            and logged <= LOGGED_BYTES_MAX
            and file.logged_rows + len(file.unlogged) <= LOGGED_ROWS_MAX
        )

    def log_extents(self, inode: InodeId) -> None:
        """Put the dirty bytes into extent rows, so that the next journal sync keeps them.

        Also amid settling: what is being settled has rows then, and these count for more.
        """
        file = self._files[inode]
        assert file.all_logged
        if not file.unlogged:
            return
        with self._changes.begin() as change:
            record = change.edit(inode)
            rows, size = put_unlogged(change, file)
            change.operation.add(bytes_counter(record), file.size - record.size)
            record.size = file.size
            record_times(change, file, record)
            mark_unsettled(change, inode, record, unsettled=True)
        file.logged(rows, size)

    def release(self, change: Change, inode: InodeId, record: InodeRecord) -> None:
        """Let go of the content of an inode that is being removed."""
        assert inode not in self._files
        change.operation.add(bytes_counter(record), -record.size)
        self.recorder.drop(change, record)

    def unsettled(self) -> list[InodeId]:
        """Files whose rows do not name all their bytes, as after a kill."""
        return unsettled_files(self._index)

    def _goes_on(self, file: FileState, goes_on: Callable[[], bool]) -> bool:
        """Whether settling takes more of a stream along; if so, its pages are not to wait."""
        if self._files.get(file.inode) is not file or not goes_on():
            return False
        self.recorder.save_some_pages(file)
        return True

    def _truncated(self, file: FileState, size: int, rows: list[int]) -> None:
        """A truncation has been applied: let the memory say the same."""
        file.truncate(size)
        file.times_recorded()  # the change has stamped the inode
        if size == 0:
            file.recorded_size = 0
            if file.chunks_recorded:
                file.chunks, file.descent = stored_chunks(EMPTY, self._objects), None
        file.first_row, file.logged_rows, file.logged_bytes = 0, len(rows), sum(rows)
        file.changed = not file.settled or not file.chunks_recorded or bool(rows)
