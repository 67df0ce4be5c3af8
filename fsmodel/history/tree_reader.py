"""Reads trees: the entries of a directory, in the order of their names."""

from collections.abc import Callable, Iterator

from fsmodel.errors import FrameCorrupt
from fsmodel.history.tree_entry import TreeEntry
from fsmodel.history.tree_format import decode_tree_node, tree_level_of
from fsmodel.history.tree_leaf import decode_tree_leaf
from fsmodel.ids import ObjectId

LoadTree = Callable[[ObjectId], bytes]


def entries_of_tree(load: LoadTree, tree: ObjectId) -> Iterator[TreeEntry]:
    """All entries of a directory. One page of each level is in memory. Raises DataError."""
    page = load(tree)
    yield from _entries_in(load, tree, page, tree_level_of(page))


def _entries_in(load: LoadTree, page_id: ObjectId, page: bytes, level: int) -> Iterator[TreeEntry]:
    if tree_level_of(page) != level:
        raise FrameCorrupt("tree page", f"{page_id.hex()} is not of level {level}")
    if level == 0:
        yield from decode_tree_leaf(page)
        return
    for child in decode_tree_node(page):
        yield from _entries_in(load, child.id, load(child.id), level - 1)
