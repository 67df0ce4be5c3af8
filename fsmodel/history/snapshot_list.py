"""The tree in which a root lists all other snapshots.

It is a tree like a directory's, whose entries are snapshots. Where the last root told of all that
there are, the next one's list is the same, with that root itself if it is a snapshot: so one leaf
is made again, however many there are. A row of the table meta says that this is so. It goes when a
snapshot is deleted or mended, and is not there in an index that was made from the packs; then the
list is made from all rows.
"""

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from typing import Final

from fsmodel.errors import DataError
from fsmodel.history.former_pages import leaves_of
from fsmodel.history.reads_rows import ReadsRows
from fsmodel.history.root_format import SNAPSHOTS_LABEL, decode_root
from fsmodel.history.snapshots import all_snapshots, listed_snapshot
from fsmodel.history.tree_builder import ListedPages, TreePart
from fsmodel.history.tree_entry import TreeEntry
from fsmodel.history.tree_format import TreeChild
from fsmodel.history.tree_pages import TreePages
from fsmodel.ids import ObjectId
from fsmodel.steps import Steps, Work
from fsmodel.store.objects import ObjectStore
from lmdb_index.index import Index
from lmdb_index.meta import LISTED_KEY
from lmdb_index.records import RawRecord
from lmdb_index.schema import META, SNAPSHOT
from lmdb_index.snapshot import Snapshot

LIST_COST_BYTES: Final = 1 << 20  # never worth doing on the owner thread

MadeList = tuple[list[TreePart], ObjectId | None]  # new pages, and the first of all pages


class SnapshotList:
    """Makes the list for the next root. Owner: the thread that owns the index."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._pages = TreePages(objects)

    def make(self, rows: ReadsRows, last: ObjectId | None) -> Steps[MadeList]:
        """What a root behind `last` names as the list of all snapshots; None without any."""
        told = rows.get(META, LISTED_KEY)
        if last is not None and told is not None and told.value == last:
            try:
                return (yield from self._continued(last))
            except (DataError, _DamagedLeaf):
                pass  # made anew, which heals it
        made: MadeList = yield Work(partial(_of_all, rows), LIST_COST_BYTES)
        return made

    def _continued(self, last: ObjectId) -> Steps[MadeList]:
        """The list of the last root, and that root itself. Raises DataError, _DamagedLeaf."""
        root = decode_root((yield from self._pages.load_bytes(last)))
        tree = root.labelled(SNAPSHOTS_LABEL)
        leaves = [] if tree is None else (yield from leaves_of(self._pages, tree))
        if any(self._objects.is_damaged(leaf.id) for leaf in leaves):
            raise _DamagedLeaf
        if not root.name:
            return [], tree
        return (yield from self._with(leaves, listed_snapshot(root.name, last)))

    def _with(self, leaves: Sequence[TreeChild], new: TreeEntry) -> Steps[MadeList]:
        """A list with one entry more: leaves are made again up to where a former one ends."""
        lasts = [leaf.last for leaf in leaves]
        at = min(bisect_left(lasts, new.name), max(0, len(leaves) - 1))
        pages, entries = ListedPages(leaves[:at]), [new]
        while at < len(leaves):
            known = yield from self._pages.load(leaves[at].id)
            entries += known.entries
            yield Work(partial(pages.add_all, sorted(entries, key=_name_of)), LIST_COST_BYTES)
            at, entries = at + 1, []
            if pages.is_between:
                break
        pages.add_all(entries)
        return pages.finish(leaves[at:])


def list_state(rows: Index | Snapshot) -> tuple[int, RawRecord | None]:
    """Something that is another whenever a snapshot is deleted or mended."""
    return rows.count(SNAPSHOT), rows.get(META, LISTED_KEY)


class _DamagedLeaf(Exception):
    """A page of the list is known to be damaged."""


def _of_all(rows: ReadsRows) -> MadeList:
    """The list made from the rows of all snapshots."""
    pages = ListedPages(())
    pages.add_all(listed_snapshot(each.name, each.root) for each in all_snapshots(rows))
    return pages.finish(()) if pages.has_any else ([], None)


def _name_of(entry: TreeEntry) -> bytes:
    return entry.name
