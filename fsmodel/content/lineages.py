"""Where the bytes of a file may come from: what to make deltas against when it is written anew.

A file that is changed in place has its former chunks at hand. One that is truncated and written
again, replaced by renaming a temporary file over it, or written beside its last version, has not;
yet what it was is known for a while, by inode and by name, and names tell which file a temporary
one is to become. A wrong guess costs some time, no more, and is given up when it does not help.

Memory only, and bounded: after a restart, resemblance has to do (store/similarity.py).
"""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from fsmodel.content.chunk_list import stored_chunks
from fsmodel.content.file_state import FileState
from fsmodel.content.lineage import Descent, Lineage, covering
from fsmodel.content.recut import NewChunk
from fsmodel.errors import DataError
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.store.encoder import Hints
from fsmodel.store.objects import ObjectStore
from lmdb_index.index import Index
from lmdb_index.keys import named_key, pair_key
from lmdb_index.records import InodeRecord
from lmdb_index.schema import DIRENT, DIRENT_ORDER

REMEMBERED_MAX: Final = 16_384  # refs; about 4 MB
BACKUP_SUFFIXES: Final = (b"~", b".bak", b".orig")

Key = tuple[object, ...]


class Lineages:
    """Remembers contents, and finds those that a file may descend from. Owner: as the index."""

    def __init__(self, index: Index, inodes: InodeTable, objects: ObjectStore) -> None:
        self._index = index
        self._inodes = inodes
        self._objects = objects
        self._remembered: OrderedDict[Key, bytes] = OrderedDict()

    def hints(self, file: FileState, chunk: NewChunk) -> Hints:
        """What stood, or may have stood, where a new chunk of a file is to stand."""
        own = covering(file.chunks, chunk.start, chunk.end)
        if own:
            return Hints(own)
        if file.descent is None:
            file.descent = self.of(file.inode)
        found = (
            [] if each is None else each.at(chunk.start, chunk.end, chunk.id, self._objects.find)
            for each in (file.descent.former, file.descent.kindred)
        )
        return Hints(*found)

    def remember(self, record: InodeRecord, ref: bytes) -> None:
        """A file has this content now."""
        name = self._name(record)
        if name is None or not ref:
            return
        for key in ((record.parent, name), (name,), _kind_key(record, name)):
            self._keep(key, ref)

    def remember_former(self, inode: InodeId, ref: bytes) -> None:
        """A file had this content until it was emptied."""
        if ref:
            self._keep((inode,), ref)

    def of(self, inode: InodeId) -> Descent:
        """What the bytes of a file without settled ones may descend from."""
        record = self._inodes.find(inode)
        if record is None:
            return Descent(None, None)  # deleted while it is being settled
        name = self._name(record)
        former = next(filter(None, self._former_refs(inode, record, name)), b"")
        kindred = b""
        if name is not None:
            kindred = self._remembered.get(_kind_key(record, name), b"")
        return Descent(self._lineage(former), self._lineage(kindred) if kindred != former else None)

    def _former_refs(
        self, inode: InodeId, record: InodeRecord, name: bytes | None
    ) -> Iterator[bytes]:
        """Content refs, the likeliest first; empty ones mean nothing."""
        yield self._remembered.get((inode,), b"")
        if name is not None:
            for original in likely_originals(name):
                yield self._content(record.parent, original, inode)
            yield self._remembered.get((record.parent, name), b"")
            yield self._remembered.get((name,), b"")

    def _lineage(self, ref: bytes) -> Lineage | None:
        try:
            return Lineage(stored_chunks(ref, self._objects)) if ref else None
        except DataError:
            return None  # collected since

    def _content(self, directory: int, name: bytes, beside: InodeId) -> bytes:
        """The content ref of another file in a directory; empty when there is none."""
        entry = self._index.get(DIRENT, named_key(directory, name))
        if entry is None or entry.inode == beside:
            return b""
        record = self._inodes.find(InodeId(entry.inode))
        return record.content if record is not None else b""

    def _name(self, record: InodeRecord) -> bytes | None:
        """The first name of an inode; None when it has none."""
        entry = self._index.get(DIRENT_ORDER, pair_key(record.parent, record.cookie))
        return entry.name if entry is not None and record.parent else None

    def _keep(self, key: Key, ref: bytes) -> None:
        self._remembered[key] = ref
        self._remembered.move_to_end(key)
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)


def _kind_key(record: InodeRecord, name: bytes) -> Key:
    return (record.parent, extension(name), None)


def extension(name: bytes) -> bytes:
    """What follows the last dot of a name that does not begin with it; empty without one."""
    return name[1:].rpartition(b".")[2] if b"." in name[1:] else b""


def likely_originals(name: bytes) -> list[bytes]:
    """Names in the same directory whose file a new file of this name may be a version of.

    A temporary file that will be renamed over the original: `.name.Ab12Cd` (rsync), `name.tmp`,
    `name.1234`, `name~`, `#name#`. Or the original was renamed to be a backup: `name~`,
    `name.bak`, `name.orig` (editors).
    """
    bare = name.strip(b"#").rstrip(b"~")
    shown = bare[1:] if bare.startswith(b".") else bare
    stems = (bare, shown, bare.rpartition(b".")[0], shown.rpartition(b".")[0])
    backups = (name + suffix for suffix in BACKUP_SUFFIXES)
    found = dict.fromkeys((*stems, *backups))
    return [each for each in found if each not in (b"", name)]
