"""Builds user-defined indexes beside normal use, and empties dropped ones.

An index is kept current from the moment it is defined; what is older is looked at inode by inode,
in the order of their numbers, and how far that has come is stored with each batch. So it goes on
where it was after a kill, and it does not matter what moves meanwhile.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from fsmodel.change import Change, Changes
from fsmodel.errors import AlreadyExists, Busy
from fsmodel.ids import InodeId
from fsmodel.indexes.catalogue import Catalogue, UserIndex
from fsmodel.indexes.entries import indexed_of
from fsmodel.indexes.keeper import IndexKeeper, is_meant
from fsmodel.indexes.reading import DocumentReader
from fsmodel.namespace.inodes import REGULAR
from fsmodel.steps import PAUSE, Steps
from lmdb_index.index import Index
from lmdb_index.keys import number_key, number_of
from lmdb_index.records import InodeRecord, UserIndexRecord, UserIndexState
from lmdb_index.schema import INDEX_ENTRY, INDEXED, INODE, USER_INDEX, Table

LOOK_INODES: Final = 1000  # in one stretch
BATCH_DOCUMENTS: Final = 50  # in one change
EMPTIED_ROWS: Final = 500  # in one change

Report = Callable[[int, int, str], None]  # done, of how many, what
PathsOf = Callable[[InodeId], list[bytes]]


class Building:
    """Long work on indexes. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        changes: Changes,
        catalogue: Catalogue,
        keeper: IndexKeeper,
        reader: DocumentReader,
        paths_of: PathsOf,
    ) -> None:
        self._index = index
        self._changes = changes
        self._catalogue = catalogue
        self._keeper = keeper
        self._reader = reader
        self._paths_of = paths_of
        self._running: set[InodeId] = set()

    def unfinished(self) -> list[UserIndex]:
        """The indexes that wait to be built, and that nobody builds now."""
        return [
            each
            for each in self._catalogue.live.values()
            if each.number not in self._running and not self._catalogue.is_ready(each)
        ]

    def require_idle(self, index: UserIndex) -> None:
        """Raises Busy while somebody builds an index."""
        if index.number in self._running:
            raise Busy(f"index {index.definition.name!a} is being built: see `cairnfs index list`")

    def run(self, built: UserIndex, report: Report) -> Steps[None]:
        """Build an index to its end; it takes the place of another one of its name.

        Raises AlreadyExists when it was to be unique and cannot be: then it is dropped; Busy if
        somebody builds it already, NoSpace.
        """
        self.require_idle(built)
        self._running.add(built.number)
        try:
            yield from self._look_at_all(built, report)
        except AlreadyExists as error:
            with self._changes.begin() as change:
                self._catalogue.drop(change, built)
            raise AlreadyExists(f"the index is given up: {error}") from error
        finally:
            self._running.discard(built.number)
        yield from self.empty_dropped()

    def empty_dropped(self) -> Steps[None]:
        """Delete the rows of indexes that are no more. Raises NoSpace."""
        for number in self._catalogue.dropped():
            more = True
            while more:
                with self._changes.begin() as change:
                    more = _delete_rows(change, number)
                yield PAUSE

    def _look_at_all(self, built: UserIndex, report: Report) -> Steps[None]:
        looked, more = 0, True
        while more and built.number in self._catalogue.live:
            cursor = self._catalogue.record(built).cursor
            stretch = list(islice(self._inodes_after(cursor), LOOK_INODES))
            more = len(stretch) == LOOK_INODES
            documents = [(inode, row) for inode, row in stretch if self._is_due(built, inode, row)]
            for at in range(0, len(documents), BATCH_DOCUMENTS):
                yield from self._add(built, documents[at : at + BATCH_DOCUMENTS])
            if built.number in self._catalogue.live:
                self._note(built, stretch[-1][0] if more else None)
            looked += len(stretch)
            report(looked, self._index.count(INODE), "files looked at")
            yield PAUSE

    def _inodes_after(self, cursor: int) -> Iterator[tuple[InodeId, InodeRecord]]:
        rows = self._index.scan(INODE, number_key(cursor + 1))
        return ((InodeId(number_of(key)), record) for key, record in rows)

    def _is_due(self, built: UserIndex, inode: InodeId, record: InodeRecord) -> bool:
        """Whether a file is a document that the index does not know yet."""
        if record.mode >> 12 != REGULAR or not record.content or not record.nlink:
            return False
        is_known = indexed_of(self._index, built.number, inode) is not None
        return not is_known and is_meant(built, self._paths_of(inode))

    def _add(self, built: UserIndex, documents: list[tuple[InodeId, InodeRecord]]) -> Steps[None]:
        """Read some documents and put them into the index, as far as they are still there."""
        known: dict[bytes, Any] = {}
        for _, record in documents:
            if record.content not in known:
                known[record.content] = yield from self._reader.read(record.content, record.size)
        if built.number not in self._catalogue.live:
            return
        there = {inode for inode, _ in documents if self._index.get(INODE, number_key(inode))}
        with self._changes.begin() as change:
            self._keeper.refresh(change, there, [built], known)

    def _note(self, built: UserIndex, cursor: int | None) -> None:
        """How far it has come; without a cursor it is ready, and replaces the former one."""
        with self._changes.begin() as change:
            if cursor is not None:
                record = UserIndexRecord(UserIndexState.BUILDING, cursor)
                self._catalogue.set_record(change, built, record)
                return
            for other in self._catalogue.named(built.definition.name):
                if other.number < built.number:
                    self._catalogue.drop(change, other)
            self._catalogue.set_record(change, built, UserIndexRecord(UserIndexState.READY))


def _delete_rows(change: Change, number: InodeId) -> bool:
    """Delete some rows of an index; with the last ones, what says how far it is."""
    operation, prefix = change.operation, number_key(number)
    tables: tuple[Table[Any], ...] = (INDEX_ENTRY, INDEXED)
    for table in tables:
        rows = list(islice(operation.scan_prefix(table, prefix), EMPTIED_ROWS))
        for key, _ in rows:
            operation.delete(table, key)
        if len(rows) == EMPTIED_ROWS:
            return True
    operation.delete(USER_INDEX, prefix)
    return False
