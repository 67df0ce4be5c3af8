"""Manifest pages: the ordered list of chunks a file consists of, as immutable objects.

A leaf lists runs of chunks, a node lists pages one level below. A *run* is one chunk repeated
(holes and constant data), so a hole of any size is one run. Pages end where the id of their last
item says so, as chunks end where their bytes say so: an edit then changes only the pages around
it, and equal lists give equal pages whatever was written in which order.

Layout of a page (little-endian), in columns so that ids stay apart from what compresses well:

    version u8 | level u8 | zero u16 | count u32 | total bytes u64
    count ids of 32 bytes
    leaf: count lengths u32, then count repeats u64      node: count lengths u64
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from operator import eq, itemgetter, mul
from struct import Struct, pack, unpack_from
from typing import Final, NamedTuple, TypeVar

from fsmodel.errors import FrameCorrupt
from fsmodel.ids import OBJECT_ID_BYTES, ObjectId

PAGE_HEADER: Final = Struct("<BBHIQ")
assert PAGE_HEADER.size == 16  # docs/on-disk-format.md says the same, and a test compares them
PAGE_VERSION: Final = 1
LEAF_LEVEL: Final = 0
LEVEL_MAX: Final = 8

PAGE_ITEMS_MIN: Final = 64
PAGE_ITEMS_MAX: Final = 1024
ENDING_FIRST_BYTES: Final = 1  # an id whose first byte is less than this may end a page


class Run(NamedTuple):
    """One chunk, `repeat` times in a row; each covers `length` bytes."""

    id: ObjectId
    length: int
    repeat: int

    @property
    def size(self) -> int:
        """Bytes of the file that the run covers."""
        return self.length * self.repeat


class Child(NamedTuple):
    """One page of the level below, and the bytes of the file it covers."""

    id: ObjectId
    size: int


Item = TypeVar("Item", Run, Child)

_ID, _LENGTH, _REPEAT = itemgetter(0), itemgetter(1), itemgetter(2)
made_run = partial(tuple.__new__, Run)  # what a named tuple does besides takes longer than this


def runs_of(ids: Iterable[ObjectId], lengths: Iterable[int], repeats: Iterable[int]) -> list[Run]:
    """Runs by their columns, which end with the shortest."""
    return list(map(made_run, zip(ids, lengths, repeats, strict=False)))


def sizes_of(runs: Sequence[Run]) -> Iterator[int]:
    """The bytes of the file that each run covers; the interpreter takes no step for one."""
    return map(mul, map(_LENGTH, runs), map(_REPEAT, runs))


def ends_page(item_id: ObjectId, items: int) -> bool:
    """Whether a page of so many items ends after the item with this id: 1 id in 256 says so."""
    may_end = item_id[0] < ENDING_FIRST_BYTES
    return items >= PAGE_ITEMS_MAX or (items >= PAGE_ITEMS_MIN and may_end)


def joined(runs: Iterable[Run]) -> list[Run]:
    """The same chunks, with neighbours of one id merged into one run."""
    runs = list(runs)
    ids = list(map(_ID, runs))
    if not any(map(eq, ids, islice(ids, 1, None))):  # most chunks are like no other
        return runs
    result: list[Run] = []
    for run in runs:
        if result and result[-1].id == run.id:
            result[-1] = Run(run.id, run.length, result[-1].repeat + run.repeat)
        else:
            result.append(run)
    return result


def split_into_pages(items: Sequence[Item], known: int = 0) -> list[Sequence[Item]]:
    """Cut a list of items into pages; only the last may end without a boundary.

    Of the first so many it is known that no page ends among them.
    """
    pages: list[Sequence[Item]] = []
    start = 0
    rest = items[known:] if known else items
    for end in [at for at, item in enumerate(rest, known + 1) if item[0][0] < ENDING_FIRST_BYTES]:
        while end - start > PAGE_ITEMS_MAX:
            pages.append(items[start : start + PAGE_ITEMS_MAX])
            start += PAGE_ITEMS_MAX
        if ends_page(items[end - 1].id, end - start):
            pages.append(items[start:end])
            start = end
    pages += [
        items[at : min(at + PAGE_ITEMS_MAX, len(items))]
        for at in range(start, len(items), PAGE_ITEMS_MAX)
    ]
    return pages


def encode_leaf(runs: Sequence[Run]) -> bytes:
    """The bytes of a leaf page."""
    count = len(runs)
    return b"".join(
        (
            PAGE_HEADER.pack(PAGE_VERSION, LEAF_LEVEL, 0, count, sum(sizes_of(runs))),
            *map(_ID, runs),
            pack(f"<{count}I", *map(_LENGTH, runs)),
            pack(f"<{count}Q", *map(_REPEAT, runs)),
        )
    )


def encode_node(level: int, children: Sequence[Child]) -> bytes:
    """The bytes of a page that lists pages of the level below."""
    assert LEAF_LEVEL < level <= LEVEL_MAX
    count = len(children)
    return b"".join(
        (
            PAGE_HEADER.pack(PAGE_VERSION, level, 0, count, sum(child.size for child in children)),
            *(child.id for child in children),
            pack(f"<{count}Q", *(child.size for child in children)),
        )
    )


def level_of(page: bytes) -> int:
    """The level of a page: 0 for a leaf. Raises FrameCorrupt."""
    return header_of(page)[0]


def decode_node(page: bytes) -> tuple[int, list[Child]]:
    """The level and children of a node, verified. Raises FrameCorrupt."""
    level, count, total = header_of(page)
    at = PAGE_HEADER.size + count * OBJECT_ID_BYTES
    if not LEAF_LEVEL < level <= LEVEL_MAX or len(page) != at + count * 8:
        raise FrameCorrupt("manifest page", f"level {level}, {len(page)} bytes for {count} pages")
    children = list(map(Child, ids_within(page, 0, count), unpack_from(f"<{count}Q", page, at)))
    if sum(child.size for child in children) != total:
        raise FrameCorrupt("manifest page", f"its pages do not cover the {total} bytes it says")
    return level, children


def named_objects(page: bytes) -> list[ObjectId]:
    """Every object a page counts as a reference to, one for each slot. Raises FrameCorrupt."""
    _, count, _ = header_of(page)
    return ids_within(page, 0, count)


def total_of(page: bytes) -> int:
    """The bytes of the file that a page covers. Raises FrameCorrupt."""
    return header_of(page)[2]


def header_of(page: bytes) -> tuple[int, int, int]:
    """Level of a page, how many items it lists, bytes of the file. Raises FrameCorrupt."""
    if len(page) < PAGE_HEADER.size:
        raise FrameCorrupt("manifest page", f"{len(page)} bytes cannot hold a page")
    version, level, zero, count, total = PAGE_HEADER.unpack_from(page)
    if (version, zero) != (PAGE_VERSION, 0) or not 0 < count <= PAGE_ITEMS_MAX:
        raise FrameCorrupt("manifest page", f"version {version} with {count} items")
    if len(page) < PAGE_HEADER.size + count * OBJECT_ID_BYTES:
        raise FrameCorrupt("manifest page", f"{len(page)} bytes cannot hold {count} items")
    return level, count, total


def ids_within(page: bytes, first: int, count: int) -> list[ObjectId]:
    """So many of the ids that a page lists, from a first one on; they must be there."""
    at = PAGE_HEADER.size + first * OBJECT_ID_BYTES
    return list(unpack_from(f"{OBJECT_ID_BYTES}s" * count, page, at))
