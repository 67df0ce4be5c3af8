"""Files in use: what memory holds of each, from its first user to its last.

What is on disk about a file is its inode row and its extent rows (see InodeRecord); what is newer
is in its FileState, which goes with the last user. What was written bears the time at which we
took it, until the kernel says when it did.
"""

from collections.abc import Iterator
from functools import partial

from fsmodel.change import Changes
from fsmodel.content.chunk_list import ChunkList, lost_chunks, stored_chunks
from fsmodel.content.content_ref import is_chunk
from fsmodel.content.extent_rows import load_extents
from fsmodel.content.file_state import FILE_BYTES_MAX, FileState
from fsmodel.content.lineages import Lineages
from fsmodel.errors import DataError, TooBig
from fsmodel.ids import InodeId, ObjectId
from fsmodel.inode_table import InodeTable
from fsmodel.store.objects import ObjectStore
from lmdb_index.index import Index
from lmdb_index.records import InodeFlag, InodeRecord


class OpenFiles:
    """The states of all files in use. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        inodes: InodeTable,
        changes: Changes,
        objects: ObjectStore,
        lineages: Lineages,
        *,
        read_only: bool,
    ) -> None:
        self._index = index
        self._inodes = inodes
        self._changes = changes
        self._objects = objects
        self._lineages = lineages
        self._read_only = read_only
        self._files: dict[InodeId, FileState] = {}
        self.writes = 0  # how often bytes of any file came, or went

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

    def named_in_memory(self) -> Iterator[ObjectId]:
        """Objects that files in use name and no row does yet; GC keeps them."""
        for file in self._files.values():
            if not file.chunks_recorded:
                yield from file.chunks.named_in_memory()

    def write(self, inode: InodeId, offset: int, data: bytes | memoryview) -> None:
        """Put bytes into an open file. Raises TooBig."""
        if offset + len(data) > FILE_BYTES_MAX:
            raise TooBig(f"offset {offset + len(data)} is beyond the largest file")
        file = self._files[inode]
        file.write(offset, data)
        self.writes += 1
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
            load_extents(self._index, file)
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
            chunks = stored_chunks(record.content, self._objects)
        except DataError:
            return lost_chunks(record.content, record.content_size, self._objects)
        if (
            record.content and chunks.size < record.content_size
        ):  # never answered with zeros; fsck tells
            return lost_chunks(record.content, record.content_size, self._objects)
        return chunks
