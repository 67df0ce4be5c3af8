"""The pages that a large directory had, and which of them the next tree can have again.

Where a leaf ends depends on the entries from its beginning on, and on nothing else. So a new leaf
that begins where a former one began, and would have the same entries, is that former one; behind a
leaf that had to be made again, all is as it was from the first end that both trees have.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from fsmodel.history.reads_rows import ReadsRows
from fsmodel.history.tree_format import TreeChild, decode_tree_node, tree_level_of
from fsmodel.history.tree_pages import TreePages
from fsmodel.ids import InodeId, ObjectId
from fsmodel.large_folders import FolderChanges
from fsmodel.steps import Steps
from lmdb_index.keys import pair_key
from lmdb_index.schema import DIRENT_ORDER


class FormerPages:
    """The leaves of a directory's former tree, and what has changed since."""

    def __init__(self, leaves: Sequence[TreeChild], changes: FolderChanges) -> None:
        self.changes = changes
        self.entries = sum(leaf.entries for leaf in leaves)
        self._leaves = leaves
        self._lasts = [leaf.last for leaf in leaves]

    def names(self, rows: ReadsRows, directory: InodeId) -> list[bytes]:
        """The names of all entries that are others now, in order."""
        keys = (pair_key(directory, cookie) for cookie in self.changes.cookies)
        found = {row.name for key in keys if (row := rows.get(DIRENT_ORDER, key)) is not None}
        return sorted(found | self.changes.names)

    def kept_behind(self, last: bytes, changed: Sequence[bytes]) -> Sequence[TreeChild]:
        """The leaves that can follow a page which ends with a name, empty for the first page.

        `changed` are the names of all entries that are others now, in order.
        """
        start = bisect_left(self._lasts, last) if last else -1
        if last and self._lasts[start : start + 1] != [last]:
            return ()
        at = bisect_right(changed, last) if last else 0
        if at == len(changed):
            return self._leaves[start + 1 :]
        # The last leaf ended because the directory did: whatever is behind it belongs to it.
        stop = min(bisect_left(self._lasts, changed[at]), len(self._leaves) - 1)
        return self._leaves[start + 1 : stop]


def leaves_of(pages: TreePages, tree: ObjectId) -> Steps[list[TreeChild]]:
    """The leaves of a tree that has more than one, in order; else none. Raises DataError."""
    page = yield from pages.load_bytes(tree)
    level = tree_level_of(page)
    children = decode_tree_node(page) if level else []
    for _ in range(level - 1):
        below: list[TreeChild] = []
        for child in children:
            below += decode_tree_node((yield from pages.load_bytes(child.id)))
        children = below
    return children
