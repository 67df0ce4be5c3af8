"""The bytes of regular files: open, read, write, truncate, make durable, settle.

What is on disk about a file is its inode row and its extent rows (see InodeRecord); what is newer
is in its FileState. Three things bring the row up to date: `truncate` at once, `log_extents` for
a few bytes that must be durable now, and `settle`, which cuts all bytes into chunks and leaves the
row with a content ref that depends on the bytes alone.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.change import Change, Changes
from fsmodel.content.chunk_list import ChunkList, lost_chunks, stored_chunks
from fsmodel.content.content_ref import EMPTY, is_chunk, object_of
from fsmodel.content.file_state import FileState
from fsmodel.content.lineages import Lineages
from fsmodel.content.manifest import named_objects
from fsmodel.content.reader import Reader
from fsmodel.content.settle import Settler, never
from fsmodel.content.windows import WindowPlan, plan_next_window, plan_window
from fsmodel.errors import DataError, TooBig
from fsmodel.ids import InodeId, ObjectId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import bytes_counter
from fsmodel.steps import PAUSE, Begin, Steps
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import ObjectKind
from fsmodel.store.read_ahead import ReadAhead
from lmdb_index.index import Index
from lmdb_index.keys import number_key, pair_key, second_of
from lmdb_index.records import ExtentRecord, InodeFlag, InodeRecord, RawRecord
from lmdb_index.schema import EXTENT, UNSETTLED

FILE_BYTES_MAX: Final = (1 << 63) - (1 << 20)  # offsets near 2**63 have no room for a page
LOGGED_BYTES_MAX: Final = 32 << 20  # of a file, in extent rows; then a sync waits for settling
LOGGED_ROWS_MAX: Final = 12288
LOGGED_SHARE_MAX: Final = 4  # log only what is at most a quarter of the file
LOGGED_FEW_BYTES: Final = 64 << 10  # or no more of it than this
UNSAVED_RUNS_MAX: Final = 512  # of a stream, before pages are written: its end is not to wait

_PRESENT: Final = RawRecord()

# Asked when a file is about to name another content, with the former one's ref and size; True when
# somebody keeps it, who then has the reference that the file had.
KeepFormer = Callable[[Change, InodeId, bytes, int], bool]


def _keep_nothing(change: Change, inode: InodeId, ref: bytes, size: int) -> bool:
    return False


def _leave(inode: InodeId) -> None:
    """As it is: nobody deletes files meanwhile."""


class Contents:
    """The contents of all files. Owner: the thread that owns the index."""

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
        self._index = index
        self._inodes = inodes
        self._changes = changes
        self._objects = objects
        self._settler = settler
        self._lineages = lineages
        self._reader = Reader(objects)
        self._read_only = read_only
        self._files: dict[InodeId, FileState] = {}
        self.keep_former: KeepFormer = _keep_nothing
        self.close_if_lost: Callable[[InodeId], None] = _leave  # asked after `settle_beside`

    def open(self, inode: InodeId, name: bytes = b"") -> FileState:
        """Hold the contents of a file in memory until `close`. Raises DataError, NotFound.

        Who has just made it says its `name`, which it need not be asked for then.
        """
        file = self._files.get(inode)
        if file is None:
            record = self._inodes.get(inode)
            file = self._files[inode] = self._load(inode, record)
            if name:
                self._lineages.note_name(record, name)
        file.users += 1
        return file

    def close(self, inode: InodeId) -> None:
        """End one use. Bytes that are neither settled nor logged go with the last."""
        file = self._files[inode]
        file.users -= 1
        if file.users == 0:
            del self._files[inode]

    @property
    def any_open(self) -> bool:
        """Whether anything uses any file now."""
        return bool(self._files)

    def is_open(self, inode: InodeId) -> bool:
        """Whether anything uses the file now."""
        return inode in self._files

    def file(self, inode: InodeId) -> FileState | None:
        """The state of a file that is in use."""
        return self._files.get(inode)

    def size_of(self, inode: InodeId) -> int:
        """The size of an open file, as of now."""
        return self._files[inode].size

    def is_changed(self, inode: InodeId) -> bool:
        """Whether an open file has bytes that are neither in its row's content nor in its rows."""
        return self._files[inode].changed

    def files(self) -> Iterator[FileState]:
        """Every file in use."""
        return iter(tuple(self._files.values()))

    @property
    def dirty_bytes(self) -> int:
        """Bytes written and not chunked yet, of all files."""
        return sum(file.dirty_bytes for file in self._files.values())

    def when_relieved(self, tell: Callable[[], object]) -> None:
        """Have somebody told whenever dirty bytes have become fewer amid settling."""
        self._settler.relieved = tell

    def when_cutting_ahead(self, begin: Begin) -> None:
        """Have somebody begin to cut what follows in a stream, as another thread could."""
        self._settler.cutter.begin = begin

    def named_in_memory(self) -> Iterator[ObjectId]:
        """Objects that files in use name and no row does yet; GC keeps them."""
        for file in self._files.values():
            if not file.chunks_recorded:
                yield from file.chunks.named_in_memory()

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

    def write(self, inode: InodeId, offset: int, data: bytes | memoryview) -> None:
        """Put bytes into an open file. Raises TooBig."""
        if offset + len(data) > FILE_BYTES_MAX:
            raise TooBig(f"offset {offset + len(data)} is beyond the largest file")
        file = self._files[inode]
        file.write(offset, data)
        file.written_ns = self._changes.now_ns()

    def stamp(self, inode: InodeId, time_ns: int) -> bool:
        """Let the bytes written into an open file, and not recorded yet, bear the kernel's time.

        False when there are none: then the inode's row is to say it.
        """
        file = self._files.get(inode)
        if file is None or file.written_ns is file.stamped_ns is None:
            return False
        file.written_ns, file.stamped_ns, file.former_times = None, time_ns, None
        return True

    def all_stamped(self, inode: InodeId) -> None:
        """The kernel has sent all bytes of an open file, and each change of its times.

        So what came after its last word did not change them, as two writes at one tick of its
        clock do: the time that was put down meanwhile is taken back.
        """
        file = self._files[inode]
        file.written_ns = None
        if file.former_times is not None:
            with self._changes.begin() as change:
                record = change.edit(inode)
                record.mtime_ns, record.ctime_ns = file.former_times
                change.when_applied(partial(setattr, file, "former_times", None))

    def truncate(self, change: Change, inode: InodeId, size: int) -> None:
        """Give an open file another size, at once and as part of a change. Raises TooBig."""
        if size > FILE_BYTES_MAX:
            raise TooBig(f"size {size} is beyond the largest file")
        file, record = self._files[inode], change.edit(inode)
        assert not file.settling
        change.operation.add(bytes_counter(record), size - record.size)
        record.size = size
        record.content_size = min(record.content_size, size)
        rows = self._cut_extents(change, inode, size) if file.logged_rows else []
        if size == 0 and record.content:
            change.when_applied(partial(self._lineages.remember_former, inode, record.content))
            self._let_go(change, file, record)
        named = file.recorded_size if size else 0
        unsettled = bool(rows) or not record.content_size == size == named
        self._mark(change, inode, record, unsettled=unsettled)
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
            self._record_contents([file])
        else:
            self._save_some_pages(file)

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
        self._record_contents(files)

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
            extents = [
                extent for low, high in file.unlogged for extent in file.dirty.within(low, high)
            ]
            for number, extent in enumerate(extents, file.first_row + file.logged_rows):
                row = ExtentRecord(extent.start, bytes(extent.data))
                change.operation.put(EXTENT, pair_key(inode, number), row)
            change.operation.add(bytes_counter(record), file.size - record.size)
            record.size = file.size
            self._stamp(change, file, record)
            self._mark(change, inode, record, unsettled=True)
        file.logged(len(extents), sum(len(extent.data) for extent in extents))

    def release(self, change: Change, inode: InodeId, record: InodeRecord) -> None:
        """Let go of the content of an inode that is being removed."""
        assert inode not in self._files
        change.operation.add(bytes_counter(record), -record.size)
        self._drop_content(change, record)

    def unsettled(self) -> list[InodeId]:
        """Files whose rows do not name all their bytes, as after a kill."""
        return [InodeId(int.from_bytes(key)) for key, _ in self._index.scan(UNSETTLED)]

    def _load(self, inode: InodeId, record: InodeRecord) -> FileState:
        chunks = self._chunks_of(record)
        file = FileState(
            inode,
            chunks,
            kept=record.content_size,
            size=record.size,
            recorded_size=chunks.size,
        )
        if record.flags & InodeFlag.UNSETTLED:
            for key, row in self._index.scan_prefix(EXTENT, number_key(inode)):
                if not file.logged_rows:
                    file.first_row = second_of(key)
                file.dirty.write(row.offset, row.data)
                file.logged_rows += 1
                file.logged_bytes += len(row.data)
            file.changed = not self._read_only
        return file

    def _chunks_of(self, record: InodeRecord) -> ChunkList:
        """The chunks of a file, or what fails for them when it is not known which they are.

        A settled file's only chunk is as long as the file: who reads it finds out whether it is
        stored.
        """
        if is_chunk(record.content) and not record.flags & InodeFlag.UNSETTLED:
            return ChunkList.of(record.content, record.content_size, self._objects.load)
        try:
            chunks = self.chunk_list(record.content)
        except DataError:
            return lost_chunks(record.content, record.content_size, self._objects)
        if (
            record.content and chunks.size < record.content_size
        ):  # never answered with zeros; fsck tells
            return lost_chunks(record.content, record.content_size, self._objects)
        return chunks

    def chunk_list(self, ref: bytes) -> ChunkList:
        """The chunks a content ref names. Raises DataError."""
        return stored_chunks(ref, self._objects)

    def _record_contents(self, files: Sequence[FileState]) -> None:
        """Let the rows of inodes name what has been settled."""
        with self._changes.begin() as change:
            for file in files:
                self._name_contents(change, file)
        for file in files:
            file.recorded()

    def _goes_on(self, file: FileState, goes_on: Callable[[], bool]) -> bool:
        """Whether settling takes more of a stream along; if so, its pages are not to wait."""
        if self._files.get(file.inode) is not file or not goes_on():
            return False
        self._save_some_pages(file)
        return True

    def _save_some_pages(self, file: FileState) -> None:
        """Write the pages of a stream that are finished, if they are many."""
        if file.chunks.unsaved_runs > UNSAVED_RUNS_MAX:
            with self._changes.begin() as change:
                file.chunks.save_finished_pages(self._page_saver(change, file))

    def _name_contents(self, change: Change, file: FileState) -> None:
        record = change.edit(file.inode)
        ref = file.chunks.save(self._page_saver(change, file))
        if ref != record.content:
            if ref:
                self._objects.add_reference(change, ObjectId(ref[1:]))
            self._let_go(change, file, record)
            record.content = ref
            change.when_applied(partial(self._lineages.remember, record, ref))
        # What was logged meanwhile may have made the file longer than what was settled.
        size = max(file.chunks.size, record.size)
        change.operation.add(bytes_counter(record), size - record.size)
        record.size, record.content_size = size, file.chunks.size
        self._stamp(change, file, record)
        self._delete_extents(change, file)
        unsettled = file.logged_rows > file.frozen_rows
        self._mark(change, file.inode, record, unsettled=unsettled)

    def _page_saver(self, change: Change, file: FileState) -> "partial[ObjectId]":
        change.when_applied(file.chunks.confirm_saved)
        return partial(self._save_page, change)

    def _save_page(self, change: Change, page: bytes) -> ObjectId:
        return self._objects.add_parent(change, ObjectKind.MANIFEST, page, named_objects(page))

    def _let_go(self, change: Change, file: FileState, record: InodeRecord) -> None:
        """A file that goes on will no longer name the content its row names."""
        if record.content and self.keep_former(
            change, file.inode, record.content, file.recorded_size
        ):
            record.content, record.content_size = EMPTY, 0
        else:
            self._drop_content(change, record)

    def _drop_content(self, change: Change, record: InodeRecord) -> None:
        former = object_of(record.content)
        if former is not None:
            self._objects.drop_reference(change, former)
        record.content, record.content_size = EMPTY, 0

    def _cut_extents(self, change: Change, inode: InodeId, size: int) -> list[int]:
        """Keep of the extent rows what a truncated file still has; return how long they are.

        What they say may have been cut into chunks by now that no row names yet.
        """
        rows = list(change.operation.scan_prefix(EXTENT, number_key(inode)))
        for key, _ in rows:
            change.operation.delete(EXTENT, key)
        kept = [
            ExtentRecord(row.offset, row.data[: size - row.offset])
            for _, row in rows
            if row.offset < size
        ]
        for number, row in enumerate(kept):
            change.operation.put(EXTENT, pair_key(inode, number), row)
        return [len(row.data) for row in kept]

    def _delete_extents(self, change: Change, file: FileState) -> None:
        first = file.first_row
        for number in range(first, first + file.frozen_rows):
            change.operation.delete(EXTENT, pair_key(file.inode, number))

    def _truncated(self, file: FileState, size: int, rows: list[int]) -> None:
        """A truncation has been applied: let the memory say the same."""
        file.truncate(size)
        file.times_recorded()  # the change has stamped the inode
        if size == 0:
            file.recorded_size = 0
            if file.chunks_recorded:
                file.chunks, file.descent = self.chunk_list(EMPTY), None
        file.first_row, file.logged_rows, file.logged_bytes = 0, len(rows), sum(rows)
        file.changed = not file.settled or not file.chunks_recorded or bool(rows)

    def _stamp(self, change: Change, file: FileState, record: InodeRecord) -> None:
        """Let the inode bear the time of the last write."""
        former = file.former_times
        if file.stamped_ns is not None:
            record.mtime_ns = file.stamped_ns
            record.ctime_ns, former = max(record.ctime_ns, file.stamped_ns), None
        if file.written_ns is not None:
            former = former or (record.mtime_ns, record.ctime_ns)
            record.mtime_ns = file.written_ns
            record.ctime_ns = max(record.ctime_ns, file.written_ns)
        change.when_applied(partial(file.times_recorded, former))

    def _mark(
        self, change: Change, inode: InodeId, record: InodeRecord, *, unsettled: bool
    ) -> None:
        """Keep the inode's flag and its row in `unsettled` in step."""
        if unsettled == bool(record.flags & InodeFlag.UNSETTLED):
            return
        record.flags ^= InodeFlag.UNSETTLED
        if unsettled:
            change.operation.put(UNSETTLED, number_key(inode), _PRESENT)
        else:
            change.operation.delete(UNSETTLED, number_key(inode))
