"""Makes the tree pages of directories that have changed, from a view of the index.

A directory's row says which tree equals it, and nothing once it has changed; then the rows of all
directories above say nothing either. So changed directories are found from the root downwards, and
each is made after those below it. Small ones become part of the page above; rows say nothing of
these, so they are read again with that page whether they have changed or not, which costs little.

Of a directory whose former tree is known (large_folders.py), only pages with changed entries are
made again, and the others, whose entries are not even read, are taken from that tree; and so are,
in a page that is made again, the entries that have not changed. The pages are the same either way,
but for access times, which an entry shows as they were when it or another one was read.

Inodes are packed in the order of their numbers, and entries come in that of their names. So the
inodes of many entries are read together, by their numbers: one by one, each would cost what
unpacking hundreds costs.

Memory: for each directory on the way to the present one, a page of entries, the inodes that are
read ahead, and what nodes say of the pages before.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple

from fsmodel.content.content_ref import EMPTY
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import FrameCorrupt
from fsmodel.history.former_pages import FormerPages
from fsmodel.history.reads_rows import ReadsRows
from fsmodel.history.tree_entry import (
    DIRECTORY,
    FIRST_PLACE,
    NO_ENTRY,
    VALUE_INLINE_MAX,
    TreeEntry,
    TreeXattr,
    heaviness,
    is_inlined,
    placed,
)
from fsmodel.history.tree_format import (
    TREE_PAGE_BYTES,
    TreeChild,
    encode_tree_node,
    ends_tree_page,
    split_into_nodes,
)
from fsmodel.history.tree_leaf import encode_tree_leaf, objects_of_entries
from fsmodel.ids import ROOT_INODE, ContentRef, InodeId, ObjectId
from fsmodel.store.pack_format import ObjectKind
from lmdb_index.keys import after_prefix, name_of, named_key, number_key
from lmdb_index.records import DirentRecord, InodeFlag, InodeRecord
from lmdb_index.schema import DIRENT, INODE, XATTR

READ_AHEAD_MIN: Final = 64  # entries whose inodes are read together, in the beginning
READ_AHEAD_MAX: Final = 16_384  # and in the end: some 10 MB
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
    size: int  # entries, as its inode says


class FormerPagesWrong(Exception):
    """The former pages of a directory cannot have been its own: a mistake of ours."""


def entry_of(
    rows: ReadsRows, name: bytes, inode: int, cookie: int, record: InodeRecord, *, first: bool
) -> tuple[TreeEntry, list[TreePart]]:
    """An entry as a tree shows it, and the values of attributes that are objects of their own.

    What is below a directory without a tree is left out.
    """
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


class _Row(NamedTuple):
    """An entry as the index has it, or as a former page did if it has not changed."""

    name: bytes
    dirent: DirentRecord
    record: InodeRecord | None
    former: TreeEntry | None


@dataclass(slots=True)
class _Directory:
    """A directory whose entries are being read."""

    own: TreeEntry  # its entry in the directory above, without a tree
    rows: Iterator[_Row]
    former: FormerPages | None = None
    page: list[TreeEntry] = field(default_factory=list)
    items: int = 0  # in the page, those below its entries included
    weight: int = 0
    children: list[TreeChild] = field(default_factory=list)  # the pages before

    def add(self, entry: TreeEntry, items: int = 0, weight: int = 0) -> bool:
        """Put an entry with these below it into the page; tell whether the page ends behind it."""
        self.page.append(entry)
        self.items += 1 + items
        self.weight += heaviness(entry) + weight
        full = self.weight >= TREE_PAGE_BYTES
        return full or ends_tree_page(entry.name, 0, self.items, 1 + items)

    def end_page(self) -> TreePart:
        """The leaf that lists the entries of the page; the next page begins."""
        part = _page(encode_tree_leaf(self.page), objects_of_entries(self.page))
        last = self.page[-1].name if self.page else b""
        self.children.append(TreeChild(part.id, len(self.page), last))
        self.page, self.items, self.weight = [], 0, 0
        return part

    def keep_former_pages(self) -> bytes:
        """At the beginning of a page: take what the former tree has there, if it is the same.

        Returns the name behind which entries are to be read on; empty when nothing was taken.
        """
        if self.former is None or self.page:
            return b""
        last = self.children[-1].last if self.children else b""
        kept = self.former.kept_behind(last)
        self.children += kept
        return kept[-1].last if kept else b""

    @property
    def lacks_entries(self) -> bool:
        """Whether, with former pages, there are not as many entries as there ought to be."""
        if self.former is None:
            return False
        gained = self.own.size - self.former.changes.size
        return sum(child.entries for child in self.children) != self.former.entries + gained

    @property
    def is_inlined(self) -> bool:
        """Whether, all entries read, it needs no page of its own."""
        whole = not self.children and len(self.page) == self.own.size
        return whole and is_inlined(self.items, self.weight)


class TreeBuilder:
    """Makes the pages of every directory that has changed. Any thread may, one at a time."""

    def __init__(
        self, rows: ReadsRows, former: Mapping[InodeId, FormerPages] | None = None
    ) -> None:
        """`rows` must not change meanwhile; `former` pages of large directories may be known."""
        self._rows = rows
        self._former = former or {}
        self._root: TreeEntry | None = None

    def parts(self) -> Iterator[TreePart | MadeTree]:
        """Every object the new trees need, each behind those it names. Raises FormerPagesWrong."""
        record = self._record(ROOT_INODE)
        entry, values = entry_of(self._rows, b"", ROOT_INODE, 0, record, first=True)
        yield from values
        if entry.tree:
            self._root = entry
            return
        stack = [self._opened(entry)]
        while stack:
            below = yield from self._read_on(stack[-1])
            if below is not None:
                stack.append(below)
                continue
            directory = stack.pop()
            yield from self._finish(directory, stack[-1] if stack else None)

    @property
    def root_entry(self) -> TreeEntry:
        """The root directory, once all parts have been made."""
        assert self._root is not None
        return self._root

    def _read_on(self, directory: _Directory) -> Generator[TreePart, None, _Directory | None]:
        """Read entries up to a directory to be read before this goes on; None at the end."""
        self._keep_former_pages(directory)
        while (row := next(directory.rows, None)) is not None:
            name, dirent, record, former = row
            items = weight = 0
            if former is not None:
                entry = former
                items, weight = _amount_below(former)
            else:
                assert record is not None
                first = (record.parent, record.cookie) == (directory.own.inode, dirent.cookie)
                entry, values = entry_of(
                    self._rows, name, dirent.inode, dirent.cookie, record, first=first
                )
                yield from values
                if dirent.kind == DIRECTORY and not entry.tree:
                    return self._opened(entry)
            if directory.add(entry, items, weight):
                yield directory.end_page()
                self._keep_former_pages(directory)
        return None

    def _keep_former_pages(self, directory: _Directory) -> None:
        behind = directory.keep_former_pages()
        if behind:
            directory.rows = self._entries(directory.own, directory.former, behind)

    def _finish(
        self, directory: _Directory, above: _Directory | None
    ) -> Iterator[TreePart | MadeTree]:
        """All entries have been read: make the last pages, and add the entry to those above."""
        if above is not None and directory.is_inlined:
            entry = directory.own._replace(below=tuple(directory.page))
            if above.add(entry, directory.items, directory.weight):
                yield above.end_page()
            return
        if directory.page or not directory.children:
            yield directory.end_page()
        if directory.lacks_entries:
            raise FormerPagesWrong(f"directory {directory.own.inode} has not had these pages")
        tree = yield from _nodes(directory.children)
        entry = directory.own._replace(tree=tree)
        yield MadeTree(InodeId(entry.inode), tree, entry.size)
        if above is None:
            self._root = entry
        elif above.add(entry):
            yield above.end_page()

    def _opened(self, own: TreeEntry) -> _Directory:
        inode = InodeId(own.inode)
        former = self._former.get(inode)
        return _Directory(own, self._entries(own, former), former)

    def _entries(
        self, own: TreeEntry, former: FormerPages | None, behind: bytes = b""
    ) -> Iterator[_Row]:
        """The entries of a directory behind a name. No inode of a page that may be kept is read."""
        start = named_key(own.inode, behind) + b"\0" if behind else number_key(own.inode)
        for last in former.ends_behind(behind) if former is not None else ():
            stop = named_key(own.inode, last) + b"\0"
            yield from self._entries_between(former, start, stop)
            start = stop
        yield from self._entries_between(former, start, after_prefix(number_key(own.inode)))

    def _entries_between(
        self, former: FormerPages | None, start: bytes, stop: bytes | None
    ) -> Iterator[_Row]:
        rows = self._rows.scan(DIRENT, start, stop)
        ahead = READ_AHEAD_MIN if former is None else READ_AHEAD_MAX
        while batch := list(islice(rows, ahead)):
            named = [(name_of(key), dirent) for key, dirent in batch]
            known = [_former_entry(former, name, dirent) for name, dirent in named]
            pairs = zip(named, known, strict=True)
            records = self._records(pair[1].inode for pair, entry in pairs if entry is None)
            for (name, dirent), entry in zip(named, known, strict=True):
                yield _Row(name, dirent, records.get(dirent.inode), entry)
            ahead = min(2 * ahead, READ_AHEAD_MAX)

    def _records(self, inodes: Iterable[int]) -> dict[int, InodeRecord]:
        return {inode: self._record(inode) for inode in sorted(inodes)}

    def _record(self, inode: int) -> InodeRecord:
        record = self._rows.get(INODE, number_key(inode))
        assert record is not None, f"inode {inode} has a name and no row"
        return record


class ListedPages:
    """The pages of a tree that is told all of its entries, in the order of their names."""

    def __init__(self, before: Sequence[TreeChild]) -> None:
        """Leaves that come before all that will be added stay as they are."""
        self._directory = _Directory(NO_ENTRY, iter(()), children=list(before))
        self._parts: list[TreePart] = []

    def add_all(self, entries: Iterable[TreeEntry]) -> None:
        """Put entries behind those that are there."""
        for entry in entries:
            if self._directory.add(entry):
                self._parts.append(self._directory.end_page())

    @property
    def is_between(self) -> bool:
        """Whether the last entry that was added has ended a leaf."""
        return not self._directory.page

    @property
    def has_any(self) -> bool:
        """Whether there is anything in it."""
        return bool(self._directory.page or self._directory.children)

    def finish(self, behind: Sequence[TreeChild]) -> tuple[list[TreePart], ObjectId]:
        """All pages that were made, and the id of the first page of all.

        Leaves `behind` what was added stay as they are; then a leaf must have ended.
        """
        directory, parts = self._directory, self._parts
        assert self.is_between or not behind, "leaves cannot follow one that has not ended"
        if directory.page:
            parts.append(directory.end_page())
        directory.children += behind
        nodes = _nodes(directory.children)
        while True:
            try:
                parts.append(next(nodes))
            except StopIteration as end:
                return parts, ObjectId(end.value)


def _former_entry(
    former: FormerPages | None, name: bytes, dirent: DirentRecord
) -> TreeEntry | None:
    """The entry as it was when it has not changed, if it is known. Raises FormerPagesWrong."""
    try:
        return None if former is None else former.entry(name, dirent.inode, dirent.cookie)
    except FrameCorrupt as error:
        raise FormerPagesWrong(f"a page that was checked is none: {error}") from error


def _amount_below(entry: TreeEntry) -> tuple[int, int]:
    """How many entries are below one in its page, and how heavy they are."""
    below = placed(entry.below or ())
    return len(below), sum(heaviness(each.entry) for each in below)


def _nodes(children: list[TreeChild]) -> Generator[TreePart, None, ObjectId]:
    """The pages above the leaves of a directory, and the id of the first page of all."""
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
    return children[0].id


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


def _page(data: bytes, named: Sequence[ObjectId]) -> TreePart:
    return TreePart(ObjectKind.TREE, object_id(data), data, tuple(named))
