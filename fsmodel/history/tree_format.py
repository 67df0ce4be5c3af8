"""Tree pages: a directory at a moment, as immutable objects.

A leaf (tree_leaf.py) lists entries in the order of their names, each with all there is to know of
its inode, so that the index can be made again from trees. A node lists the pages below it. A small
directory has no page: its entries stand in the leaf above, behind its own entry.

Where a page ends is told by names and numbers of entries: a changed file then changes its leaf and
the nodes above, and no other.

Layout of a page (little-endian):

    version u8 | level u8 | zero u16 | count u32 | entries u64
    node: count ids of 32 bytes | count entries u64 | count lengths u8 | last names
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from struct import Struct, pack, unpack_from
from typing import Final, NamedTuple

from fsmodel.encoding.hashing import checksum64
from fsmodel.errors import FrameCorrupt
from fsmodel.history.tree_entry import INLINE_ENTRIES
from fsmodel.ids import OBJECT_ID_BYTES, ObjectId
from fsmodel.limits import NAME_BYTES_MAX

TREE_HEADER: Final = Struct("<BBHIQ")
assert TREE_HEADER.size == 16  # docs/on-disk-format.md says the same, and a test compares them
TREE_VERSION: Final = 1
TREE_LEVEL_MAX: Final = 8

TREE_ITEMS_MIN: Final = 64  # a page that ends because of a name has at least so many items
TREE_ITEMS_MAX: Final = 512  # behind so many it ends whatever the name
TREE_COUNT_MAX: Final = TREE_ITEMS_MAX - 1 + INLINE_ENTRIES
TREE_PAGE_BYTES: Final = 256 << 10  # of targets and attributes: a page ends behind the entry
BOUNDARY_BITS: Final = 7  # one name in 128 ends a page
assert INLINE_ENTRIES <= TREE_ITEMS_MIN  # what is inlined would have been a single leaf


class TreeChild(NamedTuple):
    """A page of the level below."""

    id: ObjectId
    entries: int  # of the directory; those inlined below them do not count
    last: bytes  # the last name in it


def ends_tree_page(name: bytes, level: int, items: int, brought: int = 1) -> bool:
    """Whether a page of so many items ends behind the one with this (last) name.

    `brought` of the items come with that name: more of them make an end more likely.
    """
    if items < TREE_ITEMS_MIN:
        return False
    boundary = checksum64(name) >> BOUNDARY_BITS * level & (1 << BOUNDARY_BITS) - 1
    return boundary < brought or items >= TREE_ITEMS_MAX


def split_into_nodes(children: Sequence[TreeChild], level: int) -> Iterator[Sequence[TreeChild]]:
    """Cut the pages below a level into the pages of this level."""
    start = 0
    for end, child in enumerate(children, 1):
        if ends_tree_page(child.last, level, end - start) or end == len(children):
            yield children[start:end]
            start = end


def encode_tree_node(level: int, children: Sequence[TreeChild]) -> bytes:
    """The bytes of a page that lists pages of the level below."""
    assert 0 < level <= TREE_LEVEL_MAX
    count = len(children)
    total = sum(child.entries for child in children)
    return b"".join(
        (
            TREE_HEADER.pack(TREE_VERSION, level, 0, count, total),
            *(child.id for child in children),
            pack(f"<{count}Q", *(child.entries for child in children)),
            bytes(len(child.last) for child in children),
            *(child.last for child in children),
        )
    )


def decode_tree_header(page: bytes) -> tuple[int, int, int]:
    """Level, items and entries of a page. Raises FrameCorrupt."""
    if len(page) < TREE_HEADER.size:
        raise corrupt_tree(f"{len(page)} bytes cannot hold a page")
    version, level, zero, count, total = TREE_HEADER.unpack_from(page)
    if (version, zero) != (TREE_VERSION, 0) or count > TREE_COUNT_MAX:
        raise corrupt_tree(f"version {version} with {count} items")
    return level, count, total


def tree_level_of(page: bytes) -> int:
    """The level of a page: 0 for a leaf. Raises FrameCorrupt."""
    return decode_tree_header(page)[0]


def decode_tree_node(page: bytes) -> list[TreeChild]:
    """The pages a node lists, verified. Raises FrameCorrupt."""
    level, count, total = decode_tree_header(page)
    if not 0 < level <= TREE_LEVEL_MAX or not count:
        raise corrupt_tree(f"level {level} with {count} pages")
    cut = PageCutter(page, TREE_HEADER.size)
    ids = [ObjectId(cut.take(OBJECT_ID_BYTES)) for _ in range(count)]
    entries = unpack_from(f"<{count}Q", cut.take(8 * count))
    names = [cut.take(length) for length in cut.take(count)]
    cut.finish()
    if sum(entries) != total or not in_order(names):
        raise corrupt_tree(f"its pages do not cover the {total} entries it says, in order")
    return list(map(TreeChild, ids, entries, names))


class PageCutter:
    """Takes a page apart from somewhere on."""

    def __init__(self, page: bytes, at: int) -> None:
        self._page = page
        self._at = at

    def take(self, size: int) -> bytes:
        """The next bytes. Raises FrameCorrupt when there are not so many."""
        taken = self._page[self._at : self._at + size]
        if len(taken) != size:
            raise corrupt_tree(f"{len(self._page)} bytes cannot hold what it lists")
        self._at += size
        return taken

    def take_up_to(self, end: bytes, count: int) -> list[bytes]:
        """So many stretches of bytes, each up to the next of this value, which is passed over."""
        taken = self._page[self._at :].split(end, count)
        if len(taken) <= count:
            raise corrupt_tree(f"{len(self._page)} bytes cannot hold what it lists")
        self._at = len(self._page) - len(taken.pop())
        return taken

    def finish(self) -> None:
        """Raises FrameCorrupt when anything is left."""
        if self._at != len(self._page):
            raise corrupt_tree(f"{len(self._page) - self._at} bytes too many")


def in_order(names: Sequence[bytes]) -> bool:
    """Whether each name comes behind the one before."""
    return all(first < second for first, second in pairwise(names))


def is_tree_name(name: bytes) -> bool:
    """Whether a directory can have an entry of this name."""
    ordinary = name not in (b"", b".", b"..") and b"/" not in name and b"\0" not in name
    return ordinary and len(name) <= NAME_BYTES_MAX


def corrupt_tree(reason: str) -> FrameCorrupt:
    """The error that says what is wrong with a page."""
    return FrameCorrupt("tree page", reason)
