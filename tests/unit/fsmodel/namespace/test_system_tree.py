"""Hidden folders: made where they are missing, found by nobody but cairnfs itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.change import Change
from fsmodel.errors import AlreadyExists, NotFound, NotPermitted, PathRefused
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.names import VIEW_NAMES
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.renames import RenameFlag
from fsmodel.namespace.system_tree import SYSTEM_NAME
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from tests.support.namespace_store import USER, NamespaceStore

NO_FLAGS = RenameFlag(0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[NamespaceStore]:
    opened = NamespaceStore(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Volume]:
    """A volume with a hidden folder `kept`."""
    folder = tmp_path / "store"
    Volume.create(folder, plain=True)
    opened = Volume.open(folder)
    made_folder(opened._names, b"kept")
    yield opened
    opened.close()


def made_folder(names: Namespace, *path: bytes) -> InodeId:
    with names.changes.begin() as change:
        return names.system.folder(change, *path)


def test_a_folder_is_made_once(store: NamespaceStore) -> None:
    system = store.namespace.system
    assert system.find() is None
    made = made_folder(store.namespace, b"versions", b"7")
    assert made_folder(store.namespace, b"versions", b"7") == made
    assert system.find(b"versions", b"7") == made
    assert system.find(b"versions", b"8") is None


def test_the_root_looks_unchanged_in_its_times(store: NamespaceStore) -> None:
    before = store.namespace.record(ROOT_INODE)
    store.clock.advance(5)
    made_folder(store.namespace, b"versions")
    after = store.namespace.record(ROOT_INODE)
    assert (after.mtime_ns, after.ctime_ns) == (before.mtime_ns, before.ctime_ns)


def test_what_lies_below_is_known_to_be_hidden(store: NamespaceStore) -> None:
    deep = made_folder(store.namespace, b"a", b"b")
    plain = store.namespace.make_directory(ROOT_INODE, b"plain", 0o755, USER)
    system = store.namespace.system
    assert system.contains(deep)
    assert not system.contains(plain)
    assert not system.contains(ROOT_INODE)


def test_a_change_given_up_makes_no_folder(store: NamespaceStore) -> None:
    def give_up(change: Change) -> None:
        store.namespace.system.folder(change, b"a")
        raise RuntimeError

    with pytest.raises(RuntimeError), store.namespace.changes.begin() as change:
        give_up(change)
    assert store.namespace.system.find() is None


def test_users_neither_see_nor_reach_it(volume: Volume) -> None:
    limit = volume.listing_limit(ROOT_INODE)
    assert SYSTEM_NAME not in [entry.name for entry in volume.list_entries(ROOT_INODE, 0, limit)]
    with pytest.raises(NotFound):
        volume.lookup(ROOT_INODE, SYSTEM_NAME)
    for path in (SYSTEM_NAME, b"/" + SYSTEM_NAME + b"/kept", b"./" + SYSTEM_NAME + b"/kept"):
        with pytest.raises(NotFound):
            volume.resolve(path)


def test_users_cannot_remove_move_or_replace_it(volume: Volume) -> None:
    volume.make_directory(ROOT_INODE, b"a", 0o755, USER)
    with pytest.raises(NotPermitted):
        volume.rmdir(ROOT_INODE, SYSTEM_NAME)
    with pytest.raises(NotPermitted):
        volume.unlink(ROOT_INODE, SYSTEM_NAME)
    with pytest.raises(NotPermitted):
        volume.rename(ROOT_INODE, SYSTEM_NAME, ROOT_INODE, b"b", NO_FLAGS)
    with pytest.raises(PathRefused):
        volume.rename(ROOT_INODE, b"a", ROOT_INODE, SYSTEM_NAME, NO_FLAGS)
    with pytest.raises(AlreadyExists):
        volume.make_directory(ROOT_INODE, SYSTEM_NAME, 0o755, USER)


@pytest.mark.parametrize("name", sorted(VIEW_NAMES))
def test_names_of_views_are_reserved_everywhere(volume: Volume, name: bytes) -> None:
    below = volume.make_directory(ROOT_INODE, b"a", 0o755, USER)
    for parent in (ROOT_INODE, below):
        with pytest.raises(PathRefused):
            volume.make_directory(parent, name, 0o755, USER)


def test_views_of_the_root_are_ordinary_names_below(volume: Volume) -> None:
    below = volume.make_directory(ROOT_INODE, b"a", 0o755, USER)
    assert volume.make_directory(below, SYSTEM_NAME, 0o755, USER)


def test_it_is_part_of_what_is_checked_and_kept(tmp_path: Path) -> None:
    Volume.create(tmp_path / "store", plain=True)
    for known in (False, True):
        volume = Volume.open(tmp_path / "store")
        assert (volume._names.system.find(b"kept") is not None) is known
        made_folder(volume._names, b"kept")
        assert run_inline(volume.fsck()).clean
        volume.close()
