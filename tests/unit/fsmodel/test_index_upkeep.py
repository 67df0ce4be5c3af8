"""When the index is packed and its file made smaller, and that neither is ever in the way."""

from pathlib import Path
from typing import Any

import lmdb
import pytest

from fsmodel import index_upkeep
from fsmodel.errors import NoSpace
from fsmodel.index_upkeep import BUSY_ROWS_MIN, IDLE_ROWS_MIN, IDLE_SECONDS
from fsmodel.repair.repair import repair_store
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index import shrinking
from lmdb_index.index import Index
from lmdb_index.schema import DIRENT, INODE, OBJECT, PACKED, Table
from tests.support.volume_store import VolumeStore

FILES = 150


@pytest.fixture
def store(tmp_path: Path) -> VolumeStore:
    """A store with some files; three rows are made for each."""
    store = VolumeStore(tmp_path)
    for number in range(FILES):
        store.write(b"%d" % number, b"%d" % number)
    return store


def index_of(store: VolumeStore) -> Index:
    return store.volume._parts.index


def make_wasteful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any free page is reason enough to make the file smaller."""
    monkeypatch.setattr(shrinking, "FREE_BYTES_MIN", 1)
    monkeypatch.setattr(shrinking, "FREE_SHARE_MIN", 0.1)


def test_an_idle_store_is_packed_once(store: VolumeStore) -> None:
    upkeep = store.volume.index_upkeep
    assert not upkeep.is_due(IDLE_SECONDS - 1)
    assert upkeep.is_due(IDLE_SECONDS)
    run_inline(upkeep.tidy())
    assert index_of(store).room.packed_rows > 3 * FILES
    assert not store.volume.is_dirty
    assert not upkeep.is_due(IDLE_SECONDS)
    store.require_sound()
    store.abandon()


def test_a_busy_store_is_packed_when_most_rows_are_not(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    upkeep = store.volume.index_upkeep
    assert not upkeep.is_due(0)
    monkeypatch.setattr(index_upkeep, "BUSY_ROWS_MIN", FILES // 3)
    assert upkeep.is_due(0)
    run_inline(upkeep.tidy())
    for number in range(FILES // 3):
        store.write(b"%d" % number, b"other %d" % number)
    assert index_of(store).room.unpacked_rows > FILES // 3
    assert not upkeep.is_due(0)
    assert IDLE_ROWS_MIN < BUSY_ROWS_MIN
    store.abandon()


def test_closing_packs_and_shrinks(store: VolumeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wasteful(monkeypatch)
    file = store.store / "index" / "data.mdb"
    store.volume.checkpoint()
    before = file.stat().st_size
    store.volume.close()
    assert file.stat().st_size < before / 2
    store.volume = Volume.open(store.store)
    assert index_of(store).room.unpacked_rows < FILES
    store.require_sound()
    store.abandon()


def test_closing_packs_until_its_time_is_over(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100.0, 100.0 + index_upkeep.CLOSE_SECONDS_MAX])  # at the start, behind a step
    monkeypatch.setattr(index_upkeep, "monotonic", lambda: next(times))
    store.volume.close()
    store.volume = Volume.open(store.store)
    assert 0 < index_of(store).room.packed_rows < FILES + 50
    assert store.volume.index_upkeep.is_due(IDLE_SECONDS), "the rest is for the next mount"
    run_inline(store.volume.index_upkeep.tidy())
    assert index_of(store).room.packed_rows > 3 * FILES
    store.require_sound()
    store.abandon()


def test_closing_leaves_a_large_file_to_the_next_mount(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wasteful(monkeypatch)
    monkeypatch.setattr(index_upkeep, "CLOSE_COPY_BYTES_MAX", 1)
    store.volume.close()
    store.volume = Volume.open(store.store)
    before = index_of(store).room.file_bytes
    assert store.volume.index_upkeep.is_due(IDLE_SECONDS)
    run_inline(store.volume.index_upkeep.tidy())
    assert index_of(store).room.file_bytes < before
    store.require_sound()
    store.abandon()


def test_a_volume_that_is_only_read_stays_as_it_is(store: VolumeStore) -> None:
    store.kill()
    store.abandon()
    for dry in (False, True):
        Volume.open(store.store, read_only=True, dry=dry).close()
    store.volume = Volume.open(store.store)
    assert index_of(store).room.packed_rows == 0
    store.abandon()


def test_a_file_that_cannot_shrink_is_let_be_until_it_grows(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wasteful(monkeypatch)
    upkeep = store.volume.index_upkeep
    with monkeypatch.context() as patch:
        patch.setattr(shrinking, "SPARE_BYTES", 1 << 62)
        with pytest.raises(NoSpace):
            run_inline(upkeep.tidy())
        assert index_of(store).room.is_wasteful
        assert not upkeep.is_due(IDLE_SECONDS)
    store.require_sound()
    store.abandon()


def test_closing_succeeds_though_the_file_cannot_shrink(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_wasteful(monkeypatch)
    monkeypatch.setattr(shrinking, "SPARE_BYTES", 1 << 62)
    store.volume.close()
    (record,) = caplog.records
    assert record.message.startswith("the index stays larger than it need be: ")
    store.volume = Volume.open(store.store)
    store.require_sound()
    store.abandon()


def test_what_changes_while_a_copy_is_made_stays(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_wasteful(monkeypatch)
    before = index_of(store).room.file_bytes
    steps = store.volume.index_upkeep.tidy()
    work = next(steps)
    while work.size_bytes < index_upkeep.COPY_COST_BYTES or ".copy" not in repr(work.run):
        work = steps.send(work.run())
    copy = work.run()
    store.write(b"meanwhile", b"written")
    with pytest.raises(StopIteration):
        steps.send(copy)
    assert index_of(store).room.file_bytes >= before
    assert store.read(b"meanwhile") == b"written"
    store.require_sound()
    store.abandon()


@pytest.mark.parametrize("table", [INODE, DIRENT, OBJECT], ids=["inode", "dirent", "object"])
def test_a_damaged_block_is_repaired(store: VolumeStore, table: Table[Any]) -> None:
    """The index is made again from the packs, since a block is too much to lose."""
    store.volume.close()
    with (
        lmdb.Environment(str(store.store / "index"), max_dbs=64) as environment,
        environment.begin(write=True, db=environment.open_db(PACKED)) as transaction,
    ):
        cursor = transaction.cursor()
        assert cursor.set_range(bytes([table.number]))
        transaction.put(cursor.key(), b"no block")
    findings = run_inline(reopened(store).volume.fsck()).findings
    assert "fsck --repair" in findings[0].text
    store.abandon()
    assert not repair_store(store.store, lambda done, total, text: None).findings
    reopened(store).require_sound()
    store.abandon()


def reopened(store: VolumeStore) -> VolumeStore:
    store.volume = Volume.open(store.store)
    return store
