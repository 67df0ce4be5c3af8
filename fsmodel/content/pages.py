"""Leaf pages of a chunk list, as it holds them in memory: loaded or not, saved or not yet."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from fsmodel.content.content_ref import object_of
from fsmodel.content.leaf import Leaf
from fsmodel.content.manifest import (
    LEAF_LEVEL,
    Run,
    decode_node,
    ends_page,
    level_of,
    sizes_of,
    split_into_pages,
    total_of,
)
from fsmodel.content.stretches import Stretch
from fsmodel.ids import ObjectId
from fsmodel.store.pack_format import raw_frame_offsets

LoadPage = Callable[[ObjectId], bytes]

FEW_RUNS: Final = 4  # made at first of a page, and each time as many times more


class Page:
    """One leaf: its runs while loaded, its id once saved; at least one of the two."""

    __slots__ = ("ends", "frames", "id", "runs", "size", "stretch")

    def __init__(self, size: int, page_id: ObjectId | None, runs: Sequence[Run] | None) -> None:
        self.size = size
        self.id = page_id
        self.runs = runs
        self.ends: Sequence[int] = ()  # where in the page each run ends, while that is known
        self.frames: Sequence[int] = ()  # where their frames would lie, one behind the other
        self.stretch = Stretch()

    @property
    def saved_id(self) -> ObjectId:
        """The id of a page that is saved."""
        assert self.id is not None
        return self.id

    def forget(self) -> None:
        """Let go of what can be loaded again."""
        self.runs, self.ends, self.frames = None, (), ()

    def index_of(self, offset: int, runs: Sequence[Run]) -> int:
        """Which run covers an offset in the page."""
        return bisect_right(self.ends or self.measured(runs), offset)

    def measured(self, runs: Sequence[Run]) -> Sequence[int]:
        """Where in the page each run ends, from now on known."""
        self.ends = list(accumulate(sizes_of(runs)))
        return self.ends

    def laid_out(self, runs: Sequence[Run]) -> Sequence[int]:
        """Where the frames of the chunks would lie if all lay as they are, from now on known."""
        lengths = runs.lengths if isinstance(runs, Leaf) else [run.length for run in runs]
        self.frames = raw_frame_offsets(lengths)
        return self.frames


def ends_with_a_page(runs: Sequence[Run]) -> bool:
    """Whether the last run ends a page, so that what follows is paged as it was."""
    tail = split_into_pages(runs)[-1]
    return ends_page(tail[-1].id, len(tail))


def unsaved_pages(runs: Sequence[Run], known: int = 0) -> list[Page]:
    """Runs in pages, of which none ends among the first so many."""
    return [Page(sum(sizes_of(page)), None, page) for page in split_into_pages(runs, known)]


def leaves(ref: bytes, load: LoadPage) -> Iterator[Page]:
    """The leaves below a root page, from left to right; only nodes are read."""
    root = object_of(ref)
    assert root is not None
    page = load(root)
    if level_of(page) == LEAF_LEVEL:
        yield Page(total_of(page), root, None)
        return
    yield from _leaves_below(page, load)


def _leaves_below(page: bytes, load: LoadPage) -> Iterator[Page]:
    level, children = decode_node(page)
    for child in children:
        if level == LEAF_LEVEL + 1:
            yield Page(child.size, child.id, None)
        else:
            yield from _leaves_below(load(child.id), load)


def runs_behind(runs: Sequence[Run], first: int) -> Iterator[Run]:
    """Runs of a page from a number on: a few at first, which a leaf has to make, and often all."""
    some = FEW_RUNS
    while first < len(runs):
        yield from runs[first : first + some]
        first += some
        some *= FEW_RUNS
