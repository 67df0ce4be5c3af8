"""What is told to differ between snapshots is what a comparison of everything finds."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.errors import NotFound, PathRefused, ReadOnly
from fsmodel.history.differences import ADDED, ATTRIBUTES, MODIFIED, REMOVED, Difference
from fsmodel.history.tree_pages import TreePages
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import NO_RENAME_FLAGS
from fsmodel.steps import Steps, run_inline
from fsmodel.volume import Volume
from tests.support.filled_tree import fill_tree, put_file, write_file
from tests.support.random_user import RandomUser
from tests.support.shown_tree import Shown, Tree, shown_in, shown_now
from tests.support.volume_store import USER, VolumeStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    store = VolumeStore(tmp_path)
    yield store
    store.abandon()


def differences(
    volume: Volume, former: bytes, later: bytes | None = None, path: bytes = b""
) -> list[Difference]:
    found: list[Difference] = []
    count = run_inline(volume.snapshots.compare(former, later, path, found.append))
    assert count == len(found)
    return found


def told(found: list[Difference]) -> set[tuple[str, bytes]]:
    assert len({each.path for each in found}) == len(found)
    return {(each.kind, each.path) for each in found}


def expected(former: Tree, later: Tree) -> set[tuple[str, bytes]]:
    """The same by looking at everything."""
    found = {(REMOVED, path) for path in former.keys() - later.keys()}
    found |= {(ADDED, path) for path in later.keys() - former.keys()}
    for path in former.keys() & later.keys():
        kind = kind_of_difference(former[path], later[path])
        if kind:
            found.add((kind, path or b"/"))
    return found


def kind_of_difference(old: Shown, new: Shown) -> str:
    is_directory = stat.S_ISDIR(old.mode)
    if stat.S_IFMT(old.mode) != stat.S_IFMT(new.mode):
        return MODIFIED
    if (old.data, old.target, old.rdev) != (new.data, new.target, new.rdev):
        return MODIFIED
    if (old.mode, old.uid, old.gid, old.xattrs) != (new.mode, new.uid, new.gid, new.xattrs):
        return ATTRIBUTES
    return ATTRIBUTES if not is_directory and old.mtime_ns != new.mtime_ns else ""


def snapshot(volume: Volume, name: bytes) -> None:
    run_inline(volume.snapshots.create(name))


def test_each_kind_of_difference_is_told(store: VolumeStore) -> None:
    volume = store.volume
    fill_tree(volume)
    snapshot(volume, b"first")
    one = volume.lookup(ROOT_INODE, b"one")
    write_file(volume, volume.lookup(one, b"none"), b"more")
    volume.set_attributes(volume.lookup(one, b"node 1000"), AttributeChange(mode=0o777))
    volume.rename(one, b"small", one, b"moved", NO_RENAME_FLAGS)
    new = volume.make_directory(ROOT_INODE, b"new", 0o755, USER)
    put_file(volume, new, b"file", b"bytes")
    assert differences(volume, b"first") == [
        Difference(ADDED, b"/new", is_directory=True),
        Difference(ADDED, b"/new/file", is_directory=False),
        Difference(ADDED, b"/one/moved", is_directory=False),
        Difference(ATTRIBUTES, b"/one/node 1000", is_directory=False),
        Difference(MODIFIED, b"/one/none", is_directory=False),
        Difference(REMOVED, b"/one/small", is_directory=False),
    ]
    snapshot(volume, b"second")
    assert differences(volume, b"second") == []
    backwards = told(differences(volume, b"second", b"first"))
    assert (ADDED, b"/one/small") in backwards
    assert (REMOVED, b"/new/file") in backwards


def test_a_difference_can_be_asked_for_below_a_path(store: VolumeStore) -> None:
    volume = store.volume
    fill_tree(volume)
    snapshot(volume, b"first")
    one = volume.lookup(ROOT_INODE, b"one")
    put_file(volume, one, b"new", b"bytes")
    put_file(volume, ROOT_INODE, b"other", b"bytes")
    assert told(differences(volume, b"first", path=b"/one/")) == {(ADDED, b"/one/new")}
    assert told(differences(volume, b"first", path=b"other")) == {(ADDED, b"/other")}
    assert differences(volume, b"first", path=b"one/small") == []
    with pytest.raises(NotFound, match="neither"):
        differences(volume, b"first", path=b"none")
    with pytest.raises(PathRefused):
        differences(volume, b"first", path=b"one/..")
    with pytest.raises(NotFound, match="no snapshot"):
        differences(volume, b"second")


def test_something_of_another_type_is_modified_and_what_was_below_it_is_gone(
    store: VolumeStore,
) -> None:
    volume = store.volume
    folder = volume.make_directory(ROOT_INODE, b"name", 0o755, USER)
    put_file(volume, folder, b"file", b"")
    snapshot(volume, b"first")
    volume.unlink(folder, b"file")
    volume.rmdir(ROOT_INODE, b"name")
    put_file(volume, ROOT_INODE, b"name", b"")
    assert told(differences(volume, b"first")) == {(MODIFIED, b"/name"), (REMOVED, b"/name/file")}


def test_equal_subtrees_are_not_looked_at(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = store.volume
    for number in range(5):
        folder = volume.make_directory(ROOT_INODE, b"%d" % number, 0o755, USER)
        for name in range(100):
            volume.make_node(folder, b"%d" % name, stat.S_IFREG, 0, USER)
    snapshot(volume, b"first")
    put_file(volume, volume.lookup(ROOT_INODE, b"3"), b"new", b"")
    snapshot(volume, b"second")
    read: list[ObjectId] = []
    load = TreePages.load

    def counted(self: TreePages, page: ObjectId) -> Steps[object]:
        read.append(page)
        return load(self, page)

    monkeypatch.setattr(TreePages, "load", counted)
    assert told(differences(volume, b"first", b"second")) == {(ADDED, b"/3/new")}
    assert len(set(read)) <= 6  # both roots' directories, and both pages or two of folder 3


def test_a_read_only_volume_compares_with_the_present_it_knows(store: VolumeStore) -> None:
    fill_tree(store.volume)
    snapshot(store.volume, b"first")
    put_file(store.volume, ROOT_INODE, b"new", b"")
    store.volume.close()
    volume = Volume.open(store.store, read_only=True)
    assert told(differences(volume, b"first")) == {(ADDED, b"/new")}
    volume.close()
    store._open()
    put_file(store.volume, ROOT_INODE, b"newer", b"")
    store.kill()
    store.volume._parts.close()
    volume = Volume.open(store.store, read_only=True)
    with pytest.raises(ReadOnly):
        differences(volume, b"first")
    volume.close()
    store._open()


@pytest.mark.parametrize("seed", range(6))
def test_differences_are_those_of_all_that_is_shown(tmp_path: Path, seed: int) -> None:
    store = VolumeStore(tmp_path)
    user = RandomUser(store, seed)
    trees: list[Tree] = []
    for number in range(4):
        for _ in range(60):
            user.step()
        snapshot(store.volume, b"%d" % number)
        trees.append(shown_now(store.volume))
        assert shown_in(store.volume, b"%d" % number) == trees[-1]
    for former in range(4):
        for later in range(4):
            found = differences(store.volume, b"%d" % former, b"%d" % later)
            assert told(found) == expected(trees[former], trees[later])
    for number, tree in enumerate(trees):
        assert shown_in(store.volume, b"%d" % number) == tree
    store.require_sound()
    store.remove()
