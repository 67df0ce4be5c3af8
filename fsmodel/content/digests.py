"""Whole-file hashes, each taken once per content and remembered by its ref.

A SHA-256 leads back to the content that has it, as content refs depend on the bytes alone.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from blake3 import blake3

from fsmodel.change import Changes
from fsmodel.content.content_ref import EMPTY, is_manifest
from fsmodel.content.digest_rows import remember_digest
from fsmodel.content.frozen import frozen_file
from fsmodel.content.reader import Reader
from fsmodel.errors import ChunkNotFound, DataError, NoSpace
from fsmodel.ids import ContentRef, ObjectId
from fsmodel.steps import PAUSE, Steps, Work
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import ObjectStore
from lmdb_index.index import Index
from lmdb_index.records import DigestRecord
from lmdb_index.schema import DIGEST, OBJECT, SHA256

READ_BYTES: Final = 1 << 20
BATCH_BYTES: Final = 4 << 20  # small contents hashed in one hop, and recorded in one operation
CONTENT_COST_BYTES: Final = 16 << 10  # what bringing a small content costs beside its bytes
STRETCH_ROWS: Final = 1024  # read before others have their turn
_OF_NOTHING: Final = DigestRecord(blake3().digest(), hashlib.sha256().digest())


class Digests:
    """BLAKE3 and SHA-256 of contents. Owner: the thread that owns the index."""

    def __init__(self, index: Index, changes: Changes, objects: ObjectStore) -> None:
        self._index = index
        self._changes = changes
        self._objects = objects
        self._reader = Reader(objects)

    def known(self, ref: bytes) -> DigestRecord | None:
        """The hashes of a content, if they have been taken."""
        return self._index.get(DIGEST, ref) if ref else _OF_NOTHING

    def content_of(self, sha256: bytes) -> ContentRef | None:
        """The ref of the content that has a SHA-256, if that has been taken."""
        if sha256 == _OF_NOTHING.sha256:
            return EMPTY
        row = self._index.get(SHA256, sha256)
        return ContentRef(row.value) if row is not None else None

    def first_bytes(self) -> Iterator[int]:
        """The first bytes of all SHA-256 that have been taken, each once, in order."""
        for first in range(256):
            if next(self._index.scan_prefix(SHA256, bytes([first])), None) is not None:
                yield first

    def hashes_with(self, prefix: bytes) -> Steps[list[bytes]]:
        """The SHA-256 that begin so and have been taken, in order."""
        found: list[bytes] = []
        for sha256, _ in self._index.scan_prefix(SHA256, prefix):
            found.append(sha256)
            if len(found) % STRETCH_ROWS == 0:
                yield PAUSE
        return found

    def of(self, ref: bytes) -> Steps[DigestRecord]:
        """The hashes of the bytes a content ref names. Raises DataError."""
        digest = self.known(ref)
        if digest is None:
            with self._objects.reliance.on([ObjectId(ref[1:])]):  # its file may change meanwhile
                digest = yield from self._take(ref)
                self._remember({ref: digest})
        return digest

    def take_all(self, refs: Iterable[bytes]) -> Steps[None]:
        """Hash those of many contents that have not been; what cannot be read is left out.

        Small ones are read and hashed together, in workers.
        """
        batch: dict[bytes, Located] = {}
        size = 0
        for ref in dict.fromkeys(refs):
            if self.known(ref) is not None:
                continue
            if is_manifest(ref):
                with suppress(DataError):
                    yield from self.of(ref)
                continue
            with suppress(ChunkNotFound):
                batch[ref] = self._objects.locate(ObjectId(ref[1:]))
                size += self._objects.get(ObjectId(ref[1:])).plain + CONTENT_COST_BYTES
            if size >= BATCH_BYTES:
                yield from self._take_batch(batch, size)
                batch, size = {}, 0
        yield from self._take_batch(batch, size)

    def _take_batch(self, batch: dict[bytes, Located], size: int) -> Steps[None]:
        """Hash contents of one chunk each."""
        located = list(batch.values())
        with self._objects.reliance.on([each.id for each in located]):
            taken: list[DigestRecord | None] = yield Work(partial(self._hash_all, located), size)
            found = zip(batch, taken, strict=True)
            self._remember({ref: digest for ref, digest in found if digest is not None})

    def _hash_all(self, located: Sequence[Located]) -> list[DigestRecord | None]:
        return [self._hash_chunk(each) for each in located]

    def _hash_chunk(self, located: Located) -> DigestRecord | None:
        try:
            data = self._objects.read(located)
        except DataError:
            return None
        return DigestRecord(located.id, hashlib.sha256(data).digest())

    def _remember(self, taken: dict[bytes, DigestRecord]) -> None:
        """Record what was taken; without room for it, it is taken again another time.

        Of what has been collected since it was found, nothing is kept: no collection would find it.
        """
        if taken:
            with suppress(NoSpace), self._changes.begin() as change:
                for ref, digest in taken.items():
                    if change.operation.get(OBJECT, ref[1:]) is not None:
                        remember_digest(change.operation, ref, digest)

    def _take(self, ref: bytes) -> Steps[DigestRecord]:
        file = frozen_file(ref, self._objects)
        whole, sha256 = blake3(), hashlib.sha256()
        for offset in range(0, file.size, READ_BYTES):
            data = yield from self._reader.read(file, offset, READ_BYTES)
            yield Work(partial(_update, (whole, sha256), data), len(data))
        return DigestRecord(whole.digest(), sha256.digest())


def _update(hashes: tuple["blake3", "hashlib._Hash"], data: bytes | memoryview) -> None:
    for each in hashes:
        each.update(data)
