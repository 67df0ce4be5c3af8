"""Of a large directory the next tree has the pages it would have if all of it were read again."""

import random
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fsmodel import large_folders
from fsmodel.errors import BackendError, ChunkNotFound
from fsmodel.history import roots
from fsmodel.history.former_pages import leaves_of
from fsmodel.history.root_format import Label
from fsmodel.history.roots import Roots, WrittenRoot
from fsmodel.history.tree_builder import MadeTree, TreeBuilder
from fsmodel.history.tree_pages import TreePages
from fsmodel.ids import ROOT_INODE, InodeId, ObjectId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import NO_RENAME_FLAGS, RenameFlag
from fsmodel.steps import PAUSE, Steps, run_inline
from fsmodel.volume import Volume
from lmdb_index.keys import number_key
from lmdb_index.records import DamagedRecord
from lmdb_index.schema import DAMAGED, INODE
from lmdb_index.snapshot import Snapshot
from tests.support.namespace_store import ManualClock
from tests.support.volume_store import USER, VolumeStore, moments_of

LARGE = 100  # entries
FILES = 900


class Reads:
    """Counts how many rows of a table are read while trees are made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.entries = 0
        made = TreeBuilder._record

        def counted(builder: TreeBuilder, inode: int) -> object:
            self.entries += 1
            return made(builder, inode)

        monkeypatch.setattr(TreeBuilder, "_record", counted)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> VolumeStore:
    """A closed store of which each test has a copy."""
    store = VolumeStore(tmp_path_factory.mktemp("filled"))
    fill(store.volume)
    store.volume.close()
    return store


@pytest.fixture
def store(
    filled: VolumeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[VolumeStore]:
    monkeypatch.setattr(large_folders, "LARGE_ENTRIES_MIN", LARGE)
    store = VolumeStore.of_image(filled, tmp_path)
    yield store
    store.abandon()


@pytest.fixture
def folder(store: VolumeStore) -> InodeId:
    return store.volume.lookup(ROOT_INODE, b"folder")


def fill(volume: Volume) -> None:
    """Make a directory with files, small directories, a large one, and links from elsewhere."""
    folder = volume.make_directory(ROOT_INODE, b"folder", 0o755, USER)
    for number in range(FILES):
        make_file(volume, folder, b"%d" % number)
    for number in range(0, FILES, 100):
        below = volume.make_directory(folder, b"%d below" % number, 0o755, USER)
        make_file(volume, below, b"file")
    inner = volume.make_directory(folder, b"700 large", 0o755, USER)
    for number in range(2 * LARGE):
        make_file(volume, inner, b"%d" % number)
    volume.link(volume.lookup(folder, b"33"), ROOT_INODE, b"other name")
    volume.link(volume.lookup(inner, b"33"), folder, b"name of a file below")
    write_root(volume)


def make_file(volume: Volume, folder: InodeId, name: bytes) -> InodeId:
    return volume.make_node(folder, name, stat.S_IFREG | 0o600, 0, USER)


def write_root(volume: Volume) -> WrittenRoot | None:
    return run_inline(volume.write_root())


def made_in_full(volume: Volume) -> dict[InodeId, ObjectId]:
    """The trees that directories without one get when everything is read."""
    volume.checkpoint()
    with volume._parts.index.snapshot() as view:
        made = TreeBuilder(view).parts()
        return {each.directory: each.tree for each in made if isinstance(each, MadeTree)}


def require_same_trees(store: VolumeStore) -> None:
    """Write a root, and find the trees that reading everything would have made."""
    volume = store.volume
    expected = made_in_full(volume)
    assert expected
    write_root(volume)
    assert {each: volume.attributes(each)[0].tree for each in expected} == expected


def chmod(volume: Volume, folder: InodeId, name: bytes, mode: int = 0o640) -> None:
    volume.set_attributes(volume.lookup(folder, name), AttributeChange(mode=mode))


def create_many(volume: Volume, folder: InodeId) -> None:
    for number in range(400):
        make_file(volume, folder, b"zzz%d" % number)


def unlink_many(volume: Volume, folder: InodeId) -> None:
    for number in range(300, 700):
        volume.unlink(folder, b"%d" % number)


def remove_small_directory(volume: Volume, folder: InodeId) -> None:
    volume.unlink(volume.lookup(folder, b"300 below"), b"file")
    volume.rmdir(folder, b"300 below")


def change_and_move(volume: Volume, folder: InodeId) -> None:
    make_file(volume, folder, b"700 new")
    volume.rename(ROOT_INODE, b"folder", ROOT_INODE, b"moved", NO_RENAME_FLAGS, USER)


Act = Callable[[Volume, InodeId], object]
CHANGES: dict[str, Act] = {
    "chmod": lambda v, f: chmod(v, f, b"700"),
    "chmod of the first": lambda v, f: chmod(v, f, b"0"),
    "chmod of the last": lambda v, f: chmod(v, f, b"name of a file below"),
    "create": lambda v, f: make_file(v, f, b"700 new"),
    "create in front": lambda v, f: make_file(v, f, b" new"),
    "create behind": lambda v, f: make_file(v, f, b"zzz"),
    "create many behind": create_many,
    "unlink": lambda v, f: v.unlink(f, b"700"),
    "unlink of the last": lambda v, f: v.unlink(f, b"name of a file below"),
    "unlink of many": unlink_many,
    "rename within": lambda v, f: v.rename(f, b"10", f, b"99 new", NO_RENAME_FLAGS, USER),
    "rename away": lambda v, f: v.rename(f, b"10", ROOT_INODE, b"x", NO_RENAME_FLAGS, USER),
    "replace": lambda v, f: v.rename(f, b"10", f, b"850", NO_RENAME_FLAGS, USER),
    "exchange": lambda v, f: v.rename(f, b"10", f, b"850", RenameFlag.EXCHANGE, USER),
    "attribute": lambda v, f: v.set_xattr(v.lookup(f, b"10"), b"user.x", b"1" * 300),
    "a file in a small directory": lambda v, f: chmod(v, v.lookup(f, b"300 below"), b"file"),
    "a file more in a small directory": lambda v, f: make_file(
        v, v.lookup(f, b"300 below"), b"new"
    ),
    "a small directory goes": remove_small_directory,
    "a file in the large directory": lambda v, f: chmod(v, v.lookup(f, b"700 large"), b"7"),
    "a file of two names by one of them": lambda v, f: chmod(v, ROOT_INODE, b"other name"),
    "a file that has its first name elsewhere": lambda v, f: chmod(
        v, v.lookup(f, b"700 large"), b"33"
    ),
    "another name for a file": lambda v, f: v.link(v.lookup(f, b"44"), ROOT_INODE, b"one more"),
    "the other name goes": lambda v, f: v.unlink(ROOT_INODE, b"other name"),
    "the first name goes": lambda v, f: v.unlink(f, b"33"),
    "the directory itself": lambda v, f: v.set_attributes(f, AttributeChange(mode=0o700)),
    "the directory moves": change_and_move,
}


@pytest.mark.parametrize("name", CHANGES)
def test_pages_are_the_same_as_if_all_were_read(
    store: VolumeStore, folder: InodeId, name: str
) -> None:
    CHANGES[name](store.volume, folder)
    require_same_trees(store)
    chmod(store.volume, folder, b"801", 0o444)
    require_same_trees(store)
    store.require_sound()


def test_only_entries_that_have_changed_are_read(
    store: VolumeStore, folder: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(monkeypatch)
    chmod(store.volume, folder, b"700")
    write_root(store.volume)
    assert reads.entries < 5, "the root directory's, and the one of the folder"
    store.require_sound()


def test_where_a_former_page_is_not_known_its_entries_are_read(
    store: VolumeStore, folder: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roots, "FORMER_PAGES_MAX", 0)
    reads = Reads(monkeypatch)
    chmod(store.volume, folder, b"700")
    require_same_trees(store)
    assert FILES + 64 <= reads.entries < 2 * FILES, "all for what is expected, and one page"
    store.require_sound()


def test_an_entry_that_has_not_changed_is_as_its_former_page_shows_it(
    store: VolumeStore, folder: InodeId
) -> None:
    """So the access time of a file is the one that was seen when something else changed."""
    volume, clock = store.volume, ManualClock()
    volume._parts.changes._clock = clock
    inode = volume.lookup(folder, b"701")
    before = volume.attributes(inode)[0].atime_ns
    clock.advance(1e6)
    assert volume.record_access(inode)
    chmod(volume, folder, b"700")
    shown = run_inline(volume.snapshots.present())
    assert run_inline(shown.resolve(b"folder/701")).atime_ns == before
    assert volume.attributes(inode)[0].atime_ns != before
    store.require_sound()


def test_when_many_entries_of_a_directory_have_changed_all_are_read(
    store: VolumeStore, folder: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(FILES // 2):
        chmod(store.volume, folder, b"%d" % number)
    assert not store.volume._parts.changes.stale_trees.large.take()
    reads = Reads(monkeypatch)
    write_root(store.volume)
    assert reads.entries >= FILES
    store.require_sound()


def test_what_was_not_noted_is_read_again(
    store: VolumeStore, folder: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    chmod(store.volume, folder, b"700")
    store.kill()
    reads = Reads(monkeypatch)
    require_same_trees(store)
    assert reads.entries > 2 * FILES, "once for what is expected, and once for the root"


def test_of_too_many_notes_those_of_smaller_directories_are_forgotten(
    store: VolumeStore, folder: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_folders, "NOTES_MAX", 80)
    inner = store.volume.lookup(folder, b"700 large")
    for number in range(25):
        chmod(store.volume, folder, b"%d" % number)
    for number in range(40):
        chmod(store.volume, inner, b"%d" % number)
    assert set(store.volume._parts.changes.stale_trees.large.take()) == {folder}
    require_same_trees(store)
    store.require_sound()


def test_too_many_notes_are_forgotten(
    store: VolumeStore, folder: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(large_folders, "NOTES_MAX", 20)
    for number in range(30):
        chmod(store.volume, folder, b"%d" % number)
    reads = Reads(monkeypatch)
    write_root(store.volume)
    assert reads.entries > FILES
    store.require_sound()


class RandomChanges:
    """Changes a directory at random and knows the names it has."""

    def __init__(self, volume: Volume, folder: InodeId, seed: int) -> None:
        self.volume, self.folder, self.dice = volume, folder, random.Random(seed)
        self.names = [b"%d" % number for number in range(FILES)]

    def one(self) -> None:
        """Change something."""
        volume, folder, dice = self.volume, self.folder, self.dice
        at = dice.randrange(len(self.names))
        name, new = self.names[at], b"%d new %d" % (dice.randrange(FILES), dice.randrange(1 << 40))
        match dice.randrange(5):
            case 0:
                chmod(volume, folder, name, dice.randrange(0o777))
            case 1:
                volume.unlink(folder, self.names.pop(at))
            case 2:
                make_file(volume, folder, new)
                self.names.append(new)
            case 3:
                volume.rename(folder, name, folder, new, NO_RENAME_FLAGS, USER)
                self.names[at] = new
            case 4:
                below = volume.lookup(folder, b"%d below" % (100 * dice.randrange(FILES // 100)))
                make_file(volume, below, new)


@pytest.mark.parametrize("seed", range(3))
def test_many_changes_and_some_while_roots_are_written(
    store: VolumeStore, folder: InodeId, seed: int
) -> None:
    changes = RandomChanges(store.volume, folder, seed)
    for round_ in range(3):
        for _ in range(changes.dice.randrange(40)):
            changes.one()
        for moment in moments_of(store.volume.write_root()):
            if moment % 3 == round_ % 3:
                changes.one()
        chmod(store.volume, folder, changes.names[0], 0o100 + round_)
        require_same_trees(store)
    store.require_sound()


def fail_once(monkeypatch: pytest.MonkeyPatch, error: Exception, act: Callable[[], object]) -> None:
    """The next root fails when its trees are made, and while that is so, something happens."""
    store_list = Roots._store_list

    def fail(roots: Roots, view: Snapshot) -> Steps[tuple[Label, ...]]:
        monkeypatch.setattr(Roots, "_store_list", store_list)
        act()
        yield PAUSE
        raise error

    monkeypatch.setattr(Roots, "_store_list", fail)


def test_after_a_root_that_failed_nothing_is_missing(
    store: VolumeStore, folder: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = store.volume
    make_file(volume, folder, b"600 new")
    error = BackendError("journal", OSError("broken"))
    fail_once(monkeypatch, error, lambda: make_file(volume, folder, b"150 meanwhile"))
    with pytest.raises(BackendError):
        write_root(volume)
    make_file(volume, folder, b"800 new")
    reads = Reads(monkeypatch)
    require_same_trees(store)
    assert reads.entries < 2 * FILES, "all of it for what is expected, and little for the root"
    store.require_sound()


def test_pages_that_are_not_there_are_not_asked_for_twice(
    store: VolumeStore, folder: InodeId, monkeypatch: pytest.MonkeyPatch
) -> None:
    chmod(store.volume, folder, b"5")
    fail_once(monkeypatch, ChunkNotFound(b"a page"), lambda: None)
    with pytest.raises(ChunkNotFound):
        write_root(store.volume)
    reads = Reads(monkeypatch)
    write_root(store.volume)
    assert reads.entries > FILES
    store.require_sound()


def test_pages_of_a_tree_that_was_wrong_are_not_kept(store: VolumeStore, folder: InodeId) -> None:
    volume, parts = store.volume, store.volume._parts
    file = volume.lookup(folder, b"700")
    with parts.index.operation() as operation:
        record = operation.get(INODE, number_key(file))
        assert record is not None
        record.mtime_ns += 1  # which nobody is told of
        operation.put(INODE, number_key(file), record)
    parts.inodes.clear()
    assert run_inline(volume.fsck()).findings
    run_inline(volume.repair())
    assert not volume.attributes(folder)[0].tree
    chmod(volume, folder, b"5")
    require_same_trees(store)
    store.require_sound()


def test_a_page_that_is_damaged_is_made_again(store: VolumeStore, folder: InodeId) -> None:
    volume, parts = store.volume, store.volume._parts
    tree = ObjectId(volume.attributes(folder)[0].tree)
    leaf = run_inline(leaves_of(TreePages(parts.objects), tree))[1]
    chmod(volume, folder, b"5")
    with parts.index.operation() as operation:
        operation.put(DAMAGED, leaf.id, DamagedRecord("cannot be read", 1))
    write_root(volume)
    assert not parts.objects.is_damaged(leaf.id)
    store.require_sound()


def test_a_tree_that_cannot_be_read_is_made_from_all_entries(
    store: VolumeStore, folder: InodeId, caplog: pytest.LogCaptureFixture
) -> None:
    chmod(store.volume, folder, b"5")
    large = store.volume._parts.changes.stale_trees.large
    large._folders[folder].tree = ObjectId(bytes(32))
    require_same_trees(store)
    assert "is read again as a whole" in caplog.text
    caplog.clear()


def test_pages_of_something_else_are_noticed(
    store: VolumeStore, folder: InodeId, caplog: pytest.LogCaptureFixture
) -> None:
    """Were something not noted that had to be, the number of entries would tell most of it."""
    make_file(store.volume, folder, b"700 new")
    large = store.volume._parts.changes.stale_trees.large
    large._folders[folder].names.clear()
    require_same_trees(store)
    assert "all of it is read again" in caplog.text
    caplog.clear()
    store.require_sound()
