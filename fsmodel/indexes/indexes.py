"""User-defined indexes as their users see them: made, asked, looked at, dropped."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from fsmodel.change import Changes
from fsmodel.errors import AlreadyExists, CairnError, DocumentInvalid
from fsmodel.ids import InodeId
from fsmodel.indexes.building import Building
from fsmodel.indexes.catalogue import Catalogue, UserIndex
from fsmodel.indexes.definition import Definition, checked
from fsmodel.indexes.entries import shown_entries
from fsmodel.indexes.queries import (
    ALL,
    Asked,
    Bound,
    Match,
    Queries,
    Span,
    equal_span,
    prefix_span,
    range_span,
)
from fsmodel.indexes.reading import DocumentReader, Unusable
from fsmodel.indexes.verifying import IndexReport, Verifying
from fsmodel.inode_table import InodeTable
from fsmodel.steps import PAUSE, Steps
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.records import UserIndexState
from lmdb_index.schema import INDEXED

COUNTED_ROWS: Final = 2000  # in one stretch

Report = Callable[[int, int, str], None]  # done, of how many, what


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """An index, and how far it is."""

    definition: Definition
    state: str  # ready, building
    progress: float  # from 0 to 1: how much of the store has been looked at


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """What an index holds."""

    documents: int  # that it is about, and that are shown
    entries: int
    values: int  # that differ
    skipped: int  # documents without entries, as they are no JSON or have too many values
    hidden: int  # documents of deleted series
    key_bytes: int  # of all entries


class Indexes:
    """All user-defined indexes of a volume. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        inodes: InodeTable,
        changes: Changes,
        catalogue: Catalogue,
        building: Building,
        queries: Queries,
        verifying: Verifying,
        reader: DocumentReader,
    ) -> None:
        self._index = index
        self._inodes = inodes
        self._changes = changes
        self._catalogue = catalogue
        self._building = building
        self._queries = queries
        self._verifying = verifying
        self._reader = reader

    # Making

    def define(self, definition: Definition) -> UserIndex:
        """Store a definition; the index is kept current from now on, and is to be built.

        Raises InvalidArgument, AlreadyExists, NoSpace.
        """
        checked(definition)
        if self._catalogue.named(definition.name):
            raise AlreadyExists(
                f"there is an index {definition.name!a}: drop it first, or take another name"
            )
        return self._catalogue.add(definition)

    def create(self, definition: Definition, report: Report) -> Steps[IndexInfo]:
        """Define an index and build it. It goes on by itself if this is not driven to its end.

        Raises as `define`; AlreadyExists also when documents break its uniqueness.
        """
        yield from self._building.run(self.define(definition), report)
        return self.info(definition.name)

    def rebuild(self, name: str, report: Report) -> Steps[IndexInfo]:
        """Build an index anew; the former one answers meanwhile. Raises NotFound, Busy."""
        former, *unfinished = self._catalogue.named(name) or [self._catalogue.find(name)]
        for each in (former, *unfinished):
            self._building.require_idle(each)
        if self._catalogue.is_ready(former):
            for each in unfinished:
                self._drop(each)
            former = self._catalogue.add(former.definition)
        yield from self._building.run(former, report)
        return self.info(name)

    def drop(self, name: str) -> Steps[None]:
        """Forget an index. Raises NotFound, NoSpace."""
        self._catalogue.find(name)
        for each in self._catalogue.named(name):
            self._drop(each)
        yield from self._building.empty_dropped()

    @property
    def is_unfinished(self) -> bool:
        """Whether `resume` has something to do."""
        return bool(self._building.unfinished() or self._catalogue.dropped())

    def resume(self, report: Report) -> Steps[list[CairnError]]:
        """Finish what a kill or somebody's patience has ended; tells what could not be."""
        failures: list[CairnError] = []
        for index in self._building.unfinished():
            try:
                yield from self._building.run(index, report)
            except CairnError as error:
                failures.append(error)
        yield from self._building.empty_dropped()
        return failures

    # Looking

    def all(self) -> list[IndexInfo]:
        """Every index, by name."""
        return [self._described(each) for each in self._catalogue.all()]

    def info(self, name: str) -> IndexInfo:
        """One index. Raises NotFound."""
        return self._described(self._catalogue.find(name))

    def statistics(self, name: str) -> Steps[IndexStatistics]:
        """Count what an index holds. Raises NotFound."""
        index = self._catalogue.find(name)
        documents = entries = skipped = hidden = size = 0
        rows = self._index.scan_prefix(INDEXED, number_key(index.number))
        while stretch := list(islice(rows, COUNTED_ROWS)):
            for _, row in stretch:
                documents += row.shown
                hidden += not row.shown
                skipped += bool(row.problem)
                entries += len(shown_entries(row))
                size += sum(len(key) for key, _ in shown_entries(row))
            yield PAUSE
        values = 0
        found = self._queries.values(index)
        while more := len(list(islice(found, COUNTED_ROWS))):
            values += more
            yield PAUSE
        return IndexStatistics(documents, entries, values, skipped, hidden, size)

    def verify(self, name: str, report: Report) -> Steps[IndexReport]:
        """Compare an index with all documents, read again. Raises NotFound, Busy."""
        return (yield from self._verifying.run(self._catalogue.ready(name), report))

    # Asking

    def query(self, name: str, values: Sequence[Any], asked: Asked = ALL) -> Iterator[Match]:
        """Documents with these values, one for each field or for the first ones.

        Raises NotFound, Busy, InvalidArgument.
        """
        index = self._catalogue.ready(name)
        return self._queries.within(index, equal_span(index.definition, values), asked)

    def range(
        self,
        name: str,
        low: Bound,
        high: Bound,
        equal: Sequence[Any] = (),
        asked: Asked = ALL,
    ) -> Iterator[Match]:
        """Documents with low <= value <= high; see range_span.

        Raises NotFound, Busy, InvalidArgument.
        """
        index = self._catalogue.ready(name)
        return self._queries.within(index, range_span(index.definition, low, high, equal), asked)

    def prefix(
        self, name: str, text: str, equal: Sequence[Any] = (), asked: Asked = ALL
    ) -> Iterator[Match]:
        """Documents with a text that begins so. Raises NotFound, Busy, InvalidArgument."""
        index = self._catalogue.ready(name)
        return self._queries.within(index, prefix_span(index.definition, text, equal), asked)

    def within(self, name: str, span: Span) -> Iterator[Match]:
        """Documents whose value keys are within a span. Raises NotFound, Busy."""
        return self._queries.within(self._catalogue.ready(name), span)

    def has(self, name: str, span: Span, inode: InodeId) -> bool:
        """Whether a file is among them. Raises NotFound, Busy."""
        return self._queries.has(self._catalogue.ready(name), span, inode)

    def values(self, name: str) -> Iterator[bytes]:
        """The values that there are, in order, as JSON arrays of one value for each field.

        Long ones are empty. Raises NotFound, Busy.
        """
        return (found.text for found in self._queries.values(self._catalogue.ready(name)))

    def document(self, inode: InodeId) -> Steps[Any]:
        """The value of a document that was found. Raises Stale, DocumentInvalid."""
        record = self._inodes.get(inode)
        value = yield from self._reader.read(record.content, record.size)
        if isinstance(value, Unusable):
            raise DocumentInvalid(value.problem)
        return value

    def _drop(self, index: UserIndex) -> None:
        with self._changes.begin() as change:
            self._catalogue.drop(change, index)

    def _described(self, index: UserIndex) -> IndexInfo:
        record = self._catalogue.record(index)
        if record.state == UserIndexState.READY:
            return IndexInfo(index.definition, "ready", 1.0)
        inodes = max(self._index.counter("last_inode"), 1)
        return IndexInfo(index.definition, "building", round(record.cursor / inodes, 3))
