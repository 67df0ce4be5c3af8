"""Contents put into files at once, without opening them: bytes from memory, or what others have.

For files that nobody writes through the mount, such as those of the hidden tree.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Final

from fsmodel.change import Change
from fsmodel.content.chunk_list import stored_chunks
from fsmodel.content.content_ref import EMPTY, object_of
from fsmodel.content.file_state import FileState
from fsmodel.content.frozen import frozen_file
from fsmodel.content.lineage import Descent, Lineage
from fsmodel.content.reader import Reader
from fsmodel.content.recorder import save_page
from fsmodel.content.settle import Settler
from fsmodel.errors import DataError
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.namespace.inodes import bytes_counter
from fsmodel.steps import Steps
from fsmodel.store.objects import ObjectStore
from lmdb_index.records import InodeRecord

EXTEND_BYTES: Final = 4 << 20  # in memory while a content comes in pieces


class WholeContents:
    """Stores and reads whole contents. Owner: the thread that owns the index."""

    def __init__(self, objects: ObjectStore, settler: Settler) -> None:
        self._objects = objects
        self._settler = settler
        self._reader = Reader(objects)
        self._storing: set[FileState] = set()
        self._last = EMPTY  # what was stored last resembles what is stored next

    def read(self, ref: bytes) -> Steps[bytes]:
        """All bytes of a content. Raises DataError."""
        with self._objects.reliance.on([ObjectId(ref[1:])] if ref else []):
            file = frozen_file(ref, self._objects)
            return bytes((yield from self._reader.read(file, 0, file.size)))

    def store(self, data: bytes, former: bytes = EMPTY) -> Steps[FileState]:
        """Bytes as chunks; `former` is the content that they replace.

        Whoever asked puts them into a file before his next step. Raises NoSpace, DataError.
        """
        file = self.begin(former)
        try:
            file.write(0, data)
            yield from self._settler.settle(file, whole=True)
        finally:
            self.forget(file)
        return file

    def begin(self, former: bytes = EMPTY) -> FileState:
        """A content that is going to be stored piece by piece: `extend`, then `complete`.

        What it has by then is kept until it is forgotten.
        """
        file = FileState(
            ROOT_INODE, stored_chunks(EMPTY, self._objects), kept=0, size=0, recorded_size=0
        )
        file.descent = Descent(self._lineage(former), self._lineage(self._last))
        self._storing.add(file)
        return file

    def extend(self, file: FileState, data: bytes) -> Steps[None]:
        """Put bytes at the end. Few of them are in memory and not stored. Raises NoSpace."""
        file.write(file.size, data)
        if file.dirty_bytes >= EXTEND_BYTES:
            yield from self._settler.settle(file, whole=False)

    def complete(self, file: FileState) -> Steps[None]:
        """Store what is in memory yet. Raises NoSpace."""
        yield from self._settler.settle(file, whole=True)

    def forget(self, file: FileState) -> None:
        """A content is in a file now, or is given up."""
        self._storing.discard(file)

    def put(self, change: Change, record: InodeRecord, file: FileState) -> None:
        """Let a file whose record is being edited have what was stored a moment ago."""
        change.when_applied(file.chunks.confirm_saved)
        ref = file.chunks.save(partial(save_page, self._objects, change))
        self.share(change, record, ref, file.chunks.size)
        change.when_applied(partial(setattr, self, "_last", ref))

    def share(self, change: Change, record: InodeRecord, ref: bytes, size: int) -> None:
        """Let a file whose record is being edited have a content that is stored, of that size.

        Raises ChunkNotFound.
        """
        former = object_of(record.content)
        if ref:
            self._objects.add_reference(change, ObjectId(ref[1:]))
        if former is not None:
            self._objects.drop_reference(change, former)
        change.operation.add(bytes_counter(record), size - record.size)
        record.content, record.content_size, record.size = ref, size, size

    def named_in_memory(self) -> Iterator[ObjectId]:
        """Objects that are stored and in no file yet; GC keeps them."""
        return chain.from_iterable(file.chunks.named_in_memory() for file in self._storing)

    def _lineage(self, ref: bytes) -> Callable[[], Lineage | None]:
        def find() -> Lineage | None:
            try:
                return Lineage(stored_chunks(ref, self._objects)) if ref else None
            except DataError:
                return None  # collected since

        return find
