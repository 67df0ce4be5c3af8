"""What is shown of a file needs no look for its content's object, and is the same as ever."""

from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest
from msgspec.structs import replace

from fsmodel.errors import NoSpace, Stale
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.steps import run_inline
from lmdb_index.packed import Packed
from lmdb_index.packed_records import SHORT_BYTES
from tests.support.small_blocks import pack_all
from tests.support.volume_store import VolumeStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    """Files whose rows are packed, in a store that has just been opened."""
    store = VolumeStore(tmp_path)
    for number in range(100):
        store.write(b"%d" % number, b"%d" % number)
    run_inline(store.volume.index_upkeep.tidy())
    store.reopen()
    yield store
    store.abandon()


def look_up(store: VolumeStore, name: bytes) -> InodeId:
    return store.volume.lookup(ROOT_INODE, name)


def test_no_object_is_looked_for(store: VolumeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    volume, inode = store.volume, look_up(store, b"7")
    with monkeypatch.context() as patched:
        patched.setattr(Packed, "find_id", None)  # cannot be called
        shown, size = volume.shown_attributes(inode)
    brief = replace(shown)
    record, _ = volume.attributes(inode)
    assert len(brief.content) < len(record.content)
    assert replace(brief, content=record.content) == record
    assert size == record.size == 1


def test_who_reads_what_was_shown_has_only_the_object_to_look_for(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume, inode = store.volume, look_up(store, b"7")
    volume.shown_attributes(inode)
    with monkeypatch.context() as patched:
        patched.setattr(Packed, "get", None)  # cannot be called
        record, _ = volume.attributes(inode)
        assert volume.shown_attributes(inode)[0] is record
    store.reopen()
    assert record == store.volume.attributes(inode)[0]


def test_what_has_changed_is_shown_as_it_is_now(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fsmodel.inode_table.OUTLINES_MAX", 3)
    volume = store.volume
    inodes = [look_up(store, b"%d" % number) for number in range(10)]
    for inode in inodes:
        volume.shown_attributes(inode)
    for inode in inodes[5:]:
        volume.set_attributes(inode, AttributeChange(mode=0o600))
    volume.unlink(ROOT_INODE, b"9")
    shown = [volume.shown_attributes(inode)[0].mode & 0o777 for inode in inodes[:9]]
    assert shown == [0o644] * 5 + [0o600] * 4
    with pytest.raises(Stale):
        volume.shown_attributes(inodes[9])


def test_what_was_shown_does_not_stand_for_the_record(store: VolumeStore) -> None:
    inode = look_up(store, b"8")
    store.volume.shown_attributes(inode)
    assert store.read(b"8") == b"8"
    store.require_sound()


def test_what_was_shown_is_forgotten_when_its_row_is_packed_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that a commit was to pack, and could not: no id can be completed by them."""
    store = VolumeStore(tmp_path)
    for number in range(100):
        store.write(b"%d" % number, b"%d" % number)
    store.kill()
    volume, inode = store.volume, look_up(store, b"7")
    pack_all(volume._parts.index)
    assert len(volume.shown_attributes(inode)[0].content) == 1 + SHORT_BYTES

    def fail(*_: object) -> None:
        raise lmdb.MapFullError("full")

    with monkeypatch.context() as patched:
        patched.setattr("lmdb_index.checkpoints.put_meta", fail)
        with pytest.raises(NoSpace):
            volume.checkpoint()
    assert store.read(b"7") == b"7"
    volume.set_attributes(inode, AttributeChange(mode=0o600))
    store.require_sound()
    store.abandon()


def test_of_an_open_file_the_size_of_now_is_shown(store: VolumeStore) -> None:
    inode = look_up(store, b"9")
    store.volume.open_file(inode, writing=True)
    store.volume.write(inode, 1, b"more")
    assert store.volume.shown_attributes(inode)[1] == len(b"9more")


def test_of_what_is_gone_nothing_is_shown(store: VolumeStore) -> None:
    with pytest.raises(Stale):
        store.volume.shown_attributes(InodeId(99_999))
