"""The tree of a root, to be read: names, attributes, contents, as they were at that moment.

A directory is known by its entry. The hidden part of the tree is left out.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from fsmodel.errors import NoSuchAttribute, NotADirectory, NotFound, PathRefused
from fsmodel.history.root_format import Root
from fsmodel.history.tree_entry import DIRECTORY, VALUE_INLINE_MAX, TreeEntry, TreeXattr
from fsmodel.history.tree_format import TreeChild
from fsmodel.history.tree_pages import TreePages
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.namespace.system_tree import SYSTEM_NAME
from fsmodel.steps import Steps

BATCH_ENTRIES: Final = 256


class SnapshotTree:
    """Reads one root's tree. Owner: the thread that owns the index."""

    def __init__(self, pages: TreePages, root: Root) -> None:
        self._pages = pages
        self.root = root

    @property
    def top(self) -> TreeEntry:
        """The root directory."""
        return self.root.directory

    def resolve(self, path: bytes) -> Steps[TreeEntry]:
        """The entry at a path from the root, following no symbolic link.

        Raises NotFound, NotADirectory, PathRefused for '..', DataError.
        """
        entry = self.top
        for name in path.split(b"/"):
            if name == b"..":
                raise PathRefused(f"path {path!r} has '..': give the path without it")
            if name not in (b"", b"."):
                entry = yield from self.lookup(entry, name)
        return entry

    def lookup(self, directory: TreeEntry, name: bytes) -> Steps[TreeEntry]:
        """The entry of a name. Raises NotFound, NotADirectory, DataError."""
        found = None
        if not (directory.inode == ROOT_INODE and name == SYSTEM_NAME):
            leaf = yield from self._leaf_of(directory, name)
            at = bisect_left(leaf, name, key=_name_of)
            found = leaf[at] if at < len(leaf) and leaf[at].name == name else None
        if found is None:
            raise NotFound(f"no entry {name!r} in that directory of the snapshot")
        return found

    def entries(self, directory: TreeEntry, after: bytes = b"") -> Steps[list[TreeEntry]]:
        """Some entries behind a name, in the order of names; none at the end.

        Raises NotADirectory, DataError.
        """
        found: list[TreeEntry] = []
        if directory.below is not None:
            found = [entry for entry in directory.below if entry.name > after]
        else:
            yield from self._collect(_tree_of(directory), after, found)
        if directory.inode == ROOT_INODE and any(each.name == SYSTEM_NAME for each in found):
            hidden_last = found[-1].name
            found = [entry for entry in found if entry.name != SYSTEM_NAME]
            if not found:
                return (yield from self.entries(directory, hidden_last))
        return found

    def xattr(self, entry: TreeEntry, name: bytes) -> Steps[bytes]:
        """The value of an extended attribute. Raises NoSuchAttribute, DataError."""
        for xattr in entry.xattrs:
            if xattr.name == name:
                return (yield from self.value_of(xattr))
        raise NoSuchAttribute(f"no attribute {name!r} in the snapshot")

    def value_of(self, xattr: TreeXattr) -> Steps[bytes]:
        """The value of an attribute that an entry lists. Raises DataError."""
        if xattr.size <= VALUE_INLINE_MAX:
            return xattr.value
        return (yield from self._pages.load_bytes(ObjectId(xattr.value)))

    def _leaf_of(self, directory: TreeEntry, name: bytes) -> Steps[Sequence[TreeEntry]]:
        """The leaf that has a name, if any has."""
        if directory.below is not None:
            return directory.below
        page = yield from self._pages.load(_tree_of(directory))
        while page.children:
            at = bisect_left(page.children, name, key=_last_of)
            if at == len(page.children):
                return ()
            page = yield from self._pages.load(page.children[at].id)
        return page.entries

    def _collect(self, page_id: ObjectId, after: bytes, found: list[TreeEntry]) -> Steps[None]:
        """Add entries behind a name, page by page, until there are enough."""
        page = yield from self._pages.load(page_id)
        for child in page.children:
            if child.last > after and len(found) < BATCH_ENTRIES:
                yield from self._collect(child.id, after, found)
        found += [entry for entry in page.entries if entry.name > after]


def is_directory_entry(entry: TreeEntry) -> bool:
    """Whether an entry is a directory's."""
    return entry.mode >> 12 == DIRECTORY


def _tree_of(entry: TreeEntry) -> ObjectId:
    if not entry.tree:
        raise NotADirectory(f"{entry.name!r} is not a directory in the snapshot")
    return ObjectId(entry.tree)


def _name_of(entry: TreeEntry) -> bytes:
    return entry.name


def _last_of(child: TreeChild) -> bytes:
    return child.last
