"""The runs of a leaf page in columns, as the page has them.

A page is read to find one or two chunks in it, or a few dozen in a row: to make an object of each
of its up to 1,024 runs would take longer than all else about such a read. Who wants a run gets it
made for him.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import mul
from struct import unpack_from
from typing import Final, overload

from fsmodel.content.manifest import (
    LEAF_LEVEL,
    PAGE_HEADER,
    Run,
    header_of,
    ids_within,
    made_run,
    runs_of,
)
from fsmodel.errors import FrameCorrupt
from fsmodel.ids import OBJECT_ID_BYTES

_IDS_AT: Final = PAGE_HEADER.size


class Leaf(Sequence[Run]):
    """The runs of one page, how long their chunks are, and where in it each of them ends."""

    __slots__ = ("_page", "_repeats", "ends", "lengths")

    def __init__(self, page: bytes, lengths: Sequence[int], repeats: Sequence[int]) -> None:
        self._page = page
        self.lengths = lengths
        self._repeats = repeats
        self.ends = list(accumulate(map(mul, lengths, repeats)))

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, number: int) -> Run: ...
    @overload
    def __getitem__(self, number: slice) -> list[Run]: ...
    def __getitem__(self, number: int | slice) -> Run | list[Run]:
        if isinstance(number, slice):
            return self._some(*number.indices(len(self)))
        return self.run_at(range(len(self.ends))[number])

    def run_at(self, number: int) -> Run:
        """A run by its number, which there must be: in fewer steps, as each small read asks."""
        at = _IDS_AT + number * OBJECT_ID_BYTES
        chunk = self._page[at : at + OBJECT_ID_BYTES]
        return made_run((chunk, self.lengths[number], self._repeats[number]))

    def __iter__(self) -> Iterator[Run]:
        return iter(self[:])

    def _some(self, first: int, end: int, step: int) -> list[Run]:
        assert step == 1, "runs are taken as they follow each other"
        ids = ids_within(self._page, first, max(end - first, 0))
        return runs_of(ids, self.lengths[first:end], self._repeats[first:end])


def decode_leaf(page: bytes) -> Leaf:
    """The runs of a leaf, verified. Raises FrameCorrupt."""
    level, count, total = header_of(page)
    at = PAGE_HEADER.size + count * OBJECT_ID_BYTES
    if level != LEAF_LEVEL or len(page) != at + count * 12:
        raise FrameCorrupt("manifest page", f"level {level}, {len(page)} bytes for {count} runs")
    lengths = unpack_from(f"<{count}I", page, at)
    leaf = Leaf(page, lengths, unpack_from(f"<{count}Q", page, at + 4 * count))
    if leaf.ends[-1] != total:
        raise FrameCorrupt("manifest page", f"its runs do not cover the {total} bytes it says")
    return leaf
