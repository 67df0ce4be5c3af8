"""Directories say that they have changed, with all above them, and for nothing else."""

import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fsmodel.errors import NotFound
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.large_folders import LARGE_ENTRIES_MIN as NOTED_MIN
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.renames import RenameFlag
from lmdb_index.keys import number_of
from lmdb_index.schema import INODE
from tests.support.namespace_store import USER, NamespaceStore


class Tree:
    """Directories a/b and c, a file in a/b with a link in c; their trees are written, it says."""

    def __init__(self, folder: Path) -> None:
        self.store = NamespaceStore(folder)
        self.names: Namespace = self.store.namespace
        self.a = self.names.make_directory(ROOT_INODE, b"a", 0o755, USER)
        self.b = self.names.make_directory(self.a, b"b", 0o755, USER)
        self.c = self.names.make_directory(ROOT_INODE, b"c", 0o755, USER)
        self.file = self.names.make_node(self.b, b"file", stat.S_IFREG | 0o644, 0, USER)
        self.names.link(self.file, self.c, b"link")
        self.pretend_written()

    def pretend_written(self) -> None:
        self.store.clock.advance()
        with self.names.changes.begin() as change:
            for inode in self.directories():
                change.edit(inode).tree = b"id"
        assert self.changed() == set()

    def directories(self) -> list[InodeId]:
        rows = self.store.index.scan(INODE)
        return [InodeId(number_of(key)) for key, record in rows if stat.S_ISDIR(record.mode)]

    def changed(self) -> set[InodeId]:
        """Directories whose trees have to be written."""
        return {inode for inode in self.directories() if not self.names.record(inode).tree}


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    tree = Tree(tmp_path)
    yield tree
    tree.store.close()


Act = Callable[[Tree], object]
CHANGES: dict[str, tuple[Act, str]] = {
    "create": (lambda t: t.names.make_node(t.b, b"new", 0o600, 0, USER), "ab"),
    "mkdir": (lambda t: t.names.make_directory(t.a, b"new", 0o700, USER), "an"),
    "symlink": (lambda t: t.names.make_symlink(t.c, b"new", b"x", USER), "c"),
    "unlink": (lambda t: t.names.unlink(t.c, b"link"), "abc"),
    "link": (lambda t: t.names.link(t.file, t.a, b"new"), "abc"),
    "chmod of a file": (lambda t: t.names.set_attributes(t.file, AttributeChange(mode=1)), "abc"),
    "chmod of a directory": (lambda t: t.names.set_attributes(t.b, AttributeChange(mode=1)), "a"),
    "chmod of the root": (lambda t: t.names.set_attributes(ROOT_INODE, AttributeChange()), ""),
    "xattr of a file": (lambda t: t.names.set_xattr(t.file, b"user.x", b"1"), "abc"),
    "xattr of a directory": (lambda t: t.names.set_xattr(t.c, b"user.x", b"1"), ""),
    "rename within": (lambda t: t.names.rename(t.b, b"file", t.b, b"new"), "abc"),
    "rename across": (lambda t: t.names.rename(t.a, b"b", t.c, b"b"), "ac"),
    "exchange": (lambda t: t.names.rename(t.a, b"b", ROOT_INODE, b"c", RenameFlag.EXCHANGE), "a"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_by_the_directories_it_happens_in_and_all_above(
    tree: Tree, name: str
) -> None:
    act, letters = CHANGES[name]
    known = set(tree.directories())
    act(tree)
    expected = {getattr(tree, letter) for letter in letters if letter != "n"}
    expected |= set(tree.directories()) - known
    assert tree.changed() == expected | {ROOT_INODE}


def test_a_value_that_changes_within_a_tick_is_a_change(tree: Tree) -> None:
    tree.names.set_xattr(tree.b, b"user.x", b"1")
    with tree.names.changes.begin() as change:
        for inode in tree.directories():
            change.edit(inode).tree = b"id"
    tree.names.set_xattr(tree.b, b"user.x", b"2")  # the record stays as it was
    assert tree.changed() == {tree.a, ROOT_INODE}


def test_reading_is_no_change(tree: Tree) -> None:
    tree.store.clock.advance(1e6)
    assert tree.names.record_access(tree.file)
    assert tree.names.record_access(tree.b)
    assert tree.names.record_access(ROOT_INODE)
    assert tree.changed() == set()


def test_what_is_given_up_is_no_change(tree: Tree) -> None:
    with suppress(NotFound), tree.names.changes.begin() as change:
        tree.names.attributes.set(change, tree.file, AttributeChange(mode=1))
        tree.names.links.unlink(change, tree.b, b"none")
    assert tree.changed() == set()
    tree.names.set_attributes(tree.file, AttributeChange(mode=1))
    assert tree.changed() == {tree.a, tree.b, tree.c, ROOT_INODE}


def test_of_a_file_of_many_names_all_directories_are_told_once(tree: Tree) -> None:
    tree.names.set_attributes(tree.file, AttributeChange(mode=1))
    tree.pretend_written()
    with tree.names.changes.stale_trees.watched() as touched:
        tree.names.set_attributes(tree.file, AttributeChange(mode=2))
        assert touched == {tree.b, tree.c}
    assert tree.changed() == {tree.a, tree.b, tree.c, ROOT_INODE}


def test_a_watcher_sees_what_happens_in_directories_that_had_changed_before(tree: Tree) -> None:
    tree.names.make_node(tree.b, b"new", 0o600, 0, USER)
    with tree.names.changes.stale_trees.watched() as touched:
        tree.names.set_attributes(tree.file, AttributeChange(mode=1))
        tree.names.make_node(tree.a, b"new", 0o600, 0, USER)
        assert touched == {tree.a, tree.b, tree.c, ROOT_INODE}  # which shows the times of a


def test_files_whose_rows_alone_change_are_noted_where_they_are_shown(tree: Tree) -> None:
    names, stale = tree.names, tree.names.changes.stale_trees
    files = [names.make_node(tree.a, b"%d" % n, 0o100644, 0, USER) for n in range(2 * NOTED_MIN)]
    tree.pretend_written()
    for file in files[:2]:  # with the first the directory is no longer what its tree says
        names.set_attributes(file, AttributeChange(mode=0o600))
    known = stale.large.take()[tree.a]
    assert known.cookies == {names.record(file).cookie for file in files[:2]}


def test_a_file_is_marked_by_a_whole_change_while_somebody_watches(tree: Tree) -> None:
    names, stale = tree.names, tree.names.changes.stale_trees
    file = names.make_node(tree.a, b"one", 0o100644, 0, USER)
    assert stale.mark_entry(names.record(file))
    assert not stale.mark_entry(names.record(tree.b)), "a directory shows its own tree, too"
    assert not stale.mark_entry(names.record(tree.file)), "it has two names"
    with stale.watched() as touched:
        assert not stale.mark_entry(names.record(file))
        names.set_attributes(file, AttributeChange(mode=0o600))
    assert tree.a in touched
