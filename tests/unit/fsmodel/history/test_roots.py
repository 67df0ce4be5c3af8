"""Roots are written beside changes, show one moment, and cost what has changed."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.errors import BackendError, ChunkNotFound
from fsmodel.history.roots import (
    ATTEMPTS,
    Roots,
    WrittenRoot,
    current_root,
    write_persistently,
)
from fsmodel.history.tree_entry import INLINE_ENTRIES
from fsmodel.history.tree_reader import entries_of_tree
from fsmodel.ids import ROOT_INODE, InodeId, ObjectId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import NO_RENAME_FLAGS
from fsmodel.steps import PAUSE, Steps, run_inline
from fsmodel.volume import Volume
from lmdb_index.keys import number_key
from lmdb_index.schema import INODE
from tests.support.filled_tree import fill_tree, put_file, write_file
from tests.support.namespace_store import ManualClock
from tests.support.stepping import Driver
from tests.support.volume_store import USER, VolumeStore, moments_of, random_bytes


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    store = VolumeStore(tmp_path)
    yield store
    store.abandon()


def write_root(volume: Volume) -> WrittenRoot | None:
    return run_inline(volume.write_root())


def tree_of(volume: Volume, inode: InodeId = ROOT_INODE) -> ObjectId:
    return ObjectId(volume.attributes(inode)[0].tree)


def shown_names(volume: Volume, inode: InodeId = ROOT_INODE) -> list[bytes]:
    load = volume._parts.objects.load
    return [entry.name for entry in entries_of_tree(load, tree_of(volume, inode))]


def test_a_root_shows_everything_and_is_written_once(store: VolumeStore) -> None:
    volume = store.volume
    fill_tree(volume)
    assert volume.root_is_due
    assert write_root(volume) is not None
    assert not volume.root_is_due
    assert write_root(volume) is None
    assert shown_names(volume) == [b"a link", b"one"]
    store.require_sound()  # which makes every tree again and compares
    store.reopen()
    assert not store.volume.root_is_due


def test_a_snapshot_that_exists_is_not_told_to_have_failed(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after its naming only spares the next root some work."""
    volume = store.volume
    fill_tree(volume)
    with monkeypatch.context() as patch:
        patch.setattr(Roots, "_record_trees", refuse_to_record)
        run_inline(volume.snapshots.create(b"s"))
    assert [each.name for each in volume.snapshots.all()] == [b"s"]
    assert write_root(volume) is not None
    store.require_sound()


def refuse_to_record(*arguments: object) -> Steps[None]:
    yield PAUSE
    raise BackendError("journal", OSError("Too many open files"))


def fill_folder(volume: Volume, name: bytes, files: int) -> InodeId:
    """A folder with so many empty files and one with bytes, which is returned."""
    folder = volume.make_directory(ROOT_INODE, name, 0o755, USER)
    for number in range(files):
        volume.make_node(folder, b"%d" % number, stat.S_IFREG | 0o600, 0, USER)
    return put_file(volume, folder, b"file", name)


def test_one_changed_file_costs_the_path_to_it(store: VolumeStore) -> None:
    volume = store.volume
    files = [fill_folder(volume, b"%d" % number, 70) for number in range(5)]
    first = write_root(volume)
    assert first is not None
    assert first.directories == 6
    write_file(volume, files[3], b"others")
    second = write_root(volume)
    assert second is not None
    assert (second.directories, second.objects) == (2, 3)
    store.require_sound()


def test_small_directories_are_part_of_the_tree_above(store: VolumeStore) -> None:
    volume = store.volume
    files = [fill_folder(volume, b"%d" % number, 2) for number in range(10)]
    first = write_root(volume)
    assert first is not None
    assert (first.directories, first.objects) == (1, 2)
    for change in (b"one", b"two"):
        write_file(volume, files[7], change)
        assert volume.root_is_due
        second = write_root(volume)
        assert second is not None
        assert (second.directories, second.objects) == (1, 2)
        assert not volume.root_is_due
        store.require_sound()


def test_a_directory_that_grows_and_shrinks_gets_pages_and_loses_them(store: VolumeStore) -> None:
    volume = store.volume
    fill_folder(volume, b"folder", INLINE_ENTRIES - 2)
    folder = volume.lookup(ROOT_INODE, b"folder")
    write_root(volume)
    assert not volume.attributes(folder)[0].tree
    volume.make_node(folder, b"one more", stat.S_IFREG, 0, USER)
    write_root(volume)
    assert shown_names(volume, folder)[-1] == b"one more"
    store.require_sound()
    volume.unlink(folder, b"file")
    write_root(volume)
    assert not volume.attributes(folder)[0].tree
    store.require_sound()


def test_fsck_compares_small_directories_with_the_tree_above(store: VolumeStore) -> None:
    file = fill_folder(store.volume, b"folder", 2)
    write_root(store.volume)
    parts = store.volume._parts
    with parts.index.operation() as operation:
        record = operation.get(INODE, number_key(file))
        assert record is not None
        record.mtime_ns += 1
        operation.put(INODE, number_key(file), record)
    (finding,) = run_inline(store.volume.fsck()).findings
    assert "does not show b'file' as it is" in finding.text
    parts.inodes.clear()
    store.volume.set_attributes(file, AttributeChange(mode=0))
    write_root(store.volume)
    store.require_sound()


def test_reading_costs_nothing(store: VolumeStore) -> None:
    clock = ManualClock()
    store.volume._parts.changes._clock = clock
    inode = store.write(b"file", b"bytes")
    write_root(store.volume)
    clock.advance(1e6)
    assert store.volume.record_access(inode)
    assert not store.volume.root_is_due
    store.require_sound()


def test_a_large_directory_is_many_pages_and_one_change_few_of_them(store: VolumeStore) -> None:
    volume = store.volume
    for number in range(3000):
        volume.make_node(ROOT_INODE, b"%d" % number, stat.S_IFREG | 0o600, 0, USER)
    first = write_root(volume)
    assert first is not None
    assert first.objects > 10
    volume.set_attributes(volume.lookup(ROOT_INODE, b"1500"), AttributeChange(mode=0))
    second = write_root(volume)
    assert second is not None
    assert second.objects == 3, "a leaf, the page above and the root"
    assert len(shown_names(volume)) == 3000
    store.require_sound()


def test_a_directory_that_only_moves_keeps_its_tree(store: VolumeStore) -> None:
    volume = store.volume
    fill_folder(volume, b"folder", 70)
    folder = volume.lookup(ROOT_INODE, b"folder")
    write_root(volume)
    former = tree_of(volume, folder)
    above = volume.make_directory(ROOT_INODE, b"above", 0o700, USER)
    volume.rename(ROOT_INODE, b"folder", above, b"moved", NO_RENAME_FLAGS)
    second = write_root(volume)
    assert second is not None
    assert (second.directories, second.objects) == (1, 2)
    assert tree_of(volume, folder) == former
    store.require_sound()


def change_something(store: VolumeStore, moment: int) -> None:
    """What users do while a root is being written: everywhere, and something else each time."""
    volume = store.volume
    folder = volume.lookup(ROOT_INODE, b"one")
    inner = volume.lookup(folder, b"two \xff\xfe")
    match moment % 5:
        case 0:
            put_file(volume, inner, b"new %d" % moment, random_bytes(moment, 100))
        case 1:
            write_file(volume, volume.lookup(folder, b"small"), random_bytes(moment, 200))
        case 2:
            volume.make_directory(folder, b"new %d" % moment, 0o700, USER)
        case 3:
            volume.set_xattr(inner, b"user.x", b"%d" % moment)
        case 4:
            volume.unlink(inner, b"new %d" % (moment - 4))


def test_what_changes_while_a_root_is_written_is_part_of_the_next(store: VolumeStore) -> None:
    fill_tree(store.volume)
    moments = 0
    for number in moments_of(store.volume.write_root()):
        change_something(store, number - 1)
        moments = number
        store.require_sound()
    assert moments > 5
    assert store.volume.root_is_due
    write_root(store.volume)
    assert not store.volume.root_is_due
    store.require_sound()


def test_a_collection_at_any_moment_takes_nothing_that_a_root_needs(store: VolumeStore) -> None:
    fill_tree(store.volume)
    for number in moments_of(store.volume.write_root()):
        if number % 3 == 0:
            store.collect()
    write_root(store.volume)
    store.require_sound()
    assert current_root(store.volume._parts.index) is not None


def test_a_kill_at_any_moment_leaves_the_old_root_or_the_new_one(store: VolumeStore) -> None:
    fill_tree(store.volume)
    write_root(store.volume)
    change_something(store, 0)
    change_something(store, 2)
    for _ in moments_of(store.volume.write_root()):
        image = VolumeStore.of_image(store)
        image.require_sound()
        write_root(image.volume)
        image.require_sound()
        assert not image.volume.root_is_due
        image.remove()


def test_old_roots_are_garbage_and_so_is_what_only_they_named(store: VolumeStore) -> None:
    store.write(b"file", random_bytes("large", 500_000))
    write_root(store.volume)
    store.delete(b"file")
    assert store.volume.statistics().garbage_bytes < 10_000  # the root still shows the file
    write_root(store.volume)
    store.collect()
    store.require_sound()
    assert store.pack_bytes() < 100_000


def test_two_roots_are_not_written_at_once(store: VolumeStore) -> None:
    fill_tree(store.volume)
    for number in moments_of(store.volume.write_root()):
        if number > 2:  # the checkpoint is behind it
            assert write_root(store.volume) is None
    store.require_sound()


def test_writing_that_is_given_up_leaves_nothing_behind(store: VolumeStore) -> None:
    fill_tree(store.volume)
    steps = store.volume.write_root()
    next(steps)
    steps.send(None)
    steps.close()
    assert write_root(store.volume) is not None
    store.require_sound()


def test_a_collection_writes_its_root_again_when_what_that_was_to_show_has_gone(
    store: VolumeStore,
) -> None:
    volume = store.volume
    volume.set_xattr(ROOT_INODE, b"cairnfs.versions", b"off")
    put_file(volume, ROOT_INODE, b"gone", random_bytes("gone", 600_000))
    collection = Driver(volume.collect_garbage(lambda *_: None, thorough=True))
    while not volume._parts.roots.is_writing:
        collection.step()
    volume.unlink(ROOT_INODE, b"gone")
    run_inline(volume.follow_up_deletions())  # its list of chunks has no row any more
    assert collection.finish().objects_freed > 0
    assert shown_names(volume) == []
    store.require_sound()


def test_a_root_that_never_comes_about_is_given_up(store: VolumeStore) -> None:
    attempts: list[int] = []

    def write() -> Steps[None]:
        attempts.append(len(attempts))
        yield PAUSE
        raise ChunkNotFound(ObjectId(bytes(32)))

    with pytest.raises(ChunkNotFound):
        run_inline(write_persistently(write))
    assert len(attempts) == ATTEMPTS
