"""Writes roots: what has changed since the last one becomes trees in the packs.

A root shows one moment. Everything is read from a snapshot of the index, in a worker, while
requests go on; the objects are appended there too, in groups, as pages have much in common, and the
owner records their rows in small changes. Directories that change meanwhile are told by
`StaleTrees`: their rows go on naming no tree, and the next root shows what they have become.

Of a large directory, only the pages whose entries have changed are made again (former_pages.py).

The last root is referred to by the row `root` of the table meta, as a file's content is by
its inode: so the objects it needs stay, and GC takes those that only earlier roots needed. The
trees that rows of directories name are always among those of the last root.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from time import sleep
from typing import Final

from fsmodel.change import Changes
from fsmodel.errors import CairnError, ChunkNotFound, DataError
from fsmodel.history.former_pages import FormerPages, changed_names, leaves_of
from fsmodel.history.naming import named_by
from fsmodel.history.reads_rows import ReadsRows
from fsmodel.history.root_format import SNAPSHOTS_LABEL, Label, Root, encode_root
from fsmodel.history.snapshot_list import SnapshotList, list_state
from fsmodel.history.snapshots import name_snapshot, require_free_name
from fsmodel.history.tree_builder import (
    FormerPagesWrong,
    MadeTree,
    TreeBuilder,
    TreePart,
)
from fsmodel.history.tree_entry import TreeEntry
from fsmodel.history.tree_pages import TreePages
from fsmodel.ids import ROOT_INODE, InodeId, ObjectId
from fsmodel.inode_table import InodeTable
from fsmodel.large_folders import FolderChanges
from fsmodel.namespace.inodes import is_directory
from fsmodel.steps import PAUSE, Result, Steps, Work
from fsmodel.store.drafts import NewObject
from fsmodel.store.group_format import GROUP_BYTES_MAX
from fsmodel.store.group_writer import split_into_runs
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import ObjectKind
from lmdb_index.index import Index
from lmdb_index.meta import LISTED_KEY, ROOT_KEY
from lmdb_index.records import RawRecord
from lmdb_index.schema import META
from lmdb_index.snapshot import Snapshot

_log = logging.getLogger(__name__)

BATCH_PARTS: Final = 1024  # made in one hop to a worker
BATCH_BYTES: Final = 1 << 20  # likewise
BUILD_COST_BYTES: Final = 1 << 20  # never worth doing on the owner thread
# Files of one name in neighbouring folders, such as releases, have much in common: with groups of
# 256 KiB, trees of ten releases take four times as much. Reading a page takes 2 ms the first time.
GROUP_BYTES: Final = GROUP_BYTES_MAX
CHANGE_ROWS: Final = 512  # of objects, in one change: about 10 ms; one page may exceed it
CHANGE_DIRECTORIES: Final = 256
FORMER_PAGES_MAX: Final = 256  # in memory at a time, some 3 MB; of others the rows are read
WAIT_SECONDS: Final = 0.01  # for a root that is being written
WAIT_COST_BYTES: Final = 1 << 20  # waiting belongs in a worker
ATTEMPTS: Final = 10  # when what a commit names is collected before the root names it


@dataclass(frozen=True, slots=True)
class WrittenRoot:
    """A root, and what it took."""

    id: ObjectId
    directories: int  # whose trees were made
    objects: int  # made, the root itself included; those that were stored already are counted too


def write_persistently(write: Callable[[], Steps[Result]]) -> Steps[Result]:
    """Write a root by `write`, which takes a new commit each time.

    Again when somebody deleted meanwhile what it was to show, and it was collected. Raises as
    Roots.write.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(ChunkNotFound):
            return (yield from write())
    return (yield from write())


def write_present(
    roots: "Roots", checkpoint: Callable[[], Steps[None]], name: bytes = b""
) -> Steps[None]:
    """Write a root that shows everything up to now, after any other that is being written.

    Where nothing has changed since the last one, that does. Raises as Roots.write.
    """
    while True:
        while roots.is_writing:
            yield Work(partial(sleep, WAIT_SECONDS), WAIT_COST_BYTES)
        yield from checkpoint()
        written = yield from roots.write(name)
        if written is not None or not (name or roots.is_due):
            return


def current_root(rows: ReadsRows) -> ObjectId | None:
    """The root that was written last; None before the first."""
    row = rows.get(META, ROOT_KEY)
    return ObjectId(row.value) if row is not None else None


class Roots:
    """The roots of one store. Owner: the thread that owns the index."""

    def __init__(
        self, index: Index, changes: Changes, inodes: InodeTable, objects: ObjectStore
    ) -> None:
        self._index = index
        self._changes = changes
        self._inodes = inodes
        self._objects = objects
        self._writing = False
        self._list = SnapshotList(objects)
        self._unnamed: set[ObjectId] = set()  # made, and not yet named by what will name them

    @property
    def is_writing(self) -> bool:
        """Whether a root is being written."""
        return self._writing

    @property
    def is_due(self) -> bool:
        """Whether anything that trees show has changed since the last root."""
        return not self._inodes.get(ROOT_INODE).tree

    def named_in_memory(self) -> Iterator[ObjectId]:
        """Objects of a root that is being written; GC keeps them."""
        return iter(tuple(self._unnamed))

    def write(self, name: bytes = b"") -> Steps[WrittenRoot | None]:
        """Write a root that shows the last commit, which must contain every operation so far.

        Given a name it is a snapshot. Returns None when one is being written already or, without a
        name, when nothing has changed. Raises ChunkNotFound when what the commit names was
        collected meanwhile, AlreadyExists, NoSpace, DataError: then there is no new root, and it
        can be tried again.
        """
        if self._writing or not (name or self.is_due):
            return None
        self._writing = True
        try:
            with self._changes.stale_trees.watched() as touched, self._index.snapshot() as view:
                assert view.position == self._index.journal_position, "changes are not committed"
                with self._large_taken() as large:
                    shown, trees, objects = yield from self._store_trees(view, large)
                    labels = yield from self._store_list(view)
                    root = self._store_root(view, shown, labels, name)
                self._changes.stale_trees.large.made(trees)
                yield from self._record_what_can_be(trees, touched)
        finally:
            self._unnamed.clear()
            self._writing = False
        return WrittenRoot(root, len(trees), objects + 1)

    def _store_list(self, view: Snapshot) -> Steps[tuple[Label, ...]]:
        """What the root names besides its tree: the tree that lists all snapshots."""
        parts, tree = yield from self._list.make(view, current_root(view))
        if parts:
            yield from self._store(parts)
        return () if tree is None else (Label(SNAPSHOTS_LABEL, tree),)

    @contextmanager
    def _large_taken(self) -> Iterator[Mapping[InodeId, FolderChanges]]:
        """What is known of large directories; it is kept if the block fails for other reasons."""
        large = self._changes.stale_trees.large
        taken = large.take()
        try:
            yield taken
        except ChunkNotFound:
            raise
        except BaseException:
            large.put_back(taken)
            raise

    def _store_trees(
        self, view: Snapshot, large: Mapping[InodeId, FolderChanges]
    ) -> Steps[tuple[TreeEntry, list[MadeTree], int]]:
        """Make and record every object that the new trees need; the first is the root directory."""
        builder = TreeBuilder(view, (yield from self._former_pages(view, large)))
        try:
            trees, objects = yield from self._store_parts(builder)
        except FormerPagesWrong as mistake:
            _log.error("%s: all of it is read again", mistake)
            builder = TreeBuilder(view)
            trees, objects = yield from self._store_parts(builder)
        return builder.root_entry, trees, objects

    def _former_pages(
        self, view: Snapshot, large: Mapping[InodeId, FolderChanges]
    ) -> Steps[dict[InodeId, FormerPages]]:
        """The pages that large directories had, as far as they can be read."""
        found: dict[InodeId, FormerPages] = {}
        room = FORMER_PAGES_MAX
        for directory, changes in large.items():
            try:
                leaves = yield from leaves_of(TreePages(self._objects), changes.tree)
            except DataError as error:
                _log.warning("directory %d is read again as a whole: %s", directory, error)
                continue
            # A leaf that cannot be read is made again, which heals it.
            changes.names.update(leaf.last for leaf in leaves if self._objects.is_damaged(leaf.id))
            former = FormerPages(leaves, changes, changed_names(view, directory, changes))
            yield from self._add_changed(former, room)
            room -= len(former.changed_leaves)
            found[directory] = former
            yield PAUSE
        return found

    def _add_changed(self, former: FormerPages, count: int) -> Steps[None]:
        """Read so many of the pages that will be made again: most of their entries stay."""
        for leaf in former.changed_leaves[: max(0, count)]:
            with suppress(DataError):
                former.add_page(leaf, (yield from TreePages(self._objects).load_bytes(leaf)))

    def _store_parts(self, builder: TreeBuilder) -> Steps[tuple[list[MadeTree], int]]:
        """The same for what a builder makes. Raises FormerPagesWrong."""
        made = builder.parts()
        trees: list[MadeTree] = []
        waiting: list[TreePart] = []
        objects = 0
        while True:
            batch: list[TreePart | MadeTree] = yield Work(partial(_take, made), BUILD_COST_BYTES)
            parts = [each for each in batch if isinstance(each, TreePart)]
            trees += [each for each in batch if isinstance(each, MadeTree)]
            objects += len(parts)
            waiting += parts
            for together in _split_into_groups(waiting):
                if batch and together[-1] is waiting[-1]:
                    break  # more may come into its group
                yield from self._store(together)
                del waiting[: len(together)]
            if not batch:
                return trees, objects

    def _store(self, parts: list[TreePart]) -> Steps[None]:
        """Append what is new, then record rows and references in bounded changes."""
        self._unnamed.update(part.id for part in parts)
        new = [NewObject(part.kind, part.id, part.data) for part in parts]
        yield from self._objects.add_grouped(new, GROUP_BYTES)
        left = iter(parts)
        part = next(left, None)
        while part is not None:
            named: list[ObjectId] = []
            rows = 0
            with self._changes.begin() as change:
                while part is not None and rows < CHANGE_ROWS:
                    self._objects.add_parent(change, part.kind, part.data, part.names)
                    named += part.names
                    rows += 1 + len(part.names)
                    part = next(left, None)
            self._unnamed.difference_update(named)
            yield PAUSE

    def _store_root(
        self, view: Snapshot, directory: TreeEntry, labels: tuple[Label, ...], name: bytes
    ) -> ObjectId:
        """Record the root, and let it take the place of the last one.

        Nothing of one whose name has been taken meanwhile comes into a pack: an index made again
        would take it for the snapshot.
        """
        if name:
            require_free_name(self._index, name)
        former = current_root(self._index)
        root = Root(
            time_ns=self._changes.now_ns(),
            operation=view.position,
            last_inode=view.counter("last_inode"),
            logical_bytes=view.counter("logical_bytes"),
            files=view.counter("files"),
            parent=former or b"",
            directory=directory,
            labels=labels,
            name=name,
        )
        data = encode_root(root)
        before = list_state(self._index)  # other than in the view if one was deleted since
        with self._changes.begin() as change:
            names = named_by(ObjectKind.ROOT, data)
            root_id = self._objects.add_parent(change, ObjectKind.ROOT, data, names)
            self._objects.add_reference(change, root_id)
            if former is not None:
                self._objects.drop_reference(change, former)
            if name:
                name_snapshot(change, self._objects, root_id, root)
            change.operation.put(META, ROOT_KEY, RawRecord(root_id))
            if list_state(view) == before:
                change.operation.put(META, LISTED_KEY, RawRecord(root_id))
        return root_id

    def _record_what_can_be(self, trees: list[MadeTree], touched: set[InodeId]) -> Steps[None]:
        """The root is there: directories that do not learn of their trees have them made again."""
        try:
            yield from self._record_trees(trees, touched)
        except CairnError as error:
            _log.warning("the next root will take longer: %s", error)

    def _record_trees(self, trees: list[MadeTree], touched: set[InodeId]) -> Steps[None]:
        """Let the rows of directories name their trees, lower ones first, unless they changed."""
        stale: set[InodeId] = set()
        for start in range(0, len(trees), CHANGE_DIRECTORIES):
            self._add_above(stale, touched)
            with self._changes.begin() as change:
                for directory, tree, _ in trees[start : start + CHANGE_DIRECTORIES]:
                    record = self._inodes.find(directory)
                    if directory not in stale and record is not None and is_directory(record):
                        change.edit(directory).tree = tree
            yield PAUSE

    def _add_above(self, stale: set[InodeId], touched: set[InodeId]) -> None:
        """Add what was touched since the last time, and every directory above."""
        for directory in touched - stale:
            at = directory
            while at and at not in stale:
                stale.add(at)
                record = self._inodes.find(at)
                at = InodeId(record.parent if record is not None else 0)


def _split_into_groups(parts: list[TreePart]) -> list[list[TreePart]]:
    """Which neighbours are stored together."""
    runs = split_into_runs([len(part.data) for part in parts], GROUP_BYTES)
    return [parts[run.start : run.stop] for run in runs]


def _take(made: Iterator[TreePart | MadeTree]) -> list[TreePart | MadeTree]:
    batch: list[TreePart | MadeTree] = []
    size = 0
    for each in islice(made, BATCH_PARTS):
        batch.append(each)
        size += len(each.data) if isinstance(each, TreePart) else 0
        if size >= BATCH_BYTES:
            break
    return batch
