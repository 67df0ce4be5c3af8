"""A content by its ref alone, as a file that nobody writes: for readers of what has no inode."""

from fsmodel.content.chunk_list import stored_chunks
from fsmodel.content.file_state import FileState
from fsmodel.ids import ROOT_INODE
from fsmodel.store.objects import ObjectStore


def frozen_file(ref: bytes, objects: ObjectStore) -> FileState:
    """The bytes a content ref names, to be read only. Raises DataError."""
    chunks = stored_chunks(ref, objects)
    size = chunks.size
    return FileState(ROOT_INODE, chunks, kept=size, size=size, recorded_size=size)
