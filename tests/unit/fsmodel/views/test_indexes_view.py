"""Indexes as folders: names of values, bounds, and links."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.errors import Busy, NotFound
from fsmodel.ids import ROOT_INODE
from fsmodel.indexes.definition import Definition
from fsmodel.indexes.queries import equal_span
from fsmodel.steps import run_inline
from fsmodel.views.indexes_view import name_of, span_of
from fsmodel.views.nodes import ViewDirectory, ViewLink, ViewNode
from tests.support.indexed import IndexedStore

ONE = Definition("one", "runs/*.json", ("n",))
TWO = Definition("two", "runs/*.json", ("n", "m"))
values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[IndexedStore]:
    store = IndexedStore(tmp_path)
    store.create("one", "runs/*.json", "n")
    for name, value in (("a", 1), ("b%", 2.5), ("c", "x/y"), ("d", "1..2"), ("e", "plain")):
        store.put(f"runs/{name}.json", {"n": value})
    yield store
    store.require_sound()
    store.close()


def look_up(store: IndexedStore, *names: bytes) -> ViewNode:
    view = run_inline(store.volume.views.view_of(ROOT_INODE, b".cairnfs"))
    assert view is not None
    node: ViewNode = view
    for name in (b"indexes", *names):
        assert isinstance(node, ViewDirectory)
        run_inline(node.attributes())
        found = run_inline(node.lookup(name))
        assert isinstance(found, ViewNode)
        node = found
    return node


def listed(store: IndexedStore, *names: bytes) -> list[bytes]:
    folder = look_up(store, *names)
    assert isinstance(folder, ViewDirectory)
    return [name for name, _ in run_inline(folder.entries())]


def test_values_are_listed_in_order(store: IndexedStore) -> None:
    assert listed(store) == [b"one"]
    assert listed(store, b"one") == [b"1", b"2.5", b'"1..2"', b"plain", b"x%2Fy"]


def test_matches_are_links(store: IndexedStore) -> None:
    assert listed(store, b"one", b"2.5") == [b"runs%2Fb%25.json"]
    link = look_up(store, b"one", b"2.5", b"runs%2Fb%25.json")
    assert isinstance(link, ViewLink)
    assert link.target() == b"../../../../runs/b%.json"
    assert run_inline(link.attributes()).size == len(link.target())


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (b"0..2", [b"a"]),
        (b"1..2.5", [b"a", b"b%25"]),
        (b"..2", [b"a"]),
        (b"2..", [b"b%25"]),
        (b"..", [b"a", b"b%25", b"d", b"e", b"c"]),
        (b"p..x%2Fz", [b"e", b"c"]),
        (b"5..6", []),
        (b"9..1", []),
    ],
)
def test_bounds(store: IndexedStore, name: bytes, found: list[bytes]) -> None:
    assert listed(store, b"one", name) == [b"runs%%2F%s.json" % each for each in found]


@pytest.mark.parametrize(
    "names",
    [(b"none",), (b"one", b"absent"), (b"one", b"1", b"runs%2Fe.json"), (b"one", b"1", b"a")],
)
def test_what_is_not_there(store: IndexedStore, names: tuple[bytes, ...]) -> None:
    with pytest.raises(NotFound):
        look_up(store, *names)


def test_an_index_that_is_not_built(store: IndexedStore) -> None:
    store.indexes.define(Definition("later", "runs/*.json", ("n",)))
    with pytest.raises(Busy):
        look_up(store, b"later", b"1")


@given(values, values)
def test_the_name_of_a_value_leads_to_it(first: object, second: object) -> None:
    assert span_of(ONE, name_of(ONE, [first])) == equal_span(ONE, [first])
    both = [first, second]
    assert span_of(TWO, name_of(TWO, both)) == equal_span(TWO, both)
    assert not set(name_of(TWO, both)) & set(b"/\0")
