"""`cairnfs.compression`: how hard what is written to a folder is compressed."""

import shutil
from pathlib import Path

import pytest

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import InvalidArgument, NoSuchAttribute, NotPermitted, NotSupported
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.folder_levels import COMPRESSION, level_of
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.namespace.renames import RenameFlag
from fsmodel.optimizer.strategies import StrategyName
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index.records import InodeFlag, ObjectRecord
from tests.support.filled_tree import put_file
from tests.support.prose import edited, records
from tests.support.volume_store import USER, VolumeStore


@pytest.fixture
def store(tmp_path: Path) -> VolumeStore:
    return VolumeStore(tmp_path)


def folder(volume: Volume, name: bytes, level: bytes | None, parent: InodeId) -> InodeId:
    made = volume.make_directory(parent, name, 0o755, USER)
    if level is not None:
        volume.set_xattr(made, COMPRESSION, level)
    return made


def row_of(store: VolumeStore, data: bytes) -> ObjectRecord:
    return store.volume._parts.objects.get(object_id(data))


def stored(store: VolumeStore, directory: InodeId, seed: object) -> ObjectRecord:
    """The row of a file of one chunk, written there."""
    put_file(store.volume, directory, repr(seed).encode().hex().encode(), records(seed))
    return row_of(store, records(seed))


@pytest.mark.parametrize(
    ("value", "level"), [(b"1", 1), (b"7", 7), (b"19", 19), (b"none", 0), (b"default", None)]
)
def test_what_it_may_say(value: bytes, level: int | None) -> None:
    assert level_of(value) == level


@pytest.mark.parametrize(
    "value", [b"", b"0", b"20", b"-1", b"007", b"1 ", b"None", b"3.5", b"\xb9", b"9" * 5000]
)
def test_anything_else_is_refused(store: VolumeStore, value: bytes) -> None:
    with pytest.raises(InvalidArgument, match="1 to 19, none or default"):
        store.volume.set_xattr(ROOT_INODE, COMPRESSION, value)
    with pytest.raises(NoSuchAttribute):
        run_inline(store.volume.get_xattr(ROOT_INODE, COMPRESSION))


def test_a_folder_is_compressed_as_it_says_with_all_below(store: VolumeStore) -> None:
    volume = store.volume
    usual = stored(store, ROOT_INODE, 0).stored
    hard = folder(volume, b"hard", b"19", ROOT_INODE)
    below = folder(volume, b"below", None, folder(volume, b"between", None, hard))
    assert stored(store, hard, 1).stored < 0.9 * usual
    assert stored(store, below, 2).stored < 0.9 * usual
    back = folder(volume, b"back", b"default", below)
    assert stored(store, back, 3).stored > 0.95 * usual
    assert stored(store, ROOT_INODE, 4).stored > 0.95 * usual


def test_a_folder_that_is_not_compressed(store: VolumeStore) -> None:
    plain = folder(store.volume, b"plain", b"none", ROOT_INODE)
    first = stored(store, plain, 1)
    assert (first.codec, first.stored) == (Codec.RAW, len(records(1)) + 64)
    put_file(store.volume, plain, b"like it", edited(records(1), 1))
    assert row_of(store, edited(records(1), 1)).codec == Codec.RAW  # and no delta either
    optimized = run_inline(store.volume.optimize([StrategyName.COMPRESSION], lambda *_: None))
    assert optimized[0].objects == 0
    store.require_sound()


def test_it_is_read_changed_and_removed(store: VolumeStore) -> None:
    volume = store.volume
    made = folder(volume, b"folder", b"19", ROOT_INODE)
    assert run_inline(volume.get_xattr(made, COMPRESSION)) == b"19"
    assert volume.list_xattrs(made) == []  # tools that copy attributes leave it
    volume.set_xattr(made, COMPRESSION, b"none")
    assert stored(store, made, 1).codec == Codec.RAW
    volume.remove_xattr(made, COMPRESSION)
    assert stored(store, made, 2).codec == Codec.ZSTD
    record, _ = volume.attributes(made)
    assert not record.flags & InodeFlag.HAS_XATTRS
    with pytest.raises(NoSuchAttribute):
        volume.remove_xattr(made, COMPRESSION)


def test_only_folders_that_may_be_changed_have_it(store: VolumeStore) -> None:
    file = store.write(b"file", b"bytes")
    with pytest.raises(NotSupported):
        store.volume.set_xattr(file, COMPRESSION, b"9")
    made = folder(store.volume, b"locked", None, ROOT_INODE)
    store.volume.set_attributes(made, AttributeChange(mode=0o755))
    with store.volume._parts.changes.begin() as change:
        change.edit(made).flags |= InodeFlag.LOCKED
    with pytest.raises(NotPermitted):
        store.volume.set_xattr(made, COMPRESSION, b"9")


def test_a_folder_that_is_moved_follows_those_above_it(store: VolumeStore) -> None:
    volume = store.volume
    plain = folder(volume, b"plain", b"none", ROOT_INODE)
    moved = folder(volume, b"moved", None, ROOT_INODE)
    assert stored(store, moved, 1).codec == Codec.ZSTD
    volume.rename(ROOT_INODE, b"moved", plain, b"moved", RenameFlag(0))
    assert stored(store, moved, 2).codec == Codec.RAW


def test_optimizing_asks_the_folder(store: VolumeStore) -> None:
    volume = store.volume
    made = folder(volume, b"folder", None, ROOT_INODE)
    before = stored(store, made, 1).stored
    outside = stored(store, ROOT_INODE, 2).stored
    volume.set_xattr(made, COMPRESSION, b"19")
    (outcome,) = run_inline(volume.optimize([StrategyName.COMPRESSION], lambda *_: None))
    assert outcome.objects == 1
    assert row_of(store, records(1)).stored < 0.9 * before
    assert row_of(store, records(2)).stored == outside


def test_it_survives_a_kill_and_the_loss_of_the_index(store: VolumeStore) -> None:
    made = folder(store.volume, b"folder", b"none", ROOT_INODE)
    store.kill()
    assert stored(store, made, 1).codec == Codec.RAW
    store.volume.close()
    for lost in ("index", "journal"):
        shutil.rmtree(store.store / lost)
    assert rebuild_index(store.store, lambda done, total, text: None).complete
    store._open()
    assert run_inline(store.volume.get_xattr(made, COMPRESSION)) == b"none"
    assert stored(store, made, 2).codec == Codec.RAW
    store.require_sound()
