"""Extended attributes that are answered, not stored: what cairnfs knows about a file's bytes.

They are readable but not listed, so that tools which copy attributes skip them. Numbers are given
as decimal text, hashes and refs as hexadecimal text.

    cairnfs.blake3, cairnfs.sha256   hash of all bytes
    cairnfs.ref                      the content ref: equal for equal bytes
    cairnfs.chunks                   how many chunks the bytes are cut into
    cairnfs.unique_size              plain bytes of the distinct chunks among them
    cairnfs.stored_size              bytes the frames of those take in the packs
    cairnfs.store                    on the root: the store's folder
"""

from collections.abc import Callable
from typing import Final

from fsmodel.content.chunk_list import stored_chunks
from fsmodel.content.digests import Digests
from fsmodel.errors import NoSuchAttribute
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import REGULAR, kind_of
from fsmodel.steps import Steps
from fsmodel.store.objects import ObjectStore
from lmdb_index.records import InodeFlag, InodeRecord, ObjectRecord

PREFIX: Final = b"cairnfs."
HASHES: Final = frozenset({b"cairnfs.blake3", b"cairnfs.sha256"})


class VirtualAttributes:
    """Answers the attributes above from an inode's recorded content."""

    def __init__(
        self,
        inodes: InodeTable,
        digests: Digests,
        objects: ObjectStore,
        store: bytes,
    ) -> None:
        self._inodes = inodes
        self._digests = digests
        self._objects = objects
        self._store = store
        self._numbers: dict[bytes, Callable[[InodeRecord], int]] = {
            b"cairnfs.chunks": self._chunks,
            b"cairnfs.unique_size": self._unique_size,
            b"cairnfs.stored_size": self._stored_size,
        }

    def get(self, inode: InodeId, name: bytes) -> Steps[bytes]:
        """The value of an attribute. Raises NoSuchAttribute, DataError."""
        if inode == ROOT_INODE and name == b"cairnfs.store":
            return self._store
        record = self._inodes.get(inode)
        if kind_of(record) != REGULAR:
            raise NoSuchAttribute(f"{name!r} of inode {inode}")
        if record.flags & InodeFlag.UNSETTLED:
            raise NoSuchAttribute(f"{name!r} of inode {inode}, whose bytes are not settled")
        if name == b"cairnfs.ref":
            return (record.content.hex() or "empty").encode()
        if name in HASHES:
            digest = yield from self._digests.of(record.content)
            return (digest.sha256 if name == b"cairnfs.sha256" else digest.blake3).hex().encode()
        number = self._numbers.get(name)
        if number is None:
            raise NoSuchAttribute(f"{name!r} of inode {inode}")
        return str(number(record)).encode()

    def _chunks(self, record: InodeRecord) -> int:
        chunks = stored_chunks(record.content, self._objects)
        return sum(run.repeat for _, run in chunks.runs_from(0))

    def _unique_size(self, record: InodeRecord) -> int:
        return sum(row.plain for row in self._rows(record))

    def _stored_size(self, record: InodeRecord) -> int:
        return sum(row.stored for row in self._rows(record))

    def _rows(self, record: InodeRecord) -> list[ObjectRecord]:
        """The rows of the distinct chunks of a content. Raises DataError."""
        chunks = stored_chunks(record.content, self._objects)
        names = {run.id for _, run in chunks.runs_from(0)}
        return [self._objects.get(name) for name in names]
