"""Snapshots show one moment for as long as they are kept, and cost what has changed."""

import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fsmodel.errors import (
    AlreadyExists,
    NameTooLong,
    NoSuchAttribute,
    NotADirectory,
    NotFound,
    PathRefused,
    ReadOnly,
)
from fsmodel.history import snapshot_store
from fsmodel.history.snapshots import SnapshotInfo
from fsmodel.ids import ROOT_INODE
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.system_tree import SYSTEM_NAME
from fsmodel.rebuild.rebuild import RebuildReport, rebuild_index
from fsmodel.repair.repair import repair_store
from fsmodel.steps import run_inline
from fsmodel.upkeep.findings import Part
from fsmodel.volume import Volume
from lmdb_index.records import SnapshotRecord
from lmdb_index.schema import OBJECT, SNAPSHOT
from tests.support.filled_tree import LONG_VALUE, fill_tree, put_file, write_file
from tests.support.shown_tree import shown_in, shown_now
from tests.support.volume_store import USER, VolumeStore, moments_of, random_bytes


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    store = VolumeStore(tmp_path)
    yield store
    store.abandon()


def create(volume: Volume, name: bytes) -> SnapshotInfo:
    return run_inline(volume.snapshots.create(name))


def names(volume: Volume) -> list[bytes]:
    return [each.name for each in volume.snapshots.all()]


def rebuild(store: VolumeStore) -> RebuildReport:
    for folder in ("index", "journal"):
        shutil.rmtree(store.store / folder)
    report = rebuild_index(store.store, lambda done, total, text: None)
    store._open()
    return report


def test_what_is_told_of_all_of_them_costs_one_look_until_some_come_or_go(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = store.volume.snapshots
    assert snapshots.overview() == (0, None)
    first = create(store.volume, b"first")
    second = create(store.volume, b"second")
    assert snapshots.overview() == (2, second.created_ns)
    with monkeypatch.context() as patched:
        patched.setattr(snapshot_store, "all_snapshots", None)  # cannot be called
        assert snapshots.overview() == (2, second.created_ns)
    snapshots.delete(b"second")
    assert snapshots.overview() == (1, first.created_ns)
    third = create(store.volume, b"third")
    assert snapshots.overview() == (2, third.created_ns)
    snapshots.delete(b"first")
    fourth = create(store.volume, b"fourth")  # as many as before, but others
    assert snapshots.overview() == (2, fourth.created_ns)


def test_a_snapshot_shows_what_there_was(store: VolumeStore) -> None:
    volume = store.volume
    fill_tree(volume)
    before = shown_now(volume)
    made = create(volume, b"first")
    figures = volume.statistics()
    assert (made.files, made.logical_bytes) == (figures.files, figures.logical_bytes)
    assert volume.snapshots.all() == [made]
    one = volume.lookup(ROOT_INODE, b"one")
    write_file(volume, volume.lookup(one, b"small"), b"something else")
    volume.set_attributes(one, AttributeChange(mode=0o700))
    volume.unlink(ROOT_INODE, b"a link")
    put_file(volume, one, b"new", b"bytes")
    assert shown_in(volume, b"first") == before
    store.collect()
    store.forget_cache()
    assert shown_in(volume, b"first") == before
    store.require_sound()
    store.reopen()
    assert shown_in(store.volume, b"first") == before
    assert store.volume.snapshots.all() == [made]


def test_a_snapshot_of_an_unchanged_tree_costs_one_root(store: VolumeStore) -> None:
    volume = store.volume
    fill_tree(volume)
    create(volume, b"first")
    index = volume._parts.index
    before = index.count(OBJECT)
    create(volume, b"second")
    assert not volume.root_is_due
    assert index.count(OBJECT) - before == 2  # the root, and the list that has the first one
    create(volume, b"third")
    assert index.count(OBJECT) - before == 4
    store.require_sound()


def test_files_are_found_in_snapshots_by_their_paths(store: VolumeStore) -> None:
    volume = store.volume
    fill_tree(volume)
    create(volume, b"first")
    tree = run_inline(volume.snapshots.tree(b"first"))
    entry = run_inline(tree.resolve(b"/one/./small"))
    assert bytes(run_inline(volume.read_content(entry.content, entry.size, 4, 3))) == b"byt"
    assert run_inline(tree.xattr(entry, b"user.long")) == LONG_VALUE
    assert run_inline(tree.resolve(b"")) == tree.top
    for path, error in [
        (b"/none", NotFound),
        (b"/one/small/x", NotADirectory),
        (b"/one/..", PathRefused),
    ]:
        with pytest.raises(error):
            run_inline(tree.resolve(path))
    with pytest.raises(NoSuchAttribute):
        run_inline(tree.xattr(entry, b"user.other"))


def test_a_content_is_cut_and_filled_up_to_the_size_asked_for(store: VolumeStore) -> None:
    inode = store.write(b"file", b"0123456789")
    ref = store.volume.attributes(inode)[0].content
    read = store.volume.read_content
    assert bytes(run_inline(read(ref, 4, 2, 100))) == b"23"
    assert bytes(run_inline(read(ref, 12, 8, 100))) == b"89\0\0"
    assert bytes(run_inline(read(b"", 3, 0, 100))) == b"\0\0\0"


def test_large_directories_are_listed_page_by_page(store: VolumeStore) -> None:
    volume = store.volume
    expected = [b"%05d" % number for number in range(3000)]
    folder = volume.make_directory(ROOT_INODE, b"large", 0o755, USER)
    for name in expected:
        volume.make_node(folder, name, stat.S_IFREG | 0o600, 0, USER)
    create(volume, b"first")
    tree = run_inline(volume.snapshots.tree(b"first"))
    large = run_inline(tree.lookup(tree.top, b"large"))
    listed: list[bytes] = []
    while found := run_inline(tree.entries(large, listed[-1] if listed else b"")):
        listed += [entry.name for entry in found]
    assert listed == expected
    assert all(run_inline(tree.lookup(large, name)).name == name for name in expected[::100])
    for name in (b"0", b"00000a", b"99999"):
        with pytest.raises(NotFound):
            run_inline(tree.lookup(large, name))


def test_the_hidden_part_of_the_tree_is_not_shown(store: VolumeStore) -> None:
    volume = store.volume
    with volume._parts.changes.begin() as change:
        volume._parts.namespace.system.folder(change, b"folder")
    before = shown_now(volume)
    create(volume, b"first")
    assert shown_in(volume, b"first") == before
    tree = run_inline(volume.snapshots.tree(b"first"))
    with pytest.raises(NotFound):
        run_inline(tree.resolve(SYSTEM_NAME + b"/folder"))
    put_file(volume, ROOT_INODE, b"file", b"")
    create(volume, b"second")
    assert b"/file" in shown_in(volume, b"second")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (b"", PathRefused),
        (b".", PathRefused),
        (b"..", PathRefused),
        (b".hidden", PathRefused),
        (b"a/b", PathRefused),
        (b"a\0b", PathRefused),
        (b"a\nb", PathRefused),
        (b"\xff", PathRefused),
        (b"n" * 256, NameTooLong),
    ],
)
def test_what_cannot_name_a_snapshot_is_refused(
    store: VolumeStore, name: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        create(store.volume, name)
    assert names(store.volume) == []


def test_a_name_is_used_once(store: VolumeStore) -> None:
    create(store.volume, "Übung 1".encode())
    with pytest.raises(AlreadyExists, match="Übung 1"):
        create(store.volume, "Übung 1".encode())
    store.volume.snapshots.delete("Übung 1".encode())
    create(store.volume, "Übung 1".encode())
    with pytest.raises(NotFound, match="none"):
        store.volume.snapshots.delete(b"none")
    with pytest.raises(NotFound, match="none"):
        run_inline(store.volume.snapshots.tree(b"none"))


def test_a_read_only_volume_has_snapshots_and_makes_none(store: VolumeStore) -> None:
    fill_tree(store.volume)
    create(store.volume, b"first")
    before = shown_in(store.volume, b"first")
    store.volume.close()
    volume = Volume.open(store.store, read_only=True)
    assert shown_in(volume, b"first") == before
    with pytest.raises(ReadOnly):
        create(volume, b"second")
    with pytest.raises(ReadOnly):
        volume.snapshots.delete(b"first")
    volume.close()
    store._open()


def test_deleting_a_snapshot_gives_its_space_back(store: VolumeStore) -> None:
    store.write(b"file", random_bytes("large", 500_000))
    create(store.volume, b"first")
    store.delete(b"file")
    run_inline(store.volume.write_root())
    store.collect()
    assert store.pack_bytes() > 500_000
    store.volume.snapshots.delete(b"first")
    assert names(store.volume) == []
    assert store.volume.root_is_due
    run_inline(store.volume.write_root())
    store.collect()
    assert store.pack_bytes() < 100_000
    store.require_sound()


def test_a_kill_at_any_moment_leaves_a_whole_snapshot_or_none(store: VolumeStore) -> None:
    fill_tree(store.volume)
    before = shown_now(store.volume)
    create(store.volume, b"first")
    put_file(store.volume, ROOT_INODE, b"new", b"bytes")
    after = shown_now(store.volume)
    found = set()
    for _ in moments_of(store.volume.snapshots.create(b"second")):
        image = VolumeStore.of_image(store)
        assert shown_in(image.volume, b"first") == before
        found.add(len(names(image.volume)))
        if b"second" in names(image.volume):
            assert shown_in(image.volume, b"second") == after
        image.require_sound()
        image.remove()
    assert found == {1, 2}


def test_a_snapshot_waits_for_a_root_that_is_being_written(store: VolumeStore) -> None:
    fill_tree(store.volume)
    root = store.volume.write_root()
    work = next(root)
    for _ in range(3):
        work = root.send(work.run())
    waiting = store.volume.snapshots.create(b"first")
    held = next(waiting)
    for _ in range(3):
        held = waiting.send(held.run())
    assert names(store.volume) == []
    root.close()
    with suppress(StopIteration):
        while True:
            held = waiting.send(held.run())
    assert names(store.volume) == [b"first"]
    store.require_sound()


def test_the_index_made_again_has_the_snapshots(store: VolumeStore) -> None:
    volume = store.volume
    fill_tree(volume)
    shown = {}
    for name in (b"first", b"second", b"third"):
        put_file(volume, ROOT_INODE, name, name)
        create(volume, name)
        shown[name] = shown_in(volume, name)
    volume.snapshots.delete(b"second")
    before = volume.snapshots.all()
    store.volume.close()
    report = rebuild(store)
    assert report.complete
    assert report.snapshots == 2
    assert store.volume.snapshots.all() == before
    assert {name: shown_in(store.volume, name) for name in names(store.volume)} == {
        name: shown[name] for name in (b"first", b"third")
    }
    store.require_sound()
    create(store.volume, b"fourth")
    store.require_sound()


def test_who_was_late_with_a_name_leaves_no_root_that_has_it(store: VolumeStore) -> None:
    """An index made again would take that for the snapshot."""
    fill_tree(store.volume)
    late = moments_of(store.volume.snapshots.create(b"first"))
    next(late)
    made = create(store.volume, b"first")
    put_file(store.volume, ROOT_INODE, b"new", b"bytes")
    with pytest.raises(AlreadyExists):
        list(late)
    store.kill()
    store.volume._parts.close()
    rebuild(store)
    assert store.volume.snapshots.all() == [made]
    store.require_sound()


def test_the_last_snapshot_is_told_by_its_own_root(store: VolumeStore) -> None:
    fill_tree(store.volume)
    made = create(store.volume, b"first")
    store.volume.close()
    assert rebuild(store).snapshots == 1
    assert store.volume.snapshots.all() == [made]
    store.require_sound()


def test_the_journal_tells_of_snapshots_behind_the_root(store: VolumeStore) -> None:
    create(store.volume, b"first")
    put_file(store.volume, ROOT_INODE, b"file", b"bytes")
    made = create(store.volume, b"second")
    store.volume.snapshots.delete(b"first")
    store.kill()
    store.volume._parts.close()
    shutil.rmtree(store.store / "index")
    rebuild_index(store.store, lambda done, total, text: None)
    store._open()
    assert store.volume.snapshots.all() == [made]
    store.require_sound()


def test_a_snapshot_that_cannot_be_read_is_lost_and_told(store: VolumeStore) -> None:
    fill_tree(store.volume)
    lost = create(store.volume, b"first")
    put_file(store.volume, ROOT_INODE, b"file", b"bytes")
    create(store.volume, b"second")
    parts = store.volume._parts
    row = parts.objects.get(lost.root)
    path = parts.layout.pack(row.pack)  # type: ignore[arg-type]  # a PackId
    store.volume.close()
    data = bytearray(path.read_bytes())
    data[row.offset + 70] ^= 1
    path.write_bytes(data)
    report = rebuild(store)
    assert [text.split(":")[0] for text in report.lost_snapshots] == ["first"]
    assert not report.complete
    assert names(store.volume) == [b"second"]


def test_fsck_notices_what_is_wrong_about_snapshots(store: VolumeStore) -> None:
    fill_tree(store.volume)
    made = create(store.volume, b"first")
    other = create(store.volume, b"second")
    index = store.volume._parts.index
    wrong = {
        b"first": SnapshotRecord(other.root, made.created_ns, made.logical_bytes, made.files),
        b"third": SnapshotRecord(b"x" * 32, 1, 2, 3),
    }
    with index.operation() as operation:
        for name, record in wrong.items():
            operation.put(SNAPSHOT, name, record)
    texts = [finding.text for finding in run_inline(store.volume.fsck()).findings]
    assert any("snapshot first is another one" in text for text in texts)
    assert any("snapshot third cannot be read" in text for text in texts)
    assert any("snapshot third: the last root does not tell" in text for text in texts)
    assert any("references" in text for text in texts)
    store.volume.close()
    report = repair_store(store.store, lambda done, total, text: None)
    assert [finding.part for finding in report.findings] == [Part.DAMAGE]
    store._open()
    store.volume.snapshots.delete(b"third")  # whose root no pack has
    assert store.volume.snapshots.all() == [made, other]
    store.collect()
    store.require_sound()


def test_a_row_that_was_lost_is_made_again_from_the_last_root(store: VolumeStore) -> None:
    made = create(store.volume, b"first")
    put_file(store.volume, ROOT_INODE, b"file", b"bytes")
    run_inline(store.volume.write_root())
    index = store.volume._parts.index
    with index.operation() as operation:
        operation.delete(SNAPSHOT, b"first")
    (told, *_) = [finding.text for finding in run_inline(store.volume.fsck()).findings][::-1]
    assert told == "snapshot first: only the last root tells of it"
    store.volume.close()
    assert repair_store(store.store, lambda done, total, text: None).findings == ()
    store._open()
    assert store.volume.snapshots.all() == [made]
    store.require_sound()
