"""Reads documents again and compares them with what an index says: `cairnfs index verify`."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from fsmodel.change import Changes
from fsmodel.ids import InodeId
from fsmodel.indexes.catalogue import Catalogue, UserIndex
from fsmodel.indexes.entries import entry_row, found_in, indexed_of, shown_entries
from fsmodel.indexes.keeper import is_meant, values_in
from fsmodel.indexes.reading import DocumentReader
from fsmodel.namespace.inodes import REGULAR
from fsmodel.steps import PAUSE, Steps
from lmdb_index.index import Index
from lmdb_index.keys import number_key, number_of
from lmdb_index.records import InodeFlag, InodeRecord
from lmdb_index.schema import INDEX_ENTRY, INODE

LOOK_INODES: Final = 1000
WRONG_MAX: Final = 1000  # told one by one

Report = Callable[[int, int, str], None]
PathsOf = Callable[[InodeId], list[bytes]]


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What was compared, and what differs."""

    documents: int
    entries: int
    skipped: int  # documents that have no entries although the index is about them
    wrong: tuple[str, ...]  # in words; `cairnfs index rebuild` puts it right

    @property
    def clean(self) -> bool:
        """Whether the index says what a full scan says."""
        return not self.wrong


class Verifying:
    """Compares. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        changes: Changes,
        catalogue: Catalogue,
        reader: DocumentReader,
        paths_of: PathsOf,
    ) -> None:
        self._index = index
        self._changes = changes
        self._catalogue = catalogue
        self._reader = reader
        self._paths_of = paths_of

    def run(self, index: UserIndex, report: Report) -> Steps[IndexReport]:
        """Read every document the index is about. What changes meanwhile is not held against it."""
        documents = entries = skipped = looked = 0
        wrong: list[str] = []
        cursor, more = 0, True
        while more:
            rows = self._index.scan(INODE, number_key(cursor + 1))
            stretch = list(islice(rows, LOOK_INODES))
            more = len(stretch) == LOOK_INODES
            for key, record in stretch:
                cursor = number_of(key)
                if self._is_meant(index, InodeId(cursor), record):
                    problem = yield from self._compare(index, InodeId(cursor), record)
                    row = indexed_of(self._index, index.number, cursor)
                    documents += 1
                    entries += len(shown_entries(row))
                    skipped += row is not None and bool(row.problem)
                    wrong += [problem] if problem else []
            looked += len(stretch)
            report(looked, self._index.count(INODE), "files looked at")
            yield PAUSE
        wrong += yield from self._surplus(index)
        return IndexReport(documents, entries, skipped, tuple(wrong[:WRONG_MAX]))

    def _is_meant(self, index: UserIndex, inode: InodeId, record: InodeRecord) -> bool:
        is_file = record.mode >> 12 == REGULAR and record.nlink and record.content
        if not is_file or record.flags & InodeFlag.UNSETTLED:
            return False
        current = self._index.get(INODE, number_key(inode))  # may be gone meanwhile
        return current is not None and is_meant(index, self._paths_of(inode))

    def _compare(self, index: UserIndex, inode: InodeId, record: InodeRecord) -> Steps[str]:
        """What is wrong about one document; nothing if nothing is, or if it is another by now."""
        document = yield from self._reader.read(record.content, record.size)
        current = self._index.get(INODE, number_key(inode))
        if current is None or current.content != record.content:
            return ""
        if not self._is_meant(index, inode, current):
            return ""
        row, right = indexed_of(self._index, index.number, inode), values_in(index, document)
        path = self._paths_of(inode)[0].decode(errors="backslashreplace")
        if row is None:
            return f"{path} is not in the index"
        if row.problem and index.definition.unique and right.entries:
            return f"{path} is left out of the index: {row.problem}"
        if row.entries != right.entries or not row.shown:
            return f"{path} is in the index with other values than it has"
        keys = (entry_row(index.number, key, inode) for key, _ in row.entries)
        if any(self._index.get(INDEX_ENTRY, key) is None for key in keys):
            return f"{path} is not found by all of its values"
        return ""

    def _surplus(self, index: UserIndex) -> Steps[list[str]]:
        """Entries that lead to documents without such a value."""
        wrong = []
        for number, found in enumerate(self._entries(index)):
            row = indexed_of(self._index, index.number, found[1])
            if found[0] not in {key for key, _ in shown_entries(row)}:
                wrong.append(f"inode {found[1]} is found by a value that it does not have")
            if number % LOOK_INODES == 0:
                yield PAUSE
        return wrong

    def _entries(self, index: UserIndex) -> Iterator[tuple[bytes, InodeId]]:
        for key, record in self._index.scan_prefix(INDEX_ENTRY, number_key(index.number)):
            found = found_in(key, record.value)
            yield found.key, found.inode
