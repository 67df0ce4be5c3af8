"""Manifest pages: where a list is cut into pages, and what a page says when it is read again."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.content import manifest
from fsmodel.content.leaf import decode_leaf
from fsmodel.content.manifest import (
    PAGE_HEADER,
    Child,
    Run,
    decode_node,
    encode_leaf,
    encode_node,
    ends_page,
    joined,
    level_of,
    named_objects,
    split_into_pages,
    total_of,
)
from fsmodel.errors import FrameCorrupt
from fsmodel.ids import ObjectId

READERS: list[Callable[[bytes], object]] = [
    level_of,
    total_of,
    named_objects,
    decode_leaf,
    decode_node,
]


def an_id(number: int, first: int = 1) -> ObjectId:
    return ObjectId(bytes([first]) + number.to_bytes(31))


RUNS = [Run(an_id(n), 100 + n, 1 + n * n) for n in range(5)]
CHILDREN = [Child(an_id(n), 1 << n * 15) for n in range(5)]
LEAF, NODE = encode_leaf(RUNS), encode_node(3, CHILDREN)


def test_a_leaf_reads_back() -> None:
    assert list(decode_leaf(LEAF)) == RUNS
    assert level_of(LEAF) == 0
    assert total_of(LEAF) == sum(run.size for run in RUNS)
    assert named_objects(LEAF) == [run.id for run in RUNS]


def test_a_node_reads_back() -> None:
    assert decode_node(NODE) == (3, CHILDREN)
    assert level_of(NODE) == 3
    assert total_of(NODE) == sum(child.size for child in CHILDREN)
    assert named_objects(NODE) == [child.id for child in CHILDREN]


def test_a_leaf_is_no_node_and_a_node_no_leaf() -> None:
    with pytest.raises(FrameCorrupt, match="level 0"):
        decode_node(LEAF)
    with pytest.raises(FrameCorrupt, match="level 3"):
        decode_leaf(NODE)


@pytest.mark.parametrize("page", [LEAF, NODE], ids=["leaf", "node"])
@pytest.mark.parametrize("reader", READERS)
def test_a_page_of_any_other_length_is_refused(
    page: bytes, reader: Callable[[bytes], object]
) -> None:
    for length in range(PAGE_HEADER.size + 5 * 32):
        with pytest.raises(FrameCorrupt):
            reader(page[:length])
    if reader in (decode_leaf, decode_node):
        for wrong in [*(page[:length] for length in range(len(page))), page + b"\0"]:
            with pytest.raises(FrameCorrupt):
                reader(wrong)


@pytest.mark.parametrize("page", [LEAF, NODE], ids=["leaf", "node"])
def test_a_page_with_a_wrong_header_or_sum_is_refused(page: bytes) -> None:
    """The frame's checksums come before this; what passes them all the same must be decodable."""
    ids = range(PAGE_HEADER.size, PAGE_HEADER.size + 5 * 32)
    for at in (at for at in range(len(page)) if at not in ids):
        for bit in range(8):
            wrong = bytearray(page)
            wrong[at] ^= 1 << bit
            with pytest.raises(FrameCorrupt):
                decode_leaf(bytes(wrong))
            if page is LEAF or at != 1:  # the level of a node may be another
                with pytest.raises(FrameCorrupt):
                    decode_node(bytes(wrong))


def test_a_page_holds_something_and_not_too_much() -> None:
    most = [Run(an_id(n), 1, 1) for n in range(manifest.PAGE_ITEMS_MAX)]
    assert list(decode_leaf(encode_leaf(most))) == most
    for wrong in ([], [*most, Run(an_id(9999), 1, 1)]):
        with pytest.raises(FrameCorrupt, match="items"):
            decode_leaf(encode_leaf(wrong))


def test_neighbours_of_one_chunk_are_joined() -> None:
    a, b = an_id(1), an_id(2)
    runs = [Run(a, 5, 1), Run(a, 5, 2), Run(b, 7, 1), Run(a, 5, 1), Run(a, 5, 1)]
    assert joined(runs) == [Run(a, 5, 3), Run(b, 7, 1), Run(a, 5, 2)]
    assert joined([]) == []


def plainly_split(items: list[Run]) -> list[list[Run]]:
    """The rule as it is written down."""
    pages: list[list[Run]] = [[]]
    for item in items:
        pages[-1].append(item)
        if ends_page(item.id, len(pages[-1])):
            pages.append([])
    return [page for page in pages if page]


@pytest.fixture(scope="module", autouse=True)
def small_pages() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest, "PAGE_ITEMS_MIN", 3)
        patch.setattr(manifest, "PAGE_ITEMS_MAX", 8)
        yield


@given(st.lists(st.integers(0, 4), max_size=80))
def test_a_list_is_cut_into_pages_by_the_rule(firsts: list[int]) -> None:
    items = [Run(an_id(n, first), 1, 1) for n, first in enumerate(firsts)]
    assert [list(page) for page in split_into_pages(items)] == plainly_split(items)


@given(st.lists(st.integers(0, 2), max_size=60), st.lists(st.integers(0, 2), max_size=30))
def test_pages_depend_on_nothing_behind_them(firsts: list[int], more: list[int]) -> None:
    items: list[Any] = [Run(an_id(n, first), 1, 1) for n, first in enumerate([*firsts, *more])]
    before = split_into_pages(items[: len(firsts)])
    finished = len(before) - 1 if before else 0
    assert split_into_pages(items)[:finished] == before[:finished]


@given(st.lists(st.integers(0, 4), max_size=60), st.lists(st.integers(0, 4), max_size=30))
def test_a_page_that_has_not_ended_need_not_be_looked_through_again(
    firsts: list[int], more: list[int]
) -> None:
    items = [Run(an_id(n, first), 1, 1) for n, first in enumerate([*firsts, *more])]
    *before, last = split_into_pages(items[: len(firsts)]) or [[]]
    if not last or ends_page(last[-1].id, len(last)):
        before, last = [*before, last][: len(before) + bool(last)], []
    behind = split_into_pages([*last, *items[len(firsts) :]], len(last))
    assert [*before, *behind] == split_into_pages(items)
