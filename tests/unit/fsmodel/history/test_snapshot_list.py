"""The list of all snapshots is made again where it has changed, however many there are."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.history import snapshot_list, tree_format
from fsmodel.history.former_pages import leaves_of
from fsmodel.history.root_format import SNAPSHOTS_LABEL, decode_root
from fsmodel.history.roots import current_root
from fsmodel.history.snapshot_list import MadeList
from fsmodel.history.snapshots import all_snapshots, snapshots_told
from fsmodel.history.tree_format import TreeChild
from fsmodel.history.tree_pages import TreePages
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.repair.repair import repair_store
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index.meta import LISTED_KEY
from lmdb_index.records import DamagedRecord
from lmdb_index.schema import DAMAGED, META, SNAPSHOT
from tests.support.volume_store import USER, VolumeStore, moments_of


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VolumeStore]:
    """Pages of a few entries, so that a few snapshots make a tree of some levels."""
    monkeypatch.setattr(tree_format, "TREE_ITEMS_MIN", 3)
    monkeypatch.setattr(tree_format, "TREE_ITEMS_MAX", 9)
    monkeypatch.setattr(tree_format, "BOUNDARY_BITS", 2)
    store = VolumeStore(tmp_path)
    yield store
    store.abandon()


def create(volume: Volume, name: bytes) -> None:
    run_inline(volume.snapshots.create(name))


def create_many(volume: Volume, count: int, seed: int = 1) -> list[bytes]:
    """Make snapshots whose names come in any order."""
    names = [b"%03d" % number for number in range(count)]
    random.Random(seed).shuffle(names)
    for name in names:
        create(volume, name)
    return names


def last_root(volume: Volume) -> ObjectId:
    root = current_root(volume._parts.index)
    assert root is not None
    return root


def list_tree(volume: Volume) -> ObjectId:
    objects = volume._parts.objects
    data = run_inline(TreePages(objects).load_bytes(last_root(volume)))
    tree = decode_root(data).labelled(SNAPSHOTS_LABEL)
    assert tree is not None
    return tree


def leaves(volume: Volume) -> list[TreeChild]:
    return run_inline(leaves_of(TreePages(volume._parts.objects), list_tree(volume)))


def told(volume: Volume) -> dict[bytes, ObjectId]:
    """All snapshots by the last root."""
    pages, root = TreePages(volume._parts.objects), last_root(volume)

    def load(wanted: ObjectId) -> bytes:
        return run_inline(pages.load_bytes(wanted))

    return dict(snapshots_told(load, root, decode_root(load(root))))


def require_right(store: VolumeStore) -> None:
    """The last root tells of all snapshots, by the pages that all rows would have made."""
    volume = store.volume
    index = volume._parts.index
    assert told(volume) == {each.name: each.root for each in all_snapshots(index)}
    create(volume, b"zz last")
    made: MadeList = snapshot_list._of_all(index)
    volume.make_directory(ROOT_INODE, b"something", 0o755, USER)
    run_inline(volume.write_root())
    assert made[1] == list_tree(volume)
    store.require_sound()


def forbid_reading_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_list, "all_snapshots", None)  # cannot be called


@pytest.mark.parametrize("seed", range(3))
def test_one_more_makes_some_pages_again_and_reads_no_rows(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    create(store.volume, b"first")
    with monkeypatch.context() as patched:
        forbid_reading_all(patched)
        create_many(store.volume, 60, seed)
        before = leaves(store.volume)
        assert len(before) > 8
        create(store.volume, b"100")
        create(store.volume, b"101")
        assert len(set(leaves(store.volume)) - set(before)) <= 3
    require_right(store)


def test_after_a_mount_it_goes_on(store: VolumeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    create_many(store.volume, 20)
    store.reopen()
    with monkeypatch.context() as patched:
        forbid_reading_all(patched)
        create(store.volume, b"one more")
        create(store.volume, b"and another one")
    require_right(store)


def test_after_one_was_deleted_it_is_made_from_all(store: VolumeStore) -> None:
    for name in create_many(store.volume, 20)[::3]:
        store.volume.snapshots.delete(name)
    create(store.volume, b"one more")
    require_right(store)


def test_one_that_is_deleted_while_a_root_is_written_is_not_told_of_for_long(
    store: VolumeStore,
) -> None:
    volume = store.volume
    names = create_many(volume, 20)
    volume.make_directory(ROOT_INODE, b"folder", 0o755, USER)
    volume.checkpoint()
    for moment in moments_of(volume.write_root()):
        if moment == 2:
            volume.snapshots.delete(names[5])
    create(volume, b"one more")
    require_right(store)


def test_a_damaged_page_is_made_again(store: VolumeStore) -> None:
    volume = store.volume
    create_many(volume, 30)
    page = leaves(volume)[2].id
    with volume._parts.index.operation() as operation:
        operation.put(DAMAGED, page, DamagedRecord("cannot be read", 1))
    create(volume, b"999")
    create(volume, b"9999")
    assert not volume._parts.objects.is_damaged(page)
    require_right(store)


def test_a_list_that_lacks_one_is_made_again_by_a_repair(store: VolumeStore) -> None:
    volume = store.volume
    names = create_many(volume, 12)
    index = volume._parts.index
    row = index.get(SNAPSHOT, names[3])
    assert row is not None
    volume.snapshots.delete(names[3])
    create(volume, b"other")
    with index.operation() as operation:  # back again, which no root tells of
        operation.put(SNAPSHOT, names[3], row)
    assert run_inline(volume.fsck()).findings
    store.volume.close()
    repair_store(store.store, lambda done, total, text: None)
    store._open()
    run_inline(store.volume.write_root())
    assert names[3] in {each.name for each in all_snapshots(store.volume._parts.index)}
    require_right(store)


def test_without_the_row_that_says_so_nothing_is_taken_for_granted(store: VolumeStore) -> None:
    volume = store.volume
    names = create_many(volume, 12)
    with volume._parts.index.operation() as operation:
        operation.delete(META, LISTED_KEY)
        operation.delete(SNAPSHOT, names[2])
    create(volume, b"one more")
    assert names[2] not in told(volume)
