"""Letting inodes name what has been settled: content, size, times, references, manifest pages.

The row of an inode names one content and counts as one reference to it. Naming another lets go of
the former one, which somebody may keep as a version.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from fsmodel.change import Change, Changes
from fsmodel.content.content_ref import EMPTY, object_of
from fsmodel.content.extent_rows import delete_settled, mark_unsettled
from fsmodel.content.file_state import FileState
from fsmodel.content.lineages import Lineages
from fsmodel.content.manifest import named_objects
from fsmodel.ids import InodeId, ObjectId
from fsmodel.namespace.inodes import bytes_counter
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import ObjectKind
from lmdb_index.records import InodeRecord

UNSAVED_RUNS_MAX: Final = 512  # of a stream, before pages are written: its end is not to wait

# Asked when a file is about to name another content, with the former one's ref and size; True when
# somebody keeps it, who then has the reference that the file had.
KeepFormer = Callable[[Change, InodeId, bytes, int], bool]


def _keep_nothing(change: Change, inode: InodeId, ref: bytes, size: int) -> bool:
    return False


class Recorder:
    """Records contents in the rows of inodes. Owner: the thread that owns the index."""

    def __init__(self, changes: Changes, objects: ObjectStore, lineages: Lineages) -> None:
        self._changes = changes
        self._objects = objects
        self._lineages = lineages
        self.keep_former: KeepFormer = _keep_nothing

    def record(self, files: Sequence[FileState]) -> None:
        """Let the rows of inodes name what has been settled."""
        with self._changes.begin() as change:
            for file in files:
                self._record(change, file)
        for file in files:
            file.recorded()

    def save_some_pages(self, file: FileState) -> None:
        """Write the pages of a stream that are finished, if they are many."""
        if file.chunks.unsaved_runs > UNSAVED_RUNS_MAX:
            with self._changes.begin() as change:
                file.chunks.save_finished_pages(self._page_saver(change, file))

    def let_go(self, change: Change, file: FileState, record: InodeRecord) -> None:
        """A file that goes on will no longer name the content its row names."""
        if record.content and self.keep_former(
            change, file.inode, record.content, file.recorded_size
        ):
            record.content, record.content_size = EMPTY, 0
        else:
            self.drop(change, record)

    def drop(self, change: Change, record: InodeRecord) -> None:
        """An inode no longer names its content, and nobody keeps it."""
        former = object_of(record.content)
        if former is not None:
            self._objects.drop_reference(change, former)
        record.content, record.content_size = EMPTY, 0

    def _record(self, change: Change, file: FileState) -> None:
        record = change.edit(file.inode)
        ref = file.chunks.save(self._page_saver(change, file))
        if ref != record.content:
            if ref:
                self._objects.add_reference(change, ObjectId(ref[1:]))
            self.let_go(change, file, record)
            record.content = ref
            change.when_applied(partial(self._lineages.remember, record, ref))
        # What was logged meanwhile may have made the file longer than what was settled.
        size = max(file.chunks.size, record.size)
        change.operation.add(bytes_counter(record), size - record.size)
        record.size, record.content_size = size, file.chunks.size
        record_times(change, file, record)
        delete_settled(change, file)
        unsettled = file.logged_rows > file.frozen_rows
        mark_unsettled(change, file.inode, record, unsettled=unsettled)

    def _page_saver(self, change: Change, file: FileState) -> "partial[ObjectId]":
        change.when_applied(file.chunks.confirm_saved)
        return partial(save_page, self._objects, change)


def save_page(objects: ObjectStore, change: Change, page: bytes) -> ObjectId:
    """Store a page of a manifest in the change in which something comes to name it."""
    return objects.add_parent(change, ObjectKind.MANIFEST, page, named_objects(page))


def record_times(change: Change, file: FileState, record: InodeRecord) -> None:
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
