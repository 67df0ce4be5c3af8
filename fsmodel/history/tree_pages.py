"""Decoded tree pages, kept in memory while they are in use.

Pages are read as contents are: what the host has in memory at once, all else in a worker. Memory
is bounded by the number of entries that are kept.
"""

from collections import OrderedDict
from functools import partial
from typing import Final, NamedTuple

from fsmodel.history.tree_entry import TreeEntry, placed
from fsmodel.history.tree_format import TreeChild, decode_tree_node, tree_level_of
from fsmodel.history.tree_leaf import decode_tree_leaf
from fsmodel.ids import ObjectId
from fsmodel.steps import Steps, Work
from fsmodel.store.objects import ObjectStore

KEPT_ITEMS_MAX: Final = 20_000  # about a kilobyte each


class DecodedPage(NamedTuple):
    """What a page lists: entries if it is a leaf, else pages of the level below."""

    entries: list[TreeEntry]
    children: list[TreeChild]


class TreePages:
    """Reads tree pages through a bounded cache. Owner: the thread that owns the index."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._kept: OrderedDict[ObjectId, tuple[DecodedPage, int]] = OrderedDict()
        self._items = 0

    def load(self, page: ObjectId) -> Steps[DecodedPage]:
        """What a page lists. Raises DataError."""
        kept = self._kept.get(page)
        if kept is not None:
            self._kept.move_to_end(page)
            return kept[0]
        decoded = _decoded((yield from self.load_bytes(page)))
        self._keep(page, decoded)
        return decoded

    def load_bytes(self, wanted: ObjectId) -> Steps[bytes]:
        """The bytes of an object. Raises DataError."""
        data = self._objects.cached(wanted)
        if data is None:
            located = self._objects.locate(wanted)
            data = self._objects.read_nowait(located)
            if data is None:
                data = yield Work(partial(self._objects.read, located), located.work_bytes)
        return bytes(data)

    def _keep(self, page: ObjectId, decoded: DecodedPage) -> None:
        if page in self._kept:  # read twice at a time
            return
        items = len(placed(decoded.entries)) + len(decoded.children)
        self._kept[page] = decoded, items
        self._items += items
        while self._items > KEPT_ITEMS_MAX and len(self._kept) > 1:
            _, (_, dropped) = self._kept.popitem(last=False)
            self._items -= dropped


def _decoded(page: bytes) -> DecodedPage:
    if tree_level_of(page):
        return DecodedPage([], decode_tree_node(page))
    return DecodedPage(decode_tree_leaf(page), [])
