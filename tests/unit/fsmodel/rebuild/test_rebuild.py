"""The index made again from the packs: everything is as it was, or what is not is told."""

import shutil
import stat
from collections.abc import Callable, Iterator
from errno import EIO
from pathlib import Path
from typing import Any

import pytest

from fsmodel.errors import BackendError, DataError, StoreDamaged, StoreLocked
from fsmodel.history.root_format import decode_root
from fsmodel.history.roots import current_root
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.rebuild.rebuild import RebuildReport, rebuild_index
from fsmodel.repair.repair import repair_store
from fsmodel.steps import run_inline
from fsmodel.store.format_file import read_format
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import ObjectKind
from fsmodel.store.pack_scan import FoundFrame, scan_pack
from fsmodel.volume import Volume
from tests.support.filled_tree import fill_tree, put_file, rows_shown, write_file
from tests.support.volume_store import USER, VolumeStore, random_bytes

Shown = dict[tuple[bytes, bytes], tuple[Any, ...]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    """A store that holds one of everything."""
    store = VolumeStore(tmp_path)
    fill_tree(store.volume)
    yield store
    store.abandon()


def shown(store: VolumeStore) -> Shown:
    return rows_shown(store.volume._parts.index)


def rebuild(
    store: VolumeStore, *, without: tuple[str, ...] = ("index", "journal")
) -> RebuildReport:
    """Delete folders of a closed store, make the index again and open it."""
    for folder in without:
        shutil.rmtree(store.store / folder)
    report = rebuild_index(store.store, lambda done, total, text: None)
    store._open()
    return report


def frames_of(store: VolumeStore, kind: ObjectKind) -> list[tuple[Path, FoundFrame]]:
    """Every frame of a kind in a closed store, the newest last."""
    layout = StoreLayout(store.store)
    uuid = read_format(layout).uuid.bytes
    return [
        (layout.pack(pack), found)
        for pack in sorted(layout.pack_numbers())
        for found in scan_pack(layout, uuid, pack)
        if isinstance(found, FoundFrame) and found.frame.kind is kind
    ]


def damage(place: tuple[Path, FoundFrame]) -> None:
    """Flip a bit of a frame's body."""
    path, found = place
    data = bytearray(path.read_bytes())
    data[found.location.offset + 64] ^= 1
    path.write_bytes(data)


def test_everything_is_restored(store: VolumeStore) -> None:
    store.volume.close()
    store._open()
    before, counters = shown(store), store.volume._parts.index.counters()
    store.volume.close()
    report = rebuild(store)
    assert report.complete
    assert report.journal_problem == ""
    assert shown(store) == before
    after = store.volume._parts.index.counters()
    assert after["last_inode"] == counters["last_inode"]
    assert after["logical_bytes"] == counters["logical_bytes"]
    assert not store.volume.root_is_due
    store.require_sound()


def test_a_store_is_used_on_and_made_again_any_number_of_times(store: VolumeStore) -> None:
    for number in range(3):
        folder = store.volume.lookup(ROOT_INODE, b"one")
        put_file(store.volume, folder, b"new %d" % number, random_bytes(number))
        write_file(store.volume, store.volume.lookup(folder, b"small"), b"%d" % number)
        store.collect()
        store.reopen()
        before = shown(store)
        store.volume.close()
        assert rebuild(store).complete
        assert shown(store) == before
        store.require_sound()


def test_the_old_index_and_its_journal_are_set_aside(store: VolumeStore) -> None:
    store.volume.close()
    old = (store.store / "index" / "data.mdb").read_bytes()
    report = rebuild(store, without=())
    index, journal = report.set_aside
    assert (store.store / index / "data.mdb").read_bytes() == old
    assert any((store.store / journal).iterdir())
    assert not (store.store / "rebuild").exists()


def test_a_store_in_use_is_refused(store: VolumeStore) -> None:
    before = shown(store)
    with pytest.raises(StoreLocked):
        rebuild_index(store.store, lambda done, total, text: None)
    assert shown(store) == before


def test_a_run_that_was_cut_short_is_no_hindrance(store: VolumeStore) -> None:
    store.volume.close()
    (store.store / "rebuild" / "index").mkdir(parents=True)
    (store.store / "rebuild" / "index" / "data.mdb").write_bytes(b"half")
    assert rebuild(store).complete
    store.require_sound()


def test_what_the_journal_knows_beyond_the_root_is_replayed(store: VolumeStore) -> None:
    run_inline(store.volume.write_root())
    folder = store.volume.lookup(ROOT_INODE, b"one")
    store.volume.unlink(folder, b"small")  # of which two names are left
    store.volume.rename(folder, b"two \xff\xfe", ROOT_INODE, b"moved", 0)  # type: ignore[arg-type]
    put_file(store.volume, folder, b"new", b"new bytes")
    before = shown(store)
    store.abandon()
    report = rebuild(store, without=("index",))
    assert report.replayed_operations > 3
    assert report.complete
    after = shown(store)
    for key in before.keys() | after.keys():
        assert before.get(key, ())[:-1] == after.get(key, ())[:-1], key  # the last: the tree
    store.require_sound()
    assert store.volume.root_is_due


def test_a_journal_that_does_not_fit_is_told(store: VolumeStore) -> None:
    run_inline(store.volume.write_root())
    folder = store.volume.lookup(ROOT_INODE, b"one")
    put_file(store.volume, folder, b"lost", b"bytes")
    store.volume.checkpoint()
    put_file(store.volume, folder, b"more", b"bytes")
    store.abandon()
    report = rebuild(store, without=("index",))
    assert "missing" in report.journal_problem
    assert report.replayed_operations == 0
    assert not [key for key in shown(store) if b"more" in key[1]]
    store.require_sound()


def test_an_older_root_is_used_when_the_newest_cannot_be_read(store: VolumeStore) -> None:
    run_inline(store.volume.write_root())
    before = shown(store)
    put_file(store.volume, ROOT_INODE, b"later", b"bytes")
    store.volume.close()
    damage(frames_of(store, ObjectKind.ROOT)[-1])
    report = rebuild(store)
    assert report.damaged_places == 1
    names = {key[1] for key in shown(store) if key[0] == b"dirent"}
    assert names == {key[1] for key in before if key[0] == b"dirent"}
    store.require_sound()


def test_a_root_whose_tree_lacks_a_page_is_passed_over_and_told(store: VolumeStore) -> None:
    run_inline(store.volume.write_root())
    put_file(store.volume, ROOT_INODE, b"later", b"bytes")
    store.volume.close()
    damage(frames_of(store, ObjectKind.TREE)[-1])
    report = rebuild(store)
    assert len(report.passed_over) == 1
    assert not report.complete
    store.require_sound()


def test_without_any_root_nothing_is_changed(store: VolumeStore) -> None:
    store.volume.close()
    for place in frames_of(store, ObjectKind.ROOT):
        damage(place)
    with pytest.raises(StoreDamaged, match="no root can be read"):
        rebuild_index(store.store, lambda done, total, text: None)
    store._open()
    assert shown(store)


def test_files_that_need_what_is_damaged_are_named(store: VolumeStore) -> None:
    store.volume.close()
    chunks = frames_of(store, ObjectKind.CHUNK)
    largest = max(chunks, key=lambda place: place[1].location.stored)
    damage(largest)
    report = rebuild(store)
    assert report.lost_objects == 1
    assert report.hurt_files == ("/one/two \\xff\\xfe/big",)
    inode = store.volume.resolve(b"/one/two \xff\xfe/big")
    size = store.volume.open_file(inode, writing=False).size
    with pytest.raises(DataError):
        run_inline(store.volume.contents.read(inode, 0, size))
    store.volume.close_file(inode)
    write_file(store.volume, inode, random_bytes("big", 3_000_000))  # which heals it
    store.volume.unlink(store.volume.resolve(b"/one/two \xff\xfe"), b"big")
    store.collect()
    store.require_sound()


def test_a_file_whose_last_bytes_were_in_the_index_alone_is_named(store: VolumeStore) -> None:
    inode = store.volume.resolve(b"/one/two \xff\xfe/big")
    store.volume.open_file(inode, writing=True)
    store.volume.write(inode, 100, b"few bytes")
    store.volume.contents.log_extents(inode)
    run_inline(store.volume.write_root())
    store.abandon()
    report = rebuild(store)
    assert report.unsettled_files == ("/one/two \\xff\\xfe/big",)
    store.require_sound()


def test_a_file_that_was_cut_has_not_what_lay_behind(store: VolumeStore) -> None:
    data = random_bytes("cut", 10_000)
    inode = store.write(b"cut", data)
    store.volume.open_file(inode, writing=True)
    store.volume.truncate(inode, 5_000)
    run_inline(store.volume.write_root())
    store.abandon()
    rebuild(store)
    store.expected[b"cut"] = data[:100] + b"edited" + data[106:5_000]
    store.volume.open_file(inode, writing=True)
    store.volume.write(inode, 100, b"edited")
    run_inline(store.volume.contents.settle(inode))
    store.volume.close_file(inode, writing=True)
    store.require_sound()


def test_a_folder_of_many_files_is_restored(tmp_path: Path) -> None:
    store = VolumeStore(tmp_path)
    for number in range(2000):
        mode = stat.S_IFREG | 0o600
        inode = store.volume.make_node(ROOT_INODE, b"%d" % (number * 7919), mode, 0, USER)
        store.volume.set_attributes(InodeId(inode), AttributeChange(uid=number))
    store.reopen()
    before = shown(store)
    store.volume.close()
    assert rebuild(store).complete
    assert shown(store) == before
    store.require_sound()
    store.abandon()


def test_a_volume_needs_no_root_to_be_opened(tmp_path: Path) -> None:
    """A store that was killed before its first root: rebuild says so, everything else works."""
    Volume.create(tmp_path / "store", plain=True)
    with pytest.raises(StoreDamaged, match="the packs hold none"):
        rebuild_index(tmp_path / "store", lambda done, total, text: None)
    Volume.open(tmp_path / "store").close()
    assert rebuild_index(tmp_path / "store", lambda done, total, text: None).inodes == 1


RENAMES = 6  # that put a new index in place


@pytest.mark.parametrize("ends", [rebuild_index, repair_store])
@pytest.mark.parametrize("renames", range(RENAMES))
def test_a_kill_while_the_new_index_is_put_in_place_is_no_loss(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch, renames: int, ends: Callable[..., object]
) -> None:
    """Not of what the old journal alone knew, either. Nobody opens the store in between."""
    run_inline(store.volume.write_root())
    put_file(store.volume, store.volume.lookup(ROOT_INODE, b"one"), b"new", b"behind the root")
    before = shown(store).keys()
    store.abandon()
    rename, done = Path.rename, iter(range(renames))

    def counted(path: Path, target: Path) -> Path:
        if next(done, None) is None:
            raise OSError(EIO, "killed")
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", counted)
        with pytest.raises(BackendError):
            rebuild_index(store.store, lambda done, total, text: None)
    if renames:
        with pytest.raises(StoreDamaged, match="run cairnfs rebuild-index"):
            Volume.open(store.store)
    ends(store.store, lambda done, total, text: None)
    assert not StoreLayout(store.store).rebuilt.exists()
    store._open()
    assert shown(store).keys() == before
    store.require_sound()


def test_operations_are_numbered_above_those_of_the_old_index(store: VolumeStore) -> None:
    store.reopen()
    store.volume.close()
    rebuild(store)
    root = current_root(store.volume._parts.index)
    assert root is not None
    shown_up_to = decode_root(store.volume._parts.objects.load(root)).operation
    assert store.volume.durability.position > shown_up_to
    store.write(b"file", b"bytes")
    store.reopen()
    store.require_sound()
