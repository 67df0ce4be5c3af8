"""Whole-file hashes, each taken once per content and remembered by its ref."""

import hashlib
from contextlib import suppress
from functools import partial
from typing import Final

from blake3 import blake3

from fsmodel.change import Changes
from fsmodel.content.contents import Contents
from fsmodel.content.file_state import FileState
from fsmodel.content.reader import Reader
from fsmodel.errors import NoSpace
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.steps import Steps, Work
from fsmodel.store.objects import ObjectStore
from lmdb_index.index import Index
from lmdb_index.records import DigestRecord
from lmdb_index.schema import DIGEST

READ_BYTES: Final = 1 << 20
_OF_NOTHING: Final = DigestRecord(blake3().digest(), hashlib.sha256().digest())


class Digests:
    """BLAKE3 and SHA-256 of contents. Owner: the thread that owns the index."""

    def __init__(
        self, index: Index, changes: Changes, contents: Contents, objects: ObjectStore
    ) -> None:
        self._index = index
        self._changes = changes
        self._contents = contents
        self._objects = objects
        self._reader = Reader(objects)

    def of(self, ref: bytes) -> Steps[DigestRecord]:
        """The hashes of the bytes a content ref names. Raises DataError."""
        if not ref:
            return _OF_NOTHING
        known = self._index.get(DIGEST, ref)
        if known is None:
            with self._objects.reliance.on([ObjectId(ref[1:])]):  # its file may change meanwhile
                known = yield from self._take(ref)
                with suppress(NoSpace), self._changes.begin() as change:
                    change.operation.put(DIGEST, ref, known)
        return known

    def _take(self, ref: bytes) -> Steps[DigestRecord]:
        chunks = self._contents.chunk_list(ref)
        size = chunks.size
        file = FileState(ROOT_INODE, chunks, kept=size, size=size, recorded_size=size)
        whole, sha256 = blake3(), hashlib.sha256()
        for offset in range(0, chunks.size, READ_BYTES):
            data = yield from self._reader.read(file, offset, READ_BYTES)
            yield Work(partial(_update, (whole, sha256), data), len(data))
        return DigestRecord(whole.digest(), sha256.digest())


def _update(hashes: tuple["blake3", "hashlib._Hash"], data: bytes | memoryview) -> None:
    for each in hashes:
        each.update(data)
