r"""Content refs: what an inode, a version or a tree entry says its bytes are.

    empty      b""
    one chunk  b"\\x01" + id of the chunk
    manifest   b"\\x02" + id of the root page of the manifest

The ref is a function of the bytes alone, so equal files have equal refs.
"""

from typing import Final

from fsmodel.ids import OBJECT_ID_BYTES, ContentRef, ObjectId

EMPTY: Final = ContentRef(b"")
_CHUNK: Final = b"\x01"
_MANIFEST: Final = b"\x02"


def chunk_ref(chunk: ObjectId) -> ContentRef:
    """Content that is one chunk."""
    assert len(chunk) == OBJECT_ID_BYTES
    return ContentRef(_CHUNK + chunk)


def manifest_ref(page: ObjectId) -> ContentRef:
    """Content listed by a manifest, named by its root page."""
    assert len(page) == OBJECT_ID_BYTES
    return ContentRef(_MANIFEST + page)


def is_chunk(ref: bytes) -> bool:
    """Whether the ref names a single chunk."""
    return ref[:1] == _CHUNK


def is_manifest(ref: bytes) -> bool:
    """Whether the ref names a manifest rather than a chunk or nothing."""
    return ref[:1] == _MANIFEST


def object_of(ref: bytes) -> ObjectId | None:
    """The object a ref counts as a reference to; None for the empty ref."""
    return ObjectId(ref[1:]) if ref else None
