"""Do the trees that directories name show what is in the directories?

Each is made again, entry by entry, from the rows, and compared with what the packs hold. Access
times may differ, as reading a file does not change the tree of its directory. Small directories
are compared with the tree they are part of, if that shows the present.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import Final, NamedTuple

from fsmodel.errors import DataError
from fsmodel.history.root_format import decode_root
from fsmodel.history.roots import current_root
from fsmodel.history.tree_builder import entry_of
from fsmodel.history.tree_entry import TreeEntry
from fsmodel.history.tree_reader import entries_of_tree
from fsmodel.ids import ROOT_INODE, InodeId, ObjectId
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import name_of, number_key, number_of
from lmdb_index.schema import DIRENT, INODE

DIRECTORY: Final = 0o040000 >> 12

LoadObject = Callable[[ObjectId], bytes]


class WrongTree(NamedTuple):
    """A directory that must not name the tree it names."""

    directory: InodeId
    text: str


def check_trees(view: IndexView, load: LoadObject) -> Iterator[Finding]:
    """Look at the tree of every directory that names one."""
    return (Finding(Part.TREES, wrong.text) for wrong in wrong_trees(view, load))


def wrong_trees(view: IndexView, load: LoadObject) -> Iterator[WrongTree]:
    """Every directory whose tree does not show it."""
    yield from _check_root(view, load)
    for key, record in view.scan(INODE):
        if record.mode >> 12 == DIRECTORY and record.nlink and record.tree:
            yield from _check_directory(view, number_of(key), ObjectId(record.tree), load)


def _check_root(view: IndexView, load: LoadObject) -> Iterator[WrongTree]:
    record, root_id = view.get(INODE, number_key(ROOT_INODE)), current_root(view)
    if record is None or not record.tree:
        return
    if root_id is None:
        yield WrongTree(ROOT_INODE, "the root directory names a tree, but there is no root")
        return
    try:
        shown = decode_root(load(root_id)).directory
    except DataError as error:
        yield WrongTree(ROOT_INODE, f"root {root_id.hex()} cannot be read: {error}")
        return
    entry, _ = entry_of(view, b"", ROOT_INODE, 0, record, first=True)
    if entry != shown._replace(atime_ns=entry.atime_ns):
        text = f"root {root_id.hex()} does not show the root directory as it is"
        yield WrongTree(ROOT_INODE, text)


def _check_directory(
    view: IndexView, directory: int, tree: ObjectId, load: LoadObject
) -> Iterator[WrongTree]:
    """Compare one directory up to the first difference."""
    try:
        name = _first_difference(view, directory, entries_of_tree(load, tree))
    except DataError as error:
        text = f"tree {tree.hex()} of directory {directory} cannot be read: {error}"
        yield WrongTree(InodeId(directory), text)
    else:
        if name is not None:
            text = f"tree {tree.hex()} of directory {directory} does not show {name!r} as it is"
            yield WrongTree(InodeId(directory), text)


def _first_difference(view: IndexView, directory: int, shown: Iterable[TreeEntry]) -> bytes | None:
    """The first name, in a directory or what is inlined below it, of which more than atime differs.

    What is shown, which cannot be deep, decides how deep it looks.
    """
    for present, other in zip_longest(_entries(view, directory), shown):
        if present is None or other is None:
            return next(each.name for each in (present, other) if each is not None)
        if present != other._replace(atime_ns=present.atime_ns, below=None):
            return present.name
        if other.below is not None:
            name = _first_difference(view, present.inode, other.below)
            if name is not None:
                return name
    return None


def _entries(view: IndexView, directory: int) -> Iterator[TreeEntry]:
    """What the tree of a directory must show. An entry without an inode is others' to report."""
    for key, dirent in view.scan_prefix(DIRENT, number_key(directory)):
        record = view.get(INODE, number_key(dirent.inode))
        if record is not None:
            first = (record.parent, record.cookie) == (directory, dirent.cookie)
            entry, _ = entry_of(
                view, name_of(key), dirent.inode, dirent.cookie, record, first=first
            )
            yield entry
