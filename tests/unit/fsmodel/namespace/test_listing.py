"""Listings stay right while entries come and go."""

from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fsmodel.errors import NotADirectory, NotFound, Stale
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.directories import FIRST_COOKIE
from fsmodel.namespace.inodes import DIRECTORY, REGULAR
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.renames import RenameFlag
from lmdb_index.keys import number_key
from lmdb_index.schema import INODE
from tests.support.namespace_store import USER, NamespaceStore

INITIAL = 80  # more than are read together at first


def make(tree: Namespace, *names: bytes) -> None:
    for name in names:
        tree.make_node(ROOT_INODE, name, 0o600, 0, USER)


def test_entries_come_in_the_order_they_were_made(tree: Namespace) -> None:
    make(tree, b"b", b"a")
    inode = tree.make_directory(ROOT_INODE, b"c", 0o755, USER)
    entries = list(tree.list_entries(ROOT_INODE))
    assert [entry.name for entry in entries] == [b"b", b"a", b"c"]
    assert [entry.kind for entry in entries] == [REGULAR, REGULAR, DIRECTORY]
    assert entries[-1].inode == inode
    assert [entry.cookie for entry in entries] == [FIRST_COOKIE + n for n in range(3)]


def test_a_listing_goes_on_from_any_cookie(tree: Namespace) -> None:
    names = [b"%d" % number for number in range(INITIAL)]
    make(tree, *names)
    entries = list(tree.list_entries(ROOT_INODE))
    assert [entry.name for entry in entries] == names
    for position, entry in enumerate(entries):
        assert list(tree.list_entries(ROOT_INODE, entry.cookie)) == entries[position + 1 :]


def test_a_listing_goes_on_from_a_removed_entry(tree: Namespace) -> None:
    make(tree, b"a", b"b", b"c")
    first, second, third = tree.list_entries(ROOT_INODE)
    tree.unlink(ROOT_INODE, b"b")
    assert list(tree.list_entries(ROOT_INODE, second.cookie)) == [third]
    assert list(tree.list_entries(ROOT_INODE, first.cookie)) == [third]


def test_the_limit_leaves_out_what_came_later(tree: Namespace) -> None:
    make(tree, b"a")
    limit = tree.listing_limit(ROOT_INODE)
    make(tree, b"b")
    assert [entry.name for entry in tree.list_entries(ROOT_INODE, 0, limit)] == [b"a"]
    assert [entry.name for entry in tree.list_entries(ROOT_INODE)] == [b"a", b"b"]


def test_moving_entries_in_circles_does_not_make_it_endless(tree: Namespace) -> None:
    aside = tree.make_directory(ROOT_INODE, b"aside", 0o755, USER)
    make(tree, *(b"%d" % number for number in range(INITIAL)))
    steps = 0
    for entry in tree.list_entries(ROOT_INODE):
        steps += 1
        if entry.inode != aside:
            tree.rename(ROOT_INODE, entry.name, aside, b"x")
            tree.rename(aside, b"x", ROOT_INODE, b"again%d" % steps)
    assert steps == INITIAL + 1


@pytest.mark.parametrize("expected", [0, 1, 50, INITIAL + 2, 10_000])
def test_records_come_with_the_entries(store: NamespaceStore, expected: int) -> None:
    tree = store.namespace
    make(tree, *(b"%d" % number for number in range(INITIAL)))
    tree.make_directory(ROOT_INODE, b"folder", 0o750, USER)
    tree.make_symlink(ROOT_INODE, b"link", b"target", USER)
    store.remount()
    tree = store.namespace
    tree.record(InodeId(5))  # is in memory
    limit = tree.listing_limit(ROOT_INODE)
    found = list(tree.list_records(ROOT_INODE, 0, limit, expected))
    entries = list(tree.list_entries(ROOT_INODE))
    assert [each[:3] for each in found] == [
        (each.name, each.inode, each.cookie) for each in entries
    ]
    assert [each.record for each in found] == [tree.record(each.inode) for each in found]


def test_an_entry_without_an_inode_is_told(store: NamespaceStore) -> None:
    tree = store.namespace
    make(tree, b"a", b"b")
    lost = tree.lookup(ROOT_INODE, b"b")
    with store.index.operation() as operation:
        operation.delete(INODE, number_key(lost))
    store.remount()
    tree = store.namespace
    with pytest.raises(Stale, match=f"inode {lost} does not exist"):
        list(tree.list_records(ROOT_INODE, 0, tree.listing_limit(ROOT_INODE), 10))


def test_neighbouring_directories_do_not_mix(tree: Namespace) -> None:
    first = tree.make_directory(ROOT_INODE, b"1", 0o755, USER)
    second = tree.make_directory(ROOT_INODE, b"2", 0o755, USER)
    tree.make_node(second, b"x", 0o600, 0, USER)
    assert list(tree.list_entries(first)) == []
    assert [entry.name for entry in tree.list_entries(second)] == [b"x"]


def test_only_directories_are_listed(tree: Namespace) -> None:
    make(tree, b"f")
    with pytest.raises(NotADirectory):
        tree.list_entries(tree.lookup(ROOT_INODE, b"f"))
    with pytest.raises(NotFound):
        tree.listing_limit(InodeId(99))


def test_a_removed_directory_is_empty(store: NamespaceStore, tree: Namespace) -> None:
    directory = tree.make_directory(ROOT_INODE, b"d", 0o755, USER)
    store.opened.add(directory)
    tree.rmdir(ROOT_INODE, b"d")
    assert list(tree.list_entries(directory)) == []


# Each step: how many entries are read, then what is done to which of the names there are.
STEPS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from(["insert", "remove", "rename", "replace", "exchange"]),
        st.integers(0, 1000),
        st.integers(0, 1000),
    ),
    max_size=12,
)


class ChangingDirectory:
    """A directory that is changed at random, and which names were there all the time."""

    def __init__(self, tree: Namespace) -> None:
        self._tree = tree
        self._fresh = (b"new%d" % number for number in count())
        self.names = [b"%d" % number for number in range(INITIAL)]
        make(tree, *self.names)
        self.always = set(self.names)

    def change(self, action: str, first: int, second: int) -> None:
        name, other = (self.names[which % len(self.names)] for which in (first, second))
        if action == "insert":
            self._add(next(self._fresh))
        elif action == "remove":
            self._tree.unlink(ROOT_INODE, name)
            self._forget(name)
        elif action == "rename":
            new = next(self._fresh)
            self._tree.rename(ROOT_INODE, name, ROOT_INODE, new)
            self._forget(name)
            self.names.append(new)
        elif name != other:
            flags = RenameFlag.EXCHANGE if action == "exchange" else RenameFlag(0)
            self._tree.rename(ROOT_INODE, name, ROOT_INODE, other, flags)
            if action == "replace":
                self._forget(name)

    def _add(self, name: bytes) -> None:
        make(self._tree, name)
        self.names.append(name)

    def _forget(self, name: bytes) -> None:
        self.names.remove(name)
        self.always.discard(name)


@given(STEPS, st.booleans())
@settings(max_examples=60, deadline=None)
def test_names_that_stay_are_listed_once(
    steps: list[tuple[int, str, int, int]], one_iterator: bool
) -> None:
    """However the reader goes on: with one iterator, or from the last cookie each time."""
    with TemporaryDirectory() as folder:
        store = NamespaceStore(Path(folder))
        tree, directory = store.namespace, ChangingDirectory(store.namespace)
        limit = tree.listing_limit(ROOT_INODE)
        listing, listed, last = tree.list_entries(ROOT_INODE, 0, limit), [], 0
        for read, action, first, second in steps:
            if not one_iterator:
                listing = tree.list_entries(ROOT_INODE, last, limit)
            part = list(islice(listing, read))
            listed += [entry.name for entry in part]
            last = part[-1].cookie if part else last
            directory.change(action, first, second)
        listed += [entry.name for entry in listing]
        store.close()
    assert len(listed) == len(set(listed))
    assert directory.always <= set(listed)
