"""One change to the filesystem: an index operation, and the inode records it edits.

Everything a user does in one call (a rename, a create, a clean of many artifacts) is one Change,
hence one index operation: all of it applies, or none. Inode records are copied when first edited
and stored once at the end, however often they were touched.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Final

from msgspec.structs import replace

from fsmodel.clock import Clock
from fsmodel.errors import Stale
from fsmodel.ids import InodeId
from fsmodel.index_border import index_error
from fsmodel.inode_table import InodeTable
from fsmodel.stale_trees import StaleTrees
from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.operation import Operation
from lmdb_index.records import InodeRecord
from lmdb_index.schema import INODE

TICK_NS_MAX: Final = 10_000_000  # the longest tick of Linux, at 100 Hz


Edit = tuple[InodeId, InodeRecord, InodeRecord | None]


class Change:
    """The inodes of one operation in progress. Use it only inside `Changes.begin()`."""

    def __init__(self, operation: Operation, inodes: InodeTable, now_ns: int) -> None:
        self.operation = operation
        self.now_ns = now_ns
        self.trusts_trees = True  # no repair of trees that directories are said to have
        self._inodes = inodes
        self._edited: dict[InodeId, InodeRecord] = {}
        self._formers: dict[InodeId, InodeRecord] = {}  # of those: what they were
        self._removed: set[InodeId] = set()
        self._edits: list[Edit] | None = None  # what `edits` answers, until it is another
        self._applied: list[Callable[[], None]] = []

    def when_applied(self, action: Callable[[], None]) -> None:
        """Have something done in memory once the change is certain; not if it is given up."""
        self._applied.append(action)

    def inode(self, inode: InodeId) -> InodeRecord:
        """The record as this change sees it, to be read only. Raises Stale."""
        record = self._edited.get(inode)
        if record is not None:
            return record
        if inode in self._removed:
            raise Stale(f"inode {inode} does not exist")
        return self._inodes.get(inode)

    def edit(self, inode: InodeId) -> InodeRecord:
        """A record the caller may change; it is stored when the change ends. Raises Stale."""
        record = self._edited.get(inode)
        if record is None:
            former = self._formers[inode] = self.inode(inode)
            record = self._edited[inode] = replace(former)
            self._edits = None
        return record

    def add_inode(self, record: InodeRecord) -> InodeId:
        """Give a new record the next inode number. A number is never used twice."""
        inode = InodeId(self.operation.next_number("last_inode"))
        self._edited[inode] = record
        self._edits = None
        return inode

    def remove_inode(self, inode: InodeId) -> None:
        """Delete the inode's row. What it refers to is the caller's to release."""
        self._edited.pop(inode, None)
        self._removed.add(inode)
        self._edits = None

    def edits(self) -> Sequence[Edit]:
        """Each edited inode: its record as edited, and as it was; None for a new one."""
        edits = self._edits
        if edits is None:
            former_of = self._formers.get
            edits = [(inode, record, former_of(inode)) for inode, record in self._edited.items()]
            self._edits = edits
        return edits

    @property
    def removes(self) -> bool:
        """Whether any inode's row is removed."""
        return bool(self._removed)

    def removals(self) -> frozenset[InodeId]:
        """The inodes whose rows are removed."""
        return frozenset(self._removed)

    def store(self) -> None:
        """Put every edited record into the operation."""
        for inode, record in self._edited.items():
            self.operation.put(INODE, number_key(inode), record)
        for inode in self._removed:
            self.operation.delete(INODE, number_key(inode))

    def publish(self) -> None:
        """After the operation applied: let the cache show what the index holds now."""
        for inode, record in self._edited.items():
            self._inodes.remember(inode, record)
        for inode in self._removed:
            self._inodes.forget(inode)
        for action in self._applied:
            action()


class Changes:
    """Makes changes, one at a time. Owner: the thread that owns the index."""

    def __init__(self, index: Index, inodes: InodeTable, clock: Clock) -> None:
        self._index = index
        self._inodes = inodes
        self._clock = clock
        self._seen_ns = 0
        self._watchers: list[Callable[[Change], None]] = []
        self._removal_watchers: list[Callable[[Change], None]] = []
        self.stale_trees = StaleTrees()

    def watch(self, watcher: Callable[[Change], None]) -> None:
        """Have each change shown to somebody as it ends, before it is certain: `when_applied`."""
        self._watchers.append(watcher)

    @contextmanager
    def watched(self, watcher: Callable[[Change], None]) -> Iterator[None]:
        """The same for the length of a block."""
        self._watchers.append(watcher)
        try:
            yield
        finally:
            self._watchers.remove(watcher)

    def watch_removals(self, watcher: Callable[[Change], None]) -> None:
        """The same for somebody who cares about changes alone that remove inodes."""
        self._removal_watchers.append(watcher)

    def now_ns(self) -> int:
        """The time that a change would bear if it began now."""
        return max(self._clock.now_ns(), self._seen_ns)

    def observe(self, time_ns: int) -> None:
        """Take note of a time that somebody else stamped.

        The kernel's clock for stamps can be a tick ahead of the one a process may read. Ours
        never goes behind a stamp of a moment ago, so that what happens later also looks later.
        """
        if self._seen_ns < time_ns <= self._clock.now_ns() + TICK_NS_MAX:
            self._seen_ns = time_ns

    def begin(self) -> "OpenChange":
        """A context manager: all in its block applies when that ends, or nothing if it raises.

        Raises NoSpace when the host has no room for the journal record, BackendError when the
        index or the journal cannot be used.
        """
        return OpenChange(self, self._index.operation())

    def move_access(self, inode: InodeId) -> None:
        """Let the access time of an inode be now. Raises Stale, and as `begin`.

        Nobody is shown this: to all who watch changes it is none. So it is one row and no more,
        as the first reading of every file asks for it.
        """
        self.put_row(inode, replace(self._inodes.get(inode), atime_ns=self.now_ns()))

    def put_row(self, inode: InodeId, record: InodeRecord) -> None:
        """A change that is one inode's row, of which nobody is told who watches changes.

        It must have the content, flags and names it had; what trees show has been marked. Raises as
        `begin`.
        """
        try:
            self._index.replace(INODE, number_key(inode), record)
        except IndexProblem as problem:
            raise index_error(problem) from problem
        self._inodes.remember(inode, record)

    def on(self, operation: Operation) -> Change:
        """A change that an operation in progress is to be."""
        return Change(operation, self._inodes, self.now_ns())

    def complete(self, change: Change) -> None:
        """Put into the operation what was edited, and what others add to it."""
        for watcher in self._watchers:
            watcher(change)
        if change.removes:
            for watcher in self._removal_watchers:
                watcher(change)
        self.stale_trees.mark(change)
        change.store()


class OpenChange:
    """A change while its block runs. A class, as a generator would take three times as long."""

    __slots__ = ("_change", "_changes", "_operation")

    def __init__(self, changes: Changes, operation: Operation) -> None:
        self._changes = changes
        self._operation = operation
        self._change: Change | None = None

    def __enter__(self) -> Change:
        try:
            self._operation.__enter__()
        except IndexProblem as problem:
            raise index_error(problem) from problem
        change = self._change = self._changes.on(self._operation)
        return change

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._apply()
            return
        self._operation.__exit__(kind, error, trace)
        if isinstance(error, IndexProblem):
            raise index_error(error) from error

    def _apply(self) -> None:
        change, operation = self._change, self._operation
        assert change is not None
        try:
            try:
                self._changes.complete(change)
            except BaseException as error:
                operation.__exit__(type(error), error, None)
                raise
            operation.__exit__(None, None, None)
        except IndexProblem as problem:
            raise index_error(problem) from problem
        change.publish()
