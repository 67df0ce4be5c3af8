"""Chunk lists against plain lists of chunks, with few pages in memory and changes given up."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fsmodel.content import chunk_list
from fsmodel.content.chunk_list import ChunkList
from fsmodel.content.content_ref import EMPTY, chunk_ref, manifest_ref
from fsmodel.content.leaf import decode_leaf
from fsmodel.content.manifest import Run, decode_node, joined, level_of
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import ChunkNotFound, FrameCorrupt
from fsmodel.ids import ContentRef, ObjectId
from tests.support.volumes import ref_of_runs, small_limits

# Chunks by number: few of them, so that they repeat; their lengths differ.
IDS = [object_id(bytes([number])) for number in range(60)]
NUMBERS = st.lists(st.integers(0, len(IDS) - 1), max_size=40)
FEW_NUMBERS = st.lists(st.integers(0, len(IDS) - 1), max_size=6)


def runs_of(numbers: list[int]) -> list[Run]:
    return [Run(IDS[number], number + 1, 1) for number in numbers]


class Pages:
    """Stored pages: what a change that was given up has put is gone."""

    def __init__(self) -> None:
        self.stored: dict[ObjectId, bytes] = {}
        self.loads = 0

    def load(self, page: ObjectId) -> bytes:
        self.loads += 1
        if page not in self.stored:
            raise ChunkNotFound(page)
        return self.stored[page]

    def put(self, page: bytes) -> ObjectId:
        self.stored[object_id(page)] = page
        return object_id(page)

    def list_of(self, numbers: list[int]) -> ChunkList:
        """A list whose chunks were just given."""
        made = ChunkList.of(EMPTY, 0, self.load)
        made.splice(0, 0, runs_of(numbers))
        return made

    def loaded(self, ref: bytes, numbers: list[int]) -> ChunkList:
        """The list a ref names."""
        return ChunkList.of(ref, sum(run.size for run in runs_of(numbers)), self.load)


@pytest.fixture(autouse=True, scope="module")
def limits() -> Iterator[None]:
    with small_limits(loaded_pages=2):
        yield


class AgainstPlainList(RuleBasedStateMachine):
    """Edits, saves and changes that are given up; the list is always what a plain one is."""

    @initialize(numbers=NUMBERS)
    def begin(self, numbers: list[int]) -> None:
        self.pages = Pages()
        self.numbers = numbers
        self.chunks = self.pages.list_of(numbers)

    @rule(data=st.data(), added=st.one_of(FEW_NUMBERS, NUMBERS))
    def splice(self, data: st.DataObject, added: list[int]) -> None:
        first = data.draw(st.integers(0, len(self.numbers)))
        last = data.draw(st.integers(first, min(first + 30, len(self.numbers))))
        ends = [0, *accumulate(number + 1 for number in self.numbers)]
        self.chunks.splice(ends[first], ends[last], runs_of(added))
        self.numbers[first:last] = added

    @rule(added=NUMBERS)
    def append(self, added: list[int]) -> None:
        self.chunks.splice(self.chunks.size, self.chunks.size, runs_of(added))
        self.numbers += added

    @rule(ends_well=st.booleans())
    def save(self, ends_well: bool) -> None:
        before = dict(self.pages.stored)
        ref = self.chunks.save(self.pages.put)
        assert ref == ref_of_runs(joined(runs_of(self.numbers)))
        if ends_well:
            self.chunks.confirm_saved()
            self.ref: ContentRef = ref
        else:
            self.pages.stored = before

    @rule(ends_well=st.booleans())
    def save_finished_pages(self, ends_well: bool) -> None:
        before = dict(self.pages.stored)
        self.chunks.save_finished_pages(self.pages.put)
        if ends_well:
            self.chunks.confirm_saved()
            assert self.chunks.unsaved_runs <= 2 * 12
        else:
            self.pages.stored = before

    @rule()
    def save_and_load(self) -> None:
        self.save(ends_well=True)
        self.chunks = self.pages.loaded(self.ref, self.numbers)

    @invariant()
    def is_the_same(self) -> None:
        expected = joined(runs_of(self.numbers))
        found = list(self.chunks.runs_from(0))
        assert [run for _, run in found] == expected
        assert [start for start, _ in found] == [
            0,
            *accumulate(run.size for run in expected[:-1]),
        ][: len(expected)]
        assert self.chunks.size == sum(run.size for run in expected)

    @invariant()
    def ends_the_same(self) -> None:
        last = self.chunks.last()
        if not self.numbers:
            assert last is None
        else:
            length = self.numbers[-1] + 1
            assert last == (self.chunks.size - length, length)

    @invariant()
    def names_what_a_collector_must_keep(self) -> None:
        """A chunk is named by itself, or by a page that is stored."""
        named = set(self.chunks.named_in_memory())
        for page in named & self.pages.stored.keys():
            named |= {run.id for run in decode_leaf(self.pages.stored[page])}
        assert {IDS[number] for number in self.numbers} <= named

    @invariant()
    def few_pages_stay_loaded(self) -> None:
        pages = self.chunks._pages
        loaded = [page for page in pages if page.runs is not None and page.id is not None]
        unconfirmed = [page for page in self.chunks._unconfirmed if page in loaded]
        assert len(loaded) - len(unconfirmed) <= chunk_list.LOADED_PAGES_MAX


TestAgainstPlainList = AgainstPlainList.TestCase


@given(NUMBERS, st.integers(0, 2_000))
def test_runs_from_an_offset_begin_with_the_one_that_covers_it(
    numbers: list[int], offset: int
) -> None:
    chunks = Pages().list_of(numbers)
    everything = list(chunks.runs_from(0))
    expected = [(start, run) for start, run in everything if start + run.size > offset]
    assert list(chunks.runs_from(offset)) == expected


@given(NUMBERS, st.integers(0, 2_000), st.integers(1, 500))
def test_runs_within_a_range_are_those_that_touch_it(
    numbers: list[int], start: int, length: int
) -> None:
    chunks = Pages().list_of(numbers)
    expected = [
        (at, run)
        for at, run in chunks.runs_from(0)
        if at + run.size > start and at < start + length
    ]
    first, found = chunks.runs_within(start, start + length)
    assert found == [run for _, run in expected]
    assert not expected or first == expected[0][0]


def test_everything_can_be_removed_from_the_start() -> None:
    numbers = list(range(40))
    chunks = Pages().list_of(numbers)
    first_page = next(iter(chunks._pages)).size
    chunks.splice(0, first_page, [])
    assert chunks.size == sum(number + 1 for number in numbers) - first_page
    chunks.splice(0, chunks.size, [])
    assert chunks.size == 0
    assert chunks.last() is None
    assert chunks.save(Pages().put) == EMPTY


def test_runs_of_one_chunk_are_one_across_an_edit() -> None:
    chunks = Pages().list_of([7, 7, 7, 5, 7, 7])
    start = 3 * 8
    chunks.splice(start, start + 6, [])
    assert [run for _, run in chunks.runs_from(0)] == [Run(IDS[7], 8, 5)]
    chunks.splice(16, 24, runs_of([3]))
    assert [run.repeat for _, run in chunks.runs_from(0)] == [2, 1, 2]


def test_a_run_of_any_length_is_one_item() -> None:
    pages = Pages()
    chunks = ChunkList.of(EMPTY, 0, pages.load)
    chunks.splice(0, 0, [Run(IDS[3], 1 << 20, 1 << 42)])
    middle = 1 << 61
    chunks.splice(middle, middle + (1 << 20), runs_of([5]))
    assert [run.repeat for _, run in chunks.runs_from(0)] == [1 << 41, 1, (1 << 41) - 1]
    assert chunks.size == (1 << 62) - (1 << 20) + 6
    ref = chunks.save(pages.put)
    assert list(pages.loaded(ref, []).runs_from(0)) == list(chunks.runs_from(0))


def test_an_edit_inside_a_chunk_is_a_mistake() -> None:
    chunks = Pages().list_of([7, 9])
    with pytest.raises(AssertionError, match="between chunks"):
        chunks.splice(3, 8, [])


def test_what_a_list_is_named() -> None:
    pages = Pages()
    assert pages.list_of([]).save(pages.put) == EMPTY
    assert pages.list_of([4]).save(pages.put) == chunk_ref(IDS[4])
    assert pages.stored == {}
    twice = pages.list_of([4, 4]).save(pages.put)
    assert twice == manifest_ref(next(iter(pages.stored)))


def test_an_edit_of_a_long_list_makes_few_pages_anew() -> None:
    numbers = [n * 7 % 60 for n in range(3_000)]
    pages = Pages()
    chunks = pages.list_of(numbers)
    ref = chunks.save(pages.put)
    chunks.confirm_saved()
    assert max(level_of(page) for page in pages.stored.values()) >= 3
    before = len(pages.stored)
    loaded = pages.loaded(ref, numbers)
    pages.loads = 0
    start = sum(number + 1 for number in numbers[:1_500])
    loaded.splice(start, start, runs_of([1]))
    changed = loaded.save(pages.put)
    assert changed == ref_of_runs(joined(runs_of([*numbers[:1_500], 1, *numbers[1_500:]])))
    assert len(pages.stored) - before <= 12
    assert pages.loads <= 6


def test_pages_are_loaded_when_they_are_needed() -> None:
    numbers = list(range(60)) * 20
    pages = Pages()
    ref = pages.list_of(numbers).save(pages.put)
    chunks = pages.loaded(ref, numbers)
    pages.loads = 0
    next(chunks.runs_from(chunks.size // 2))
    assert pages.loads == 1
    leaves = {page for page, data in pages.stored.items() if level_of(data) == 0}
    leaf = next(page for page in leaves if page not in {each.id for each in chunks._loaded or ()})
    del pages.stored[leaf]
    with pytest.raises(ChunkNotFound):
        list(chunks.runs_from(0))


def test_a_leaf_where_a_node_is_needed_is_refused() -> None:
    numbers = list(range(60)) * 20
    pages = Pages()
    root = pages.list_of(numbers).save(pages.put)[1:]
    _, children = decode_node(pages.stored[ObjectId(root)])
    wrong: Any = next(data for data in pages.stored.values() if level_of(data) == 0)
    pages.stored[children[0].id] = wrong
    with pytest.raises(FrameCorrupt):
        pages.loaded(manifest_ref(ObjectId(root)), numbers)
