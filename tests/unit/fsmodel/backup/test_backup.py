"""A backup is whole or the one before; what is no backup, or another's, changes nothing."""

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.backup import writer as writer_module
from fsmodel.backup.container import (
    BACKUP_HEADER,
    DATA_AT,
    SLOTS_AT,
    Catalog,
    Segment,
    Slot,
    StoredFile,
    encode_header,
    encode_slot,
)
from fsmodel.backup.creation import BackupReport
from fsmodel.backup.restoring import opened_backup, restore_backup, verify_backup
from fsmodel.encoding.hashing import checksum64, object_id
from fsmodel.errors import BackupInvalid, Busy, CairnError, FormatTooNew, NoSpace, StoreExists
from fsmodel.steps import Steps, run_inline
from tests.support.volume_store import VolumeStore, moments_of, random_bytes


def silent(done: int, total: int, text: str) -> None:
    """Nobody is told."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    made = VolumeStore(tmp_path / "stores")
    for number in range(30):
        made.write(b"%d" % number, random_bytes(number))
    yield made
    made.require_sound()
    made.abandon()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "store.backup"


def steps(store: VolumeStore, target: Path) -> Steps[BackupReport]:
    return store.volume.back_up(target, silent)


def back_up(store: VolumeStore, target: Path) -> BackupReport:
    return run_inline(steps(store, target))


def require_restored(store: VolumeStore, target: Path, expected: dict[bytes, bytes]) -> None:
    """A store made of the backup is sound and has these files."""
    made = VolumeStore.__new__(VolumeStore)
    made._folder, made._lives, made._settings = target.parent, 0, store._settings
    made.store, made.expected = target.parent / "restored", expected
    assert restore_backup(target, made.store, silent).complete
    made._open()
    made.require_sound()
    made.remove()


def test_what_is_new_is_added(store: VolumeStore, target: Path) -> None:
    first = back_up(store, target)
    assert first.added_bytes == first.store_bytes
    before = dict(store.expected)
    size = target.stat().st_size
    require_restored(store, target, before)
    store.write(b"new", random_bytes("new"))
    store.delete(b"3")
    second = back_up(store, target)
    assert len(random_bytes("new")) < second.added_bytes < first.store_bytes / 5
    assert target.stat().st_size < size + second.added_bytes + 10_000
    assert verify_backup(target, silent, thorough=True).restorable
    require_restored(store, target, dict(store.expected))


def test_packs_that_went_are_not_restored_and_make_the_file_anew(
    store: VolumeStore, target: Path
) -> None:
    back_up(store, target)
    size = target.stat().st_size
    store.delete(*(b"%d" % number for number in range(25)))
    run_inline(store.volume.write_root())
    store.collect()
    back_up(store, target)
    assert target.stat().st_size < size / 2
    require_restored(store, target, dict(store.expected))
    assert sorted(os.listdir(target.parent)) == [target.name, "stores"]


def test_no_collection_runs_meanwhile_and_writers_go_on(store: VolumeStore, target: Path) -> None:
    for moment in moments_of(steps(store, target)):
        if moment % 4 == 0:
            with pytest.raises(Busy):
                store.collect()
            store.write(b"late %d" % moment, random_bytes(moment))
    assert verify_backup(target, silent, thorough=True).restorable


@pytest.mark.parametrize("is_first", [True, False])
def test_what_came_while_another_root_was_written_is_part_of_it(
    store: VolumeStore, target: Path, is_first: bool
) -> None:
    """That root shows less, and the one before it less than that; there may be none."""
    if not is_first:
        back_up(store, target)
        store.write(b"seen", b"by the root that is being written")
    root = moments_of(store.volume.write_root())
    while not store.volume._parts.roots.is_writing:
        next(root)
    store.write(b"after", b"its moment")
    backing = moments_of(steps(store, target))
    for _ in range(6):
        next(backing)
    list(root)
    list(backing)
    require_restored(store, target, dict(store.expected))


def test_a_kill_leaves_the_former_backup_or_the_new_one(store: VolumeStore, target: Path) -> None:
    back_up(store, target)
    former = dict(store.expected)
    store.write(b"new", random_bytes("new"))
    for moment in moments_of(steps(store, target)):
        killed = target.parent / "killed"
        shutil.copy(target, killed)
        found = verify_backup(killed, silent, thorough=False)
        assert not found.damaged
        if moment % 5 == 1:
            with opened_backup(killed) as backup:
                is_new = backup.slot.generation == 2
            require_restored(store, killed, dict(store.expected) if is_new else former)
    with opened_backup(target) as backup:
        assert backup.slot.generation == 2


def test_after_a_kill_the_next_backup_goes_on(store: VolumeStore, target: Path) -> None:
    back_up(store, target)
    with target.open("ab") as file:
        file.write(b"of a backup that was cut short" * 1000)
    store.write(b"new", random_bytes("new"))
    back_up(store, target)
    require_restored(store, target, dict(store.expected))


def test_a_store_that_went_another_way_since_is_taken_whole(
    store: VolumeStore, target: Path
) -> None:
    """A copy of the store has packs of the same numbers with other frames in them."""
    copy = VolumeStore.of_image(store)
    store.write(b"here", random_bytes("here"))
    back_up(store, target)
    copy.write(b"there", random_bytes("there"))
    back_up(copy, target)
    require_restored(copy, target, dict(copy.expected))
    copy.remove()


def test_a_full_disk_leaves_the_former_backup(
    store: VolumeStore, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    back_up(store, target)
    former = dict(store.expected)
    store.write(b"new", random_bytes("new"))
    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "write_at", full)
        with pytest.raises(NoSpace):
            back_up(store, target)
        with pytest.raises(NoSpace):
            back_up(store, target.with_name("another"))
    assert not target.with_name("another").exists()
    assert not list(target.parent.glob(".*.new"))
    require_restored(store, target, former)


def test_two_backups_into_one_file_do_not_mix(store: VolumeStore, target: Path) -> None:
    back_up(store, target)
    copy = VolumeStore.of_image(store)
    running = steps(store, target)
    for _ in range(4):
        next(running).run()
    with pytest.raises(Busy):
        back_up(copy, target)
    running.close()
    copy.remove()


@pytest.mark.parametrize("is_first", [True, False])
def test_a_file_that_another_backup_has_just_put_in_place_is_left_alone(
    store: VolumeStore, target: Path, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    """It was opened before that, and locked after."""
    ready, opened = target.with_name("ready"), target
    back_up(store, ready)
    whole = ready.read_bytes()
    if is_first:  # the other one makes this file as well
        opened = ready = ready.rename(target.with_name(f".{target.name}.new"))
    else:
        shutil.copy(ready, target)
    open_own = writer_module._opened_own

    def opened_before(path: Path, flags: int) -> int:
        descriptor = open_own(path, flags)
        if path == opened and ready.exists():
            ready.rename(target)
        return descriptor

    monkeypatch.setattr(writer_module, "_opened_own", opened_before)
    with pytest.raises(Busy):
        back_up(store, target)
    assert target.read_bytes() == whole
    back_up(store, target)
    require_restored(store, target, dict(store.expected))


def test_anothers_backup_is_not_touched(store: VolumeStore, target: Path, tmp_path: Path) -> None:
    other = VolumeStore(tmp_path / "other")
    back_up(other, target)
    before = target.read_bytes()
    with pytest.raises(BackupInvalid, match="another store"):
        back_up(store, target)
    assert target.read_bytes() == before
    other.abandon()


def garbled_header(data: bytearray) -> None:
    data[20] ^= 1


def cut_off(data: bytearray) -> None:
    del data[BACKUP_HEADER.size - 1 :]


def emptied(data: bytearray) -> None:
    data.clear()


def without_slots(data: bytearray) -> None:
    del data[SLOTS_AT[0] :]


def of_something_else(data: bytearray) -> None:
    data[:8] = b"#!/bin/s"


@pytest.mark.parametrize(
    "damage", [garbled_header, cut_off, emptied, without_slots, of_something_else]
)
def test_what_is_no_backup_is_told_and_left(
    store: VolumeStore, target: Path, damage: Callable[[bytearray], None]
) -> None:
    back_up(store, target)
    data = bytearray(target.read_bytes())
    damage(data)
    target.write_bytes(data)
    for attempt in (
        lambda: back_up(store, target),
        lambda: verify_backup(target, silent, thorough=False),
        lambda: restore_backup(target, target.parent / "restored", silent),
    ):
        with pytest.raises(BackupInvalid) as caught:
            attempt()
        assert str(target) in str(caught.value)
    assert target.read_bytes() == data
    assert not (target.parent / "restored").exists()


def test_a_later_version_is_refused(store: VolumeStore, target: Path) -> None:
    start = BACKUP_HEADER.pack(b"\x89CAIRNBK", 2, 0, 0, bytes(16), 0)[:32]
    target.write_bytes(start + checksum64(start).to_bytes(8, "little"))
    with pytest.raises(FormatTooNew, match="upgrade"):
        back_up(store, target)


def test_damage_is_named_and_nothing_is_restored(store: VolumeStore, target: Path) -> None:
    back_up(store, target)
    with opened_backup(target) as backup:
        hurt = next(file for file in backup.catalog.files if file.size > 10_000)
    data = bytearray(target.read_bytes())
    data[hurt.segments[0].at + 5000] ^= 1
    target.write_bytes(data)
    assert verify_backup(target, silent, thorough=True).damaged == (hurt.name,)
    with pytest.raises(BackupInvalid, match=hurt.name):
        restore_backup(target, target.parent / "restored", silent)
    assert not (target.parent / "restored").exists()


@given(st.integers(0, 999))
def test_a_cut_backup_never_restores_anything_wrong(
    tmp_path_factory: pytest.TempPathFactory, permille: int
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    store = VolumeStore(folder / "stores")
    store.write(b"file", random_bytes("file"))
    target = folder / "backup"
    back_up(store, target)
    former = dict(store.expected)
    store.write(b"more", random_bytes("more"))
    back_up(store, target)
    os.truncate(target, target.stat().st_size * permille // 1000)
    try:
        restore_backup(target, folder / "restored", silent)
    except CairnError:
        pass
    else:
        shutil.rmtree(folder / "restored")
        require_restored(store, target, former)
    store.abandon()
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    "name", ["../escaped", "/etc/passwd", "packs/aa/../../../x.pack", "index/data.mdb", ""]
)
def test_a_forged_catalog_writes_nowhere_else(tmp_path: Path, name: str) -> None:
    segment = Segment(DATA_AT, 0, object_id(b"").hex())
    catalog = Catalog(created="now", root="", files=(StoredFile(name, (segment,)),))
    data = msgspec.json.encode(catalog)
    slot = encode_slot(Slot(1, DATA_AT, len(data), object_id(data)))
    header = encode_header(bytes(16)).ljust(SLOTS_AT[1], b"\0")
    (tmp_path / "forged").write_bytes((header + slot).ljust(DATA_AT, b"\0") + data)
    with pytest.raises(BackupInvalid):
        restore_backup(tmp_path / "forged", tmp_path / "inner" / "restored", silent)
    assert os.listdir(tmp_path) == ["forged"]


def test_only_an_empty_folder_is_restored_to(store: VolumeStore, target: Path) -> None:
    back_up(store, target)
    with closing(store.volume):
        pass
    with pytest.raises(StoreExists):
        restore_backup(target, store.store, silent)
    store._open()
