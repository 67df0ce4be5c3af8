"""The pages that a directory had, and which of them the next tree can have again.

Where a leaf ends depends on the entries from its beginning on, and on nothing else. So a new leaf
that begins where a former one began, and would have the same entries, is that former one; behind a
leaf that had to be made again, all is as it was from the first end that both trees have.

Of a leaf that is made again most entries are as they were, too: they are taken from it. Their
inodes can lie anywhere in the index, so that to read each would be to unpack a block for each.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence

from fsmodel.history.reads_rows import ReadsRows
from fsmodel.history.tree_entry import TreeEntry
from fsmodel.history.tree_format import TreeChild, decode_tree_node, tree_level_of
from fsmodel.history.tree_leaf import decode_tree_leaf
from fsmodel.history.tree_pages import TreePages
from fsmodel.ids import InodeId, ObjectId
from fsmodel.large_folders import FolderChanges
from fsmodel.steps import Steps
from lmdb_index.keys import pair_key
from lmdb_index.schema import DIRENT_ORDER


class FormerPages:
    """The leaves of a directory's former tree, and what has changed since."""

    def __init__(
        self,
        leaves: Sequence[TreeChild],
        changes: FolderChanges,
        changed: Sequence[bytes],
    ) -> None:
        """`changed` are the names of all entries that are others now, in order."""
        self.changes = changes
        self.entries = sum(leaf.entries for leaf in leaves)
        self._leaves = leaves
        self._lasts = [leaf.last for leaf in leaves]
        self._changed = changed
        self._others = frozenset(changed)
        self._pages: dict[ObjectId, bytes] = {}
        self._opened: tuple[ObjectId, Mapping[bytes, TreeEntry]] = (ObjectId(b""), {})

    def kept_behind(self, last: bytes) -> Sequence[TreeChild]:
        """The leaves that can follow a page which ends with a name, empty for the first page."""
        changed = self._changed
        start = bisect_left(self._lasts, last) if last else -1
        if last and self._lasts[start : start + 1] != [last]:
            return ()
        at = bisect_right(changed, last) if last else 0
        if at == len(changed):
            return self._leaves[start + 1 :]
        return self._leaves[start + 1 : place_of(self._lasts, changed[at])]

    def ends_behind(self, name: bytes) -> Iterator[bytes]:
        """The last names of leaves that end behind a name, but for the last leaf, in order."""
        for at in range(bisect_right(self._lasts, name), len(self._lasts) - 1):
            yield self._lasts[at]

    def entry(self, name: bytes, inode: int, cookie: int) -> TreeEntry | None:
        """The entry with this name if it is as it was, and known. Raises FrameCorrupt."""
        if name in self._others:
            return None
        leaf = self._leaves[place_of(self._lasts, name)].id
        if leaf not in self._pages:
            return None
        if self._opened[0] != leaf:
            entries = decode_tree_leaf(self._pages[leaf])
            self._opened = leaf, {entry.name: entry for entry in entries}
        entry = self._opened[1].get(name)
        is_same = entry is not None and (entry.inode, entry.cookie) == (inode, cookie)
        return entry if is_same else None

    @property
    def changed_leaves(self) -> list[ObjectId]:
        """The leaves that such names belong into."""
        places = sorted({place_of(self._lasts, name) for name in self._changed})
        return [self._leaves[place].id for place in places]

    def add_page(self, leaf: ObjectId, page: bytes) -> None:
        """Let the entries of a leaf be known. Without this, those around a change are read."""
        self._pages[leaf] = page


def place_of(lasts: Sequence[bytes], name: bytes) -> int:
    """The place of the leaf that a name belongs into, of leaves with these last names.

    The last leaf ended because the directory did: whatever is behind it belongs to it.
    """
    return min(bisect_left(lasts, name), len(lasts) - 1)


def changed_names(rows: ReadsRows, directory: InodeId, changes: FolderChanges) -> list[bytes]:
    """The names of all entries that are others now, in order."""
    keys = (pair_key(directory, cookie) for cookie in changes.cookies)
    found = {row.name for key in keys if (row := rows.get(DIRENT_ORDER, key)) is not None}
    return sorted(found | changes.names)


def leaves_of(pages: TreePages, tree: ObjectId) -> Steps[list[TreeChild]]:
    """The leaves of a tree, in order; none of an empty one. Raises DataError."""
    page = yield from pages.load_bytes(tree)
    level = tree_level_of(page)
    if not level:
        entries = decode_tree_leaf(page)
        return [TreeChild(tree, len(entries), entries[-1].name)] if entries else []
    children = decode_tree_node(page)
    for _ in range(level - 1):
        below: list[TreeChild] = []
        for child in children:
            below += decode_tree_node((yield from pages.load_bytes(child.id)))
        children = below
    return children
