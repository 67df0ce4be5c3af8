"""What has no name and is still open."""

from pathlib import Path

import pytest

from fsmodel.change import Change
from fsmodel.errors import NotFound
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.namespace import Namespace
from lmdb_index.keys import number_key, pair_key
from lmdb_index.records import ExtentRecord, InodeFlag, RawRecord
from lmdb_index.schema import EXTENT, ORPHAN, UNSETTLED, XATTR
from tests.support.namespace_store import USER, ManualClock, NamespaceStore


@pytest.fixture
def file(store: NamespaceStore, tree: Namespace) -> InodeId:
    """A file /f with an attribute and unsettled bytes, held open."""
    file = tree.make_node(ROOT_INODE, b"f", 0o600, 0, USER)
    tree.set_xattr(file, b"user.a", b"1")
    with tree.changes.begin() as change:
        make_unsettled(change, file)
    store.opened.add(file)
    return file


def make_unsettled(change: Change, inode: InodeId) -> None:
    change.edit(inode).flags |= InodeFlag.UNSETTLED
    change.operation.put(UNSETTLED, number_key(inode), RawRecord())
    for number in range(3):
        change.operation.put(EXTENT, pair_key(inode, number), ExtentRecord(0, b"data"))


def rows_left(store: NamespaceStore) -> list[int]:
    """Of orphans, unsettled files, extents and attributes."""
    index = store.index
    return [index.count(ORPHAN), index.count(UNSETTLED), index.count(EXTENT), index.count(XATTR)]


def test_an_open_file_outlives_its_name(
    store: NamespaceStore, tree: Namespace, clock: ManualClock, file: InodeId
) -> None:
    now = clock.advance()
    tree.unlink(ROOT_INODE, b"f")
    record = tree.record(file)
    assert (record.nlink, record.parent, record.cookie) == (0, 0, 0)
    assert record.ctime_ns == now
    assert tree.get_xattr(file, b"user.a") == b"1"
    assert tree.paths_of(file) == []
    assert tree.orphans.all() == [file]
    assert store.released == []


def test_the_last_handle_takes_everything_along(
    store: NamespaceStore, tree: Namespace, file: InodeId
) -> None:
    tree.unlink(ROOT_INODE, b"f")
    assert tree.close_orphan(file)
    assert store.released == [file]
    with pytest.raises(NotFound):
        tree.record(file)
    assert rows_left(store) == [0, 0, 0, 0]
    assert not tree.close_orphan(file)


def test_a_file_that_is_not_open_goes_at_once(
    store: NamespaceStore, tree: Namespace, file: InodeId
) -> None:
    neighbour = tree.make_node(ROOT_INODE, b"g", 0o600, 0, USER)
    tree.set_xattr(neighbour, b"user.a", b"2")
    store.opened.clear()
    tree.unlink(ROOT_INODE, b"f")
    assert store.released == [file]
    assert rows_left(store) == [0, 0, 0, 1]
    assert tree.get_xattr(neighbour, b"user.a") == b"2"


def test_closing_what_has_a_name_changes_nothing(tree: Namespace, file: InodeId) -> None:
    assert not tree.close_orphan(file)
    assert tree.lookup(ROOT_INODE, b"f") == file


def test_an_open_directory_outlives_its_name(store: NamespaceStore, tree: Namespace) -> None:
    directory = tree.make_directory(ROOT_INODE, b"d", 0o755, USER)
    store.opened.add(directory)
    tree.rmdir(ROOT_INODE, b"d")
    assert tree.record(directory).nlink == 0
    assert tree.close_orphan(directory)
    assert store.released == []


@pytest.mark.parametrize("killed", [True, False])
def test_mounting_ends_orphans(tmp_path: Path, killed: bool) -> None:
    store = NamespaceStore(tmp_path)
    files = [
        store.namespace.make_node(ROOT_INODE, b"%d" % number, 0o600, 0, USER) for number in range(3)
    ]
    store.opened.update(files)
    for number in range(3):
        store.namespace.unlink(ROOT_INODE, b"%d" % number)
    if killed:
        store.kill()
    else:
        store.remount()
    assert sorted(store.released) == files
    assert store.namespace.orphans.all() == []
    assert store.index.counter("inodes") == 1
    store.close()
