"""Which objects an object names: the one place that knows this for every kind."""

from collections.abc import Callable
from typing import Final

from fsmodel.content.manifest import named_objects
from fsmodel.history.root_format import objects_of_root
from fsmodel.history.tree_leaf import objects_of_tree
from fsmodel.ids import ObjectId
from fsmodel.store.pack_format import ObjectKind

_NAMED_BY: Final[dict[int, Callable[[bytes], list[ObjectId]]]] = {
    ObjectKind.MANIFEST: named_objects,
    ObjectKind.TREE: objects_of_tree,
    ObjectKind.ROOT: objects_of_root,
}
PARENT_KINDS: Final = frozenset(_NAMED_BY)  # kinds of objects that may name others


def named_by(kind: int, data: bytes) -> list[ObjectId]:
    """Every object that an object of this kind counts as a reference to, once for each reference.

    A parent's references exist as long as its row does: whoever writes the first row of a parent
    adds them (ObjectStore.add_parent), whoever deletes it drops them (GC), and fsck and
    rebuild-index count them again. The base of a delta and the parent of a root are not among
    them. Raises FrameCorrupt when the data is no object of this kind.
    """
    named = _NAMED_BY.get(kind)
    return named(data) if named is not None else []
