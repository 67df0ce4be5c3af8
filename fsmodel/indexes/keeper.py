"""Keeps user-defined indexes in step with documents: in the change that changes a document.

A watcher of changes (fsmodel/change.py) looks at each one as it ends: at files with another
content, place or name, and at folders that have moved. What their documents have in each index is
derived again and compared with what it was. So it makes no difference by which way a document has
come or gone; and a change that breaks a unique index is refused as a whole.

A file is in an index if its path fits the glob, it is settled, and it is a valid document. Those
below the folder of deleted series keep their values, but are not shown.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from fsmodel.change import Change, Changes
from fsmodel.errors import AlreadyExists
from fsmodel.ids import InodeId
from fsmodel.indexes.catalogue import Catalogue, UserIndex
from fsmodel.indexes.entries import (
    delete_entries,
    indexed_of,
    put_entries,
    shown_entries,
)
from fsmodel.indexes.reading import DocumentReader, Unusable
from fsmodel.indexes.touched import NotedNames, PathsInChange, Touched
from fsmodel.indexes.values import Entry, Values, values_of
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.directories import EntryWatcher
from fsmodel.namespace.inodes import DIRECTORY, REGULAR, kind_of
from fsmodel.namespace.system_tree import SYSTEM_NAME
from fsmodel.series.layout import DELETED
from lmdb_index.index import Index
from lmdb_index.keys import pair_key
from lmdb_index.records import IndexedRecord, InodeFlag, InodeRecord
from lmdb_index.schema import INDEXED

_HIDDEN: Final = b"/" + SYSTEM_NAME + b"/"
_DELETED: Final = _HIDDEN + DELETED + b"/"

_log = logging.getLogger(__name__)


class _Step(NamedTuple):
    """What becomes of one document in one index."""

    of: UserIndex
    inode: InodeId
    former: IndexedRecord | None
    now: IndexedRecord | None


class IndexKeeper:
    """Watches changes and names. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        inodes: InodeTable,
        changes: Changes,
        catalogue: Catalogue,
        reader: DocumentReader,
        is_open: Callable[[InodeId], bool],
        next_watcher: EntryWatcher | None,
    ) -> None:
        """`next_watcher` is told of names as well."""
        self._index = index
        self._inodes = inodes
        self._catalogue = catalogue
        self._reader = reader
        self._is_open = is_open
        self._next = next_watcher
        self._noted: NotedNames | None = None
        changes.watch(self._watch)

    # Names

    def appeared(self, change: Change, directory: InodeId, name: bytes, kind: int) -> None:
        """A name has been given to something."""
        if self._next is not None:
            self._next.appeared(change, directory, name, kind)
        if self._catalogue.live and kind in (REGULAR, DIRECTORY):
            self._noted_in(change).given.append((directory, name, kind))

    def went(self, change: Change, directory: InodeId, name: bytes, kind: int) -> None:
        """A name has been taken away."""
        if self._next is not None:
            self._next.went(change, directory, name, kind)
        if self._catalogue.live and kind == DIRECTORY:
            folder = PathsInChange(self._index, change).folder(directory)
            self._noted_in(change).left.append(folder + b"/" + name)

    def _noted_in(self, change: Change) -> NotedNames:
        if self._noted is None or self._noted.change is not change:
            self._noted = NotedNames(change)
        return self._noted

    # Documents

    def _watch(self, change: Change) -> None:
        noted, self._noted = self._noted, None
        if not self._catalogue.live:
            return
        if noted is not None and noted.change is not change:
            noted = None
        globs = [each.definition.paths for each in self._catalogue.live.values()]
        inodes = Touched(self._index, change, noted, globs).inodes() | change.removals()
        if inodes:
            self.refresh(change, inodes, list(self._catalogue.live.values()))

    def refresh(
        self,
        change: Change,
        inodes: set[InodeId],
        indexes: Sequence[UserIndex],
        known: dict[bytes, Any] | None = None,
    ) -> None:
        """Let indexes say of files what is so by now. Raises AlreadyExists.

        `known` are documents that have been read already, by their contents.
        """
        steps = _Derivation(self._index, change, self._reader, known or {}).steps(inodes, indexes)
        for step in steps:
            gone = _less(shown_entries(step.former), shown_entries(step.now))
            delete_entries(change.operation, step.of.number, step.inode, gone)
        for step in steps:
            self._put(change, step)

    def _put(self, change: Change, step: _Step) -> None:
        number, now = step.of.number, step.now
        if now is None:
            change.operation.delete(INDEXED, pair_key(number, step.inode))
            return
        added = _less(shown_entries(now), shown_entries(step.former))
        try:
            put_entries(change.operation, step.of, step.inode, added)
        except AlreadyExists as error:
            if not self._is_settled_only(change, step.inode):
                raise
            _log.warning("inode %d is left out of an index: %s", step.inode, error)
            delete_entries(change.operation, number, step.inode, shown_entries(step.former))
            now = IndexedRecord(now.content, problem=str(error))
        change.operation.put(INDEXED, pair_key(number, step.inode), now)

    def _is_settled_only(self, change: Change, inode: InodeId) -> bool:
        """Whether a file keeps its names and has been chunked, which nothing may refuse.

        Documents are committed as other inodes. This is a file that came to its place with its
        folder while somebody was writing it.
        """
        record, former = change.inode(inode), self._inodes.find(inode)
        return (
            former is not None
            and former.content != record.content
            and (former.parent, former.cookie, former.nlink)
            == (record.parent, record.cookie, record.nlink)
            and self._is_open(inode)
        )


class _Derivation:
    """Derives what documents have in indexes, as a change sees them."""

    def __init__(
        self, index: Index, change: Change, reader: DocumentReader, known: dict[bytes, Any]
    ) -> None:
        self._change = change
        self._reader = reader
        self._paths = PathsInChange(index, change)
        self._documents = known
        self._spare: dict[tuple[InodeId, bytes], IndexedRecord] = {}  # by index and content

    def steps(self, inodes: set[InodeId], indexes: Sequence[UserIndex]) -> list[_Step]:
        """All that differs from what the rows say."""
        formers = [
            (index, inode, indexed_of(self._change.operation, index.number, inode))
            for inode in sorted(inodes)
            for index in indexes
        ]
        for index, _, former in formers:
            if former is not None:  # what was left out stays so, until it says something else
                key = index.number, former.content
                self._spare[key] = self._spare.get(key, former) if former.problem else former
        paths = {inode: self._paths_of(inode) for inode in inodes}
        steps = [
            _Step(index, inode, former, self._now(index, inode, former, paths[inode]))
            for index, inode, former in formers
        ]
        return [step for step in steps if step.now != step.former]

    def _paths_of(self, inode: InodeId) -> list[bytes]:
        """The paths under which a file is a document; none if it is no settled file."""
        if inode in self._change.removals():
            return []
        record = self._change.inode(inode)
        is_settled = record.content and not record.flags & InodeFlag.UNSETTLED
        if kind_of(record) != REGULAR or not is_settled:
            return []
        return self._paths.of(inode, record)

    def _now(
        self, index: UserIndex, inode: InodeId, former: IndexedRecord | None, paths: list[bytes]
    ) -> IndexedRecord | None:
        if is_meant(index, paths):
            return self._shown(index, self._change.inode(inode))
        if former is None or not any(path.startswith(_DELETED) for path in paths):
            return None
        if former.content == self._change.inode(inode).content:
            return replace(former, shown=False)
        return None

    def _shown(self, index: UserIndex, record: InodeRecord) -> IndexedRecord:
        spare = self._spare.get((index.number, record.content))
        if spare is not None:
            return replace(spare, shown=True)
        if record.content not in self._documents:
            document = self._reader.read_now(record.content, record.size)
            self._documents[record.content] = document
        found = values_in(index, self._documents[record.content])
        return IndexedRecord(record.content, found.entries, problem=found.problem)


def is_meant(index: UserIndex, paths: Iterable[bytes]) -> bool:
    """Whether an index is about a file with these paths."""
    glob = index.definition.paths
    return any(not path.startswith(_HIDDEN) and glob.matches(path) for path in paths)


def values_in(index: UserIndex, document: Any) -> Values:
    """What a document that was read has in an index."""
    if isinstance(document, Unusable):
        return Values((), document.problem)
    return values_of(index.definition, document)


def _less(entries: tuple[Entry, ...], others: tuple[Entry, ...]) -> list[Entry]:
    known = set(others)
    return [entry for entry in entries if entry not in known]
