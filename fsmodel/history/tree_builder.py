"""Makes the tree pages of directories that have changed, from a view of the index.

A directory's row says which tree equals it, and nothing once it has changed; then the rows of all
directories above say nothing either. So changed directories are found from the root downwards
without looking at any other, and each is made after those below it. Memory: the directories on the
way to the present one with their changed subdirectories, and one page of each level.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from fsmodel.content.content_ref import EMPTY
from fsmodel.encoding.hashing import object_id
from fsmodel.history.reads_rows import ReadsRows
from fsmodel.history.tree_format import (
    FIRST_PLACE,
    TREE_PAGE_BYTES,
    VALUE_INLINE_MAX,
    TreeChild,
    TreeEntry,
    TreeXattr,
    encode_tree_leaf,
    encode_tree_node,
    ends_tree_page,
    heaviness,
    objects_of_entry,
    split_into_nodes,
)
from fsmodel.ids import ROOT_INODE, ContentRef, InodeId, ObjectId
from fsmodel.store.pack_format import ObjectKind
from lmdb_index.keys import name_of, number_key
from lmdb_index.records import DirentRecord, InodeFlag, InodeRecord
from lmdb_index.schema import DIRENT, INODE, XATTR

DIRECTORY: Final = 0o040000 >> 12
IMPLIED_FLAGS: Final = InodeFlag.HAS_XATTRS  # what other fields of an entry say already


@dataclass(frozen=True, slots=True)
class TreePart:
    """An object to be stored: a page, or the long value of an attribute."""

    kind: ObjectKind
    id: ObjectId
    data: bytes
    names: tuple[ObjectId, ...]  # all of them stored already, or made before it


class MadeTree(NamedTuple):
    """A directory whose pages have all been made, and the id of the first one."""

    directory: InodeId
    tree: ObjectId


def entry_of(
    rows: ReadsRows, name: bytes, inode: int, cookie: int, record: InodeRecord, *, first: bool
) -> tuple[TreeEntry, list[TreePart]]:
    """An entry as a tree shows it, and the values of attributes that are objects of their own."""
    xattrs, parts = _xattrs_of(rows, inode, record)
    entry = TreeEntry(
        name=name,
        inode=inode,
        cookie=cookie,
        mode=record.mode,
        uid=record.uid,
        gid=record.gid,
        nlink=record.nlink,
        flags=record.flags & ~IMPLIED_FLAGS | (FIRST_PLACE if first else 0),
        rdev=record.rdev,
        size=record.size,
        content_size=record.content_size,
        next_cookie=record.next_cookie,
        mtime_ns=record.mtime_ns,
        ctime_ns=record.ctime_ns,
        atime_ns=record.atime_ns,
        birth_ns=record.birth_ns,
        content=ContentRef(record.content) if record.content else EMPTY,
        tree=record.tree,
        target=record.target,
        xattrs=xattrs,
    )
    return entry, parts


class TreeBuilder:
    """Makes the pages of every directory that has changed. Any thread may, one at a time."""

    def __init__(self, rows: ReadsRows) -> None:
        """`rows` must not change meanwhile."""
        self._rows = rows
        self._made: dict[int, ObjectId] = {}  # trees not yet in the page of the directory above

    def parts(self) -> Iterator[TreePart | MadeTree]:
        """Every object the new trees need, each behind those it names."""
        if self._record(ROOT_INODE).tree:
            return
        stack = [(int(ROOT_INODE), False)]
        while stack:
            directory, seen = stack.pop()
            if seen:
                yield from self._pages(directory)
            else:
                stack.append((directory, True))
                stack += [(changed, False) for changed in self._changed_below(directory)]

    def root_entry(self) -> tuple[TreeEntry, list[TreePart]]:
        """The root directory, once all parts have been made."""
        record = self._record(ROOT_INODE)
        record.tree = self._made.pop(ROOT_INODE, record.tree)
        return entry_of(self._rows, b"", ROOT_INODE, 0, record, first=True)

    def _changed_below(self, directory: int) -> Iterator[int]:
        """The subdirectories whose trees have to be made."""
        if self._record(directory).nlink <= 2:  # no subdirectory
            return
        for _, dirent in self._rows.scan_prefix(DIRENT, number_key(directory)):
            if dirent.kind == DIRECTORY and not self._record(dirent.inode).tree:
                yield dirent.inode

    def _pages(self, directory: int) -> Iterator[TreePart | MadeTree]:
        """All pages of one directory."""
        children: list[TreeChild] = []
        for made in self._leaves(directory):
            if isinstance(made, TreeChild):
                children.append(made)
            else:
                yield made
        level = 0
        while len(children) > 1:
            level += 1
            above = []
            for nodes in split_into_nodes(children, level):
                part = _page(encode_tree_node(level, nodes), [node.id for node in nodes])
                yield part
                entries = sum(node.entries for node in nodes)
                above.append(TreeChild(part.id, entries, nodes[-1].last))
            children = above
        self._made[directory] = children[0].id
        yield MadeTree(InodeId(directory), children[0].id)

    def _leaves(self, directory: int) -> Iterator[TreePart | TreeChild]:
        """The leaves of one directory, each followed by what the page above says of it."""
        page: list[TreeEntry] = []
        weight, made = 0, False
        for key, dirent in self._rows.scan_prefix(DIRENT, number_key(directory)):
            entry, values = self._entry(directory, name_of(key), dirent)
            yield from values
            page.append(entry)
            weight += heaviness(entry)
            if weight >= TREE_PAGE_BYTES or ends_tree_page(entry.name, 0, len(page)):
                yield from _leaf(page)
                page, weight, made = [], 0, True
        if page or not made:
            yield from _leaf(page)

    def _entry(
        self, directory: int, name: bytes, dirent: DirentRecord
    ) -> tuple[TreeEntry, list[TreePart]]:
        record = self._record(dirent.inode)
        if dirent.kind == DIRECTORY and not record.tree:
            record.tree = self._made.pop(dirent.inode)
        first = (record.parent, record.cookie) == (directory, dirent.cookie)
        return entry_of(self._rows, name, dirent.inode, dirent.cookie, record, first=first)

    def _record(self, inode: int) -> InodeRecord:
        record = self._rows.get(INODE, number_key(inode))
        assert record is not None, f"inode {inode} has a name and no row"
        return record


def _xattrs_of(
    rows: ReadsRows, inode: int, record: InodeRecord
) -> tuple[tuple[TreeXattr, ...], list[TreePart]]:
    """The attributes of an inode, and the objects that hold the long ones."""
    if not record.flags & InodeFlag.HAS_XATTRS:
        return (), []
    xattrs, parts = [], []
    for key, row in rows.scan_prefix(XATTR, number_key(inode)):
        value = row.value
        if len(row.value) > VALUE_INLINE_MAX:
            value = object_id(row.value)
            parts.append(TreePart(ObjectKind.CHUNK, value, row.value, ()))
        xattrs.append(TreeXattr(name_of(key), len(row.value), value))
    return tuple(xattrs), parts


def _leaf(entries: Sequence[TreeEntry]) -> Iterator[TreePart | TreeChild]:
    named = [each for entry in entries for each in objects_of_entry(entry)]
    part = _page(encode_tree_leaf(entries), named)
    yield part
    yield TreeChild(part.id, len(entries), entries[-1].name if entries else b"")


def _page(data: bytes, named: Sequence[ObjectId]) -> TreePart:
    return TreePart(ObjectKind.TREE, object_id(data), data, tuple(named))
