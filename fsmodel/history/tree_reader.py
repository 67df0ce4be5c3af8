"""Reads trees: the entries of a directory, in the order of their names."""

from collections.abc import Callable, Iterator

from fsmodel.errors import FrameCorrupt
from fsmodel.history.tree_format import (
    TreeEntry,
    decode_tree_leaf,
    decode_tree_node,
    tree_level_of,
)
from fsmodel.ids import ObjectId

LoadTree = Callable[[ObjectId], bytes]


def entries_of_tree(load: LoadTree, tree: ObjectId) -> Iterator[TreeEntry]:
    """All entries of a directory. One page of each level is in memory. Raises DataError."""
    page = load(tree)
    level = tree_level_of(page)
    if level == 0:
        yield from decode_tree_leaf(page)
        return
    for child in decode_tree_node(page):
        yield from _entries_below(load, child.id, level - 1)


def _entries_below(load: LoadTree, page_id: ObjectId, level: int) -> Iterator[TreeEntry]:
    page = load(page_id)
    if tree_level_of(page) != level:
        raise FrameCorrupt("tree page", f"{page_id.hex()} is not of level {level}")
    if level == 0:
        yield from decode_tree_leaf(page)
        return
    for child in decode_tree_node(page):
        yield from _entries_below(load, child.id, level - 1)
