"""Where the bytes of a file may come from: what to make deltas against when it is written anew.

A file that is changed in place has its former chunks at hand. One that is truncated and written
again, replaced by renaming a temporary file over it, or written beside its last version, has not;
yet what it was is known for a while, by inode and by name, and names tell which file a temporary
one is to become. A wrong guess costs some time, no more, and is given up when it does not help.

Memory only, and bounded: after a restart, resemblance has to do (store/similarity.py).
"""

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from fsmodel.content.chunk_list import stored_chunks
from fsmodel.content.file_state import FileState
from fsmodel.content.lineage import Descent, Lineage, covering
from fsmodel.content.recut import NewChunk
from fsmodel.errors import DataError
from fsmodel.ids import InodeId, ObjectId
from fsmodel.inode_table import InodeTable
from fsmodel.store.drafts import Hints
from fsmodel.store.objects import ObjectStore
from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index
from lmdb_index.keys import named_key, pair_key
from lmdb_index.records import InodeRecord
from lmdb_index.schema import DIRENT, DIRENT_ORDER

REMEMBERED_MAX: Final = 16_384  # refs; about 4 MB
BACKUP_SUFFIXES: Final = (b"~", b".orig")
TEMPORARY: Final = re.compile(
    rb"#(.+)#|(.+)~|\.(.+)\.[A-Za-z0-9]{6}|\.?(.+?)\.(?:tmp|temp|new|part|partial|\d+)[\w.-]*",
    re.DOTALL,
)

Key = tuple[object, ...]


class Lineages:
    """Remembers contents, and finds those that a file may descend from. Owner: as the index."""

    def __init__(self, index: Index, inodes: InodeTable, objects: ObjectStore) -> None:
        self._index = index
        self._inodes = inodes
        self._objects = objects
        self._remembered: OrderedDict[Key, bytes] = OrderedDict()
        self._last_name = (0, 0, b"")  # directory, cookie, and the name that stands there

    def hints(self, file: FileState, chunk: NewChunk, *, compresses: bool) -> Hints:
        """What stood, or may have stood, where a new chunk of a file is to stand."""
        if chunk.start < file.chunks.size:
            return Hints(covering(file.chunks, chunk.start, chunk.end))
        descent = self._descent_of(file)
        judged = not file.hasty  # what is stored in haste does not show whether a guess was right
        return Hints(
            self._ask(descent.former(), chunk, judged=judged),
            self._ask(descent.kindred(), chunk, judged=judged) if compresses else (),
        )

    def has_hints(self, file: FileState, start: int) -> bool:
        """Whether anything may have stood where bytes of a file from an offset on are to stand."""
        if start < file.chunks.size:
            return True
        descent = self._descent_of(file)
        return descent.former() is not None or descent.kindred() is not None

    def note_name(self, record: InodeRecord, name: bytes) -> None:
        """A file has just got its first name, and will be asked about soon."""
        self._last_name = (record.parent, record.cookie, name)

    def remember(self, record: InodeRecord, ref: bytes) -> None:
        """A file has this content now."""
        name = b""
        with suppress(IndexProblem):
            name = self._name(record) if ref and self._objects.makes_deltas else b""
        if name:
            for key in ((record.parent, name), (name,), _kind_key(record.parent, name)):
                self._keep(key, ref)

    def remember_former(self, inode: InodeId, ref: bytes) -> None:
        """A file had this content until it was emptied."""
        if ref:
            self._keep((inode,), ref)

    def _descent_of(self, file: FileState) -> Descent:
        if file.descent is None:
            inode = file.inode
            file.descent = Descent(partial(self._former, inode), partial(self._kindred, inode))
        return file.descent

    def _ask(self, lineage: Lineage | None, chunk: NewChunk, *, judged: bool) -> Sequence[ObjectId]:
        if lineage is None:
            return ()
        if not judged:
            return lineage.beside(chunk.start, chunk.end)
        return lineage.at(chunk.start, chunk.end, chunk.id, self._objects.find)

    def _former(self, inode: InodeId) -> Lineage | None:
        with suppress(IndexProblem, DataError):  # fsck tells; collected since
            return self._lineage(next(filter(None, self._former_refs(inode)), b""))
        return None

    def _kindred(self, inode: InodeId) -> Lineage | None:
        with suppress(IndexProblem, DataError):
            parent, name = self._place(inode)
            kind = _kind_key(parent, name)
            return self._lineage(self._remembered.get(kind, b"") if name else b"")
        return None

    def _former_refs(self, inode: InodeId) -> Iterator[bytes]:
        """Content refs, the likeliest first; empty ones mean nothing."""
        yield self._remembered.get((inode,), b"")
        parent, name = self._place(inode)
        if name:
            for original in likely_originals(name):
                yield self._content(parent, original, inode)
            yield self._remembered.get((parent, name), b"")
            yield self._remembered.get((name,), b"")

    def _place(self, inode: InodeId) -> tuple[int, bytes]:
        """Directory and name of a file; no name when it has none, or was deleted meanwhile."""
        record = self._inodes.find(inode)
        return (record.parent, self._name(record)) if record is not None else (0, b"")

    def _lineage(self, ref: bytes) -> Lineage | None:
        return Lineage(stored_chunks(ref, self._objects)) if ref else None

    def _content(self, directory: int, name: bytes, beside: InodeId) -> bytes:
        """The content ref of another file in a directory; empty when there is none."""
        entry = self._index.get(DIRENT, named_key(directory, name))
        if entry is None or entry.inode == beside:
            return b""
        record = self._inodes.find(InodeId(entry.inode))
        return record.content if record is not None else b""

    def _name(self, record: InodeRecord) -> bytes:
        """The first name of an inode; empty when it has none."""
        parent, cookie, name = self._last_name  # a file is asked about before and after settling
        if record.parent == parent and record.cookie == cookie and name:
            return name
        entry = self._index.get(DIRENT_ORDER, pair_key(record.parent, record.cookie))
        if entry is None:
            return b""
        self._last_name = (record.parent, record.cookie, entry.name)
        return entry.name

    def _keep(self, key: Key, ref: bytes) -> None:
        self._remembered[key] = ref
        self._remembered.move_to_end(key)
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)


def _kind_key(parent: int, name: bytes) -> Key:
    return (parent, extension(name), None)


def extension(name: bytes) -> bytes:
    """What follows the last dot of a name that does not begin with it; empty without one."""
    return name[1:].rpartition(b".")[2] if b"." in name[1:] else b""


def likely_originals(name: bytes) -> list[bytes]:
    """Names in the same directory whose file a new file of this name may be a version of.

    A temporary file that will be renamed over the original: `.name.Ab12Cd` (rsync), `name.tmp`,
    `name.1234`, `name~`, `#name#`. Or the original was renamed to be a backup: `name~`,
    `name.orig` (editors).
    """
    found = [name + suffix for suffix in BACKUP_SUFFIXES]
    match = TEMPORARY.fullmatch(name)
    if match is not None:
        found[:0] = dict.fromkeys(stem for stem in match.groups() if stem)
    return found
