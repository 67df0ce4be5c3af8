"""The chunks of one file, in memory: what settled bytes it has and where each chunk lies.

It mirrors the leaf pages of a manifest. Pages are loaded when they are needed, a bounded number
stay loaded, and an edit makes new pages only around itself. `save` writes the new ones and names
the whole: the answer depends on the bytes of the file alone, not on how they came about.

Invariants:
  * pages are cut as `manifest.split_into_pages` cuts the whole list of runs
  * neighbouring runs never hold the same chunk, also across pages
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from msgspec import Struct

from fsmodel.content.content_ref import EMPTY, chunk_ref, is_manifest, manifest_ref, object_of
from fsmodel.content.leaf import Leaf, decode_leaf
from fsmodel.content.manifest import (
    LEAF_LEVEL,
    Child,
    Run,
    encode_leaf,
    encode_node,
    ends_page,
    joined,
    split_into_pages,
)
from fsmodel.content.pages import (
    LoadPage,
    Page,
    ends_with_a_page,
    leaves,
    runs_behind,
    unsaved_pages,
)
from fsmodel.content.stretches import Stretch
from fsmodel.errors import ChunkNotFound
from fsmodel.ids import ContentRef, ObjectId
from fsmodel.store.objects import ObjectStore

SavePage = Callable[[bytes], ObjectId]

LOADED_PAGES_MAX: Final = 64  # of those that can be loaded again; up to 1,024 runs each


class Spot(Struct, gc=False):
    """One run of a file."""

    start: int
    run: Run
    number: int  # of the run in its page
    at: int  # bytes of frames in front of its own, if all chunks of the page lie as they are
    stretch: Stretch  # of the page


class ChunkList:
    """The ordered chunks of one file. Owner: the thread that owns the index."""

    __slots__ = ("_ends", "_load", "_loaded", "_pages", "_unconfirmed")

    def __init__(self, load: LoadPage, pages: list[Page]) -> None:
        self._load = load
        self._pages = pages
        self._loaded: deque[Page] | None = None  # most lists are short, and many are in memory
        self._unconfirmed: list[Page] = []  # written in a change that may still be given up
        self._measure()

    @classmethod
    def of(cls, ref: bytes, chunk_size: int, load: LoadPage) -> "ChunkList":
        """The chunks a content ref names; `chunk_size` is used when it names one chunk.

        Raises DataError when a page of the manifest is missing or wrong.
        """
        if not ref:
            return cls(load, [])
        if is_manifest(ref):
            return cls(load, list(leaves(ref, load)))
        chunk = object_of(ref)
        assert chunk is not None
        return cls(load, [Page(chunk_size, None, (Run(chunk, chunk_size, 1),))])

    @property
    def size(self) -> int:
        """Bytes covered."""
        return self._ends[-1] if self._ends else 0

    def runs_from(self, offset: int) -> Iterator[tuple[int, Run]]:
        """Runs with the offset each starts at, from the one that covers `offset` on."""
        index = bisect_right(self._ends, offset)
        while index < len(self._pages):
            page = self._pages[index]
            start = self._ends[index] - page.size
            runs = self._runs(page)
            first = page.index_of(max(offset - start, 0), runs)
            start += page.ends[first - 1] if first else 0
            for run in runs_behind(runs, first):
                yield start, run
                start += run.size
            index += 1

    def runs_within(self, start: int, end: int) -> tuple[int, list[Run]]:
        """The runs that touch a range which is not empty, and where the first of them starts."""
        first, found = start, list[Run]()
        for index in range(bisect_right(self._ends, start), len(self._pages)):
            page, page_start = self._pages[index], self._start_of(index)
            if page_start >= end:
                break
            runs = self._runs(page)
            low = page.index_of(max(start - page_start, 0), runs)
            if not found:
                first = page_start + (page.ends[low - 1] if low else 0)
            found += runs[low : bisect_left(page.ends, end - page_start) + 1]
        return first, found

    def spot_at(self, offset: int) -> Spot:
        """The run that covers an offset below `size`."""
        index = bisect_right(self._ends, offset)
        page = self._pages[index]
        runs = page.runs
        if runs is None:
            runs = self._runs(page)
        ends = page.ends or page.measured(runs)
        start = self._ends[index] - page.size
        number = bisect_right(ends, offset - start)
        at = ends[number - 1] if number else 0
        frames = page.frames or page.laid_out(runs)
        run = runs.run_at(number) if isinstance(runs, Leaf) else runs[number]
        return Spot(start + at, run, number, frames[number], page.stretch)

    def last(self) -> tuple[int, int] | None:
        """Start and length of the last chunk; None when there is none."""
        if not self._pages:
            return None
        run = self._runs(self._pages[-1])[-1]
        return self.size - run.length, run.length

    def begin(self, run: Run) -> None:
        """Let an empty list have its first run."""
        assert not self._pages
        self._pages = [Page(run.size, None, (run,))]
        self._ends = [run.size]

    def splice(self, start: int, end: int, runs: Sequence[Run]) -> None:
        """Replace the chunks of [start, end), both chunk boundaries, by others."""
        assert 0 <= start <= end <= self.size
        if not self._pages:
            self._repage(0, 0, joined(runs))
            return
        if start == self.size and runs and runs[0].id != self._runs(self._pages[-1])[-1].id:
            self._append(joined(runs))
            return
        first = min(bisect_right(self._ends, start), max(len(self._pages) - 1, 0))
        if first > 0 and start in (self.size, self._start_of(first)):
            first -= 1  # the first new run may continue the last one of the page before
        last = bisect_left(self._ends, end)
        after = min(last + 1, len(self._pages))
        middle = _connected(self._runs_before(first, start), joined(runs))
        middle = _connected(middle, self._runs_after(after - 1, end))
        self._repage(first, after, middle)

    @property
    def unsaved_runs(self) -> int:
        """Runs held in memory because their pages are not written yet."""
        return sum(len(page.runs or ()) for page in self._pages if page.id is None)

    def save(self, put: SavePage) -> ContentRef:
        """Write every page that is new and return the ref of the whole.

        Call `confirm_saved` once the change that `put` belongs to has been applied.
        """
        if not self._pages:
            return EMPTY
        if len(self._pages) == 1:
            only = self._runs(self._pages[0])
            if len(only) == 1 and only[0].repeat == 1:
                return chunk_ref(only[0].id)
        self._save_pages(self._pages, put)
        level: Sequence[Child] = [Child(page.saved_id, page.size) for page in self._pages]
        number = LEAF_LEVEL
        while len(level) > 1:
            number += 1
            level = [
                Child(put(encode_node(number, nodes)), sum(node.size for node in nodes))
                for nodes in split_into_pages(level)
            ]
        return manifest_ref(level[0].id)

    def save_finished_pages(self, put: SavePage) -> None:
        """Write the new pages that more data at the end cannot change, to bound memory.

        To be confirmed as `save` is.
        """
        self._save_pages(self._pages[:-2], put)

    def named_in_memory(self) -> Iterator[ObjectId]:
        """Pages and loaded chunks this list names; what GC must keep while a file is written.

        A page whose change may have been given up is not sure to be stored, so its chunks count.
        """
        unconfirmed = set(map(id, self._unconfirmed))
        for page in self._pages:
            if page.id is not None:
                yield page.id
            if page.id is None or id(page) in unconfirmed:
                yield from (run.id for run in self._runs(page))

    def confirm_saved(self) -> None:
        """The pages written last are certain: from now on they can be loaded again."""
        for page in self._unconfirmed:
            self._note_loaded(page)
        self._unconfirmed = []

    def _save_pages(self, pages: Sequence[Page], put: SavePage) -> None:
        for page in self._unconfirmed:
            page.id = None
        self._unconfirmed = [page for page in pages if page.id is None]
        for page in self._unconfirmed:
            page.id = put(encode_leaf(self._runs(page)))

    def _runs(self, page: Page) -> Sequence[Run]:
        runs = page.runs
        if runs is None:
            runs = page.runs = leaf = decode_leaf(self._load(page.saved_id))
            page.ends = leaf.ends
            self._note_loaded(page)
        return runs

    def _note_loaded(self, page: Page) -> None:
        if self._loaded is None:
            self._loaded = deque()
        self._loaded.append(page)
        if len(self._loaded) > LOADED_PAGES_MAX:
            self._loaded.popleft().forget()

    def _start_of(self, index: int) -> int:
        return self._ends[index] - self._pages[index].size

    def _runs_before(self, first: int, offset: int) -> list[Run]:
        """Runs from the first one of a page up to an offset, which is a chunk boundary."""
        found: list[Run] = []
        for index in range(first, len(self._pages)):
            page, start = self._pages[index], self._start_of(index)
            if start >= offset:
                break
            runs = self._runs(page)
            at = page.index_of(offset - start, runs)
            found += runs[:at]
            if at < len(runs):
                kept = offset - start - (page.ends[at - 1] if at else 0)
                found += _part(runs[at], kept)
        return found

    def _runs_after(self, last: int, offset: int) -> list[Run]:
        """Runs from an offset, which is a chunk boundary, up to the end of a page."""
        if last < 0 or self._ends[last] <= offset:
            return []
        page = self._pages[last]
        runs, start = self._runs(page), self._start_of(last)
        at = page.index_of(offset - start, runs)
        return [*_part(runs[at], page.ends[at] - (offset - start)), *runs[at + 1 :]]

    def _append(self, runs: Sequence[Run]) -> None:
        """Put runs behind the last one, which has another chunk: only its page changes."""
        last = self._pages[-1]
        first, start = self._runs(last), self.size - last.size
        if ends_page(first[-1].id, len(first)):
            grown = [last, *unsaved_pages(runs)]
        else:
            grown = unsaved_pages([*first, *runs], len(first))
        self._pages[-1:] = grown
        self._ends[-1:] = [start + end for end in accumulate(page.size for page in grown)]

    def _repage(self, first: int, after: int, runs: list[Run]) -> None:
        """Replace pages [first, after) by those of `runs`, and go on until old pages fit again."""
        while runs and after < len(self._pages):
            following = self._runs(self._pages[after])
            if ends_with_a_page(runs) and runs[-1].id != following[0].id:
                break
            runs = _connected(runs, following)
            after += 1
        self._pages[first:after] = unsaved_pages(runs)
        self._measure()

    def _measure(self) -> None:
        self._ends = list(accumulate(page.size for page in self._pages))


def stored_chunks(ref: bytes, objects: ObjectStore) -> ChunkList:
    """The chunks a content ref names. Raises DataError."""
    if not ref:
        return ChunkList.of(ref, 0, objects.load)
    chunk = None if is_manifest(ref) else object_of(ref)
    chunk_size = 0 if chunk is None else objects.get(chunk).plain
    if chunk is not None and not chunk_size:  # no chunk is empty: rebuild-index has not found it
        raise ChunkNotFound(chunk, "any pack")
    return ChunkList.of(ref, chunk_size, objects.load)


def lost_chunks(ref: bytes, size: int, objects: ObjectStore) -> ChunkList:
    """Stands for the chunks of a content that cannot be read: so does no range of it.

    `size` is what its file counts on. A file can so be opened, and be emptied to be written anew.
    """
    named = object_of(ref)
    assert named is not None
    runs = None if is_manifest(ref) else [Run(named, size, 1)]
    return ChunkList(objects.load, [Page(size, named if runs is None else None, runs)])


def _part(run: Run, size: int) -> list[Run]:
    """As many repeats of a run's chunk as cover `size` bytes."""
    repeat, odd = divmod(size, run.length)
    assert odd == 0, "an edit must begin and end between chunks"
    return [Run(run.id, run.length, repeat)] if repeat else []


def _connected(before: Sequence[Run], behind: Sequence[Run]) -> list[Run]:
    """Two joined lists as one: only where they meet can the same chunk stand on both sides."""
    if before and behind and before[-1].id == behind[0].id:
        return [*before[:-1], *joined((before[-1], behind[0])), *behind[1:]]
    return [*before, *behind]
