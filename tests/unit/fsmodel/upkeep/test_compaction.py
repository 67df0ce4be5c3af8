"""Wasteful packs are emptied and deleted; nothing that is needed goes."""

import os
from types import SimpleNamespace

import pytest

from fsmodel.errors import NoSpace
from fsmodel.ids import PackId
from fsmodel.store.pack_format import PACK_HEADER
from fsmodel.store.space import RESERVE_BYTES_MAX, UNTOUCHED_SHARE
from fsmodel.upkeep import retirement
from fsmodel.upkeep.compaction import CompactionLimits, plan_compaction
from fsmodel.upkeep.pack_usage import PackUsage
from lmdb_index.records import PackState
from lmdb_index.schema import PACK
from tests.support.volume_store import CHUNK_BYTES, VolumeStore, moments_of, random_bytes


def fill(store: VolumeStore, count: int = 40) -> None:
    for number in range(count):
        store.write(b"%d" % number, random_bytes(number))


def test_nearly_all_garbage_is_given_back(store: VolumeStore) -> None:
    fill(store)
    before = store.pack_bytes()
    store.delete(*(b"%d" % number for number in range(0, 40, 2)))
    report = store.collect()
    assert report.objects_freed == 20
    assert report.packs_compacted > 0
    given_back = before - store.pack_bytes()
    assert given_back > 0.98 * 20 * CHUNK_BYTES
    assert report.bytes_freed == pytest.approx(given_back, abs=2 * PACK_HEADER.size)
    assert report.garbage_bytes_after < 0.05 * report.garbage_bytes_before
    store.require_sound()
    store.reopen()
    store.require_sound()


def let_host_hold(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch, pack_bytes: int, total: int = 1 << 40
) -> None:
    """The store's host has room for packs of so many bytes, the reserve included."""
    block = 4096

    def statvfs(_: object) -> SimpleNamespace:
        free = max(pack_bytes - store.pack_bytes(), 0)
        return SimpleNamespace(f_frsize=block, f_blocks=total // block, f_bavail=free // block)

    monkeypatch.setattr(os, "statvfs", statvfs)


def test_a_host_that_is_full_is_emptied_by_way_of_its_reserve(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A little at a time; what is deleted makes room for the next."""
    fill(store)
    store.delete(*(b"%d" % number for number in range(0, 40, 2)))
    before = store.pack_bytes()
    room = RESERVE_BYTES_MAX // UNTOUCHED_SHARE + before // 8
    let_host_hold(store, monkeypatch, before + room)
    assert store.collect().packs_compacted > 0
    assert store.pack_bytes() < 0.6 * before
    monkeypatch.undo()
    store.require_sound()


def test_a_collection_without_room_for_a_single_pack_says_so(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store)
    store.delete(*(b"%d" % number for number in range(0, 40, 2)))
    before = store.pack_bytes()
    let_host_hold(store, monkeypatch, before + RESERVE_BYTES_MAX // UNTOUCHED_SHARE)
    with pytest.raises(NoSpace, match="make room, or delete more"):
        store.collect()
    monkeypatch.undo()
    assert store.pack_bytes() == before
    store.require_sound()


def test_it_can_be_killed_at_any_moment(store: VolumeStore) -> None:
    fill(store, 30)
    store.delete(*(b"%d" % number for number in range(0, 30, 2)))
    for _ in moments_of(store.collection()):
        opened = VolumeStore.of_image(store)
        opened.require_sound()
        opened.collect()
        opened.require_sound()
        opened.remove()


def test_who_reads_keeps_the_packs_he_reads_from(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read looks its chunks up, then they are moved, then it gets its bytes."""
    monkeypatch.setattr(retirement, "WAITS_MAX", 1)
    fill(store)
    inode = store.write(b"read", b"".join(random_bytes(f"part {n}", 100_000) for n in range(8)))
    store.delete(*(b"%d" % number for number in range(40)))
    store.forget_cache()
    store.volume.open_file(inode, writing=False)
    reading = store.volume.contents.read(inode, 0, 800_000)
    work = next(reading)
    before = set(store.pack_files())
    report = store.collect()
    assert report.packs_waiting > 1
    assert before <= set(store.pack_files())
    with pytest.raises(StopIteration) as end:
        reading.send(work.run())
    assert bytes(end.value.value) == store.expected[b"read"]
    del work, reading, end
    store.volume.close_file(inode)
    assert store.collect().packs_deleted == report.packs_waiting
    assert len(before - set(store.pack_files())) == report.packs_waiting
    store.require_sound()


def test_a_retired_pack_that_outlived_a_kill_goes_next_time(store: VolumeStore) -> None:
    fill(store)
    store.delete(*(b"%d" % number for number in range(40)))
    parts = store.volume._parts
    for _ in moments_of(store.collection()):
        if any(row.state == PackState.RETIRED for _, row in parts.index.scan(PACK)):
            break
    store.kill()
    assert store.collect().packs_deleted > 0
    assert store.pack_bytes() == 0
    store.require_sound()


def test_a_pack_number_is_never_used_again(store: VolumeStore) -> None:
    fill(store, 20)
    highest = store.pack_files()[-1].name
    store.delete(*list(store.expected))
    store.collect()
    assert store.pack_files() == []
    store.reopen()
    store.write(b"next", random_bytes("next"))
    assert store.pack_files()[0].name > highest


def test_frames_a_killed_run_never_named_are_garbage(store: VolumeStore) -> None:
    inode = store.write(b"lost", random_bytes("lost", 1 << 20), settle=False)
    for _ in moments_of(store.volume.contents.settle(inode)):
        if store.pack_bytes() > 900_000:
            break  # the chunks were appended, and no row names them
    store.kill()
    store.expected[b"lost"] = b""
    assert store.pack_bytes() > 900_000
    report = store.collect()
    assert report.objects_freed == 0
    assert store.pack_bytes() == 0
    store.require_sound()


def test_a_pack_with_a_damaged_header_keeps_what_lies_behind(store: VolumeStore) -> None:
    fill(store, 12)
    pack = store.pack_files()[0]
    with pack.open("r+b") as file:
        file.seek(PACK_HEADER.size + 30)  # in the first frame's header
        file.write(b"\xff\xff")
    del store.expected[b"0"]  # its chunk cannot be read any more
    store.delete(*(b"%d" % number for number in range(1, 12, 2)))
    store.collect()
    assert pack.exists()
    store.reopen()
    store.require_sound(damaged=True)


def usage(number: int, size: int, dead: int) -> PackUsage:
    return PackUsage(PackId(number), size + PACK_HEADER.size, dead)


def test_a_plan_takes_the_most_wasteful_first() -> None:
    usages = [usage(1, 100, 10), usage(2, 100, 100), usage(3, 100, 60), usage(4, 100, 0)]
    plan = plan_compaction(usages, CompactionLimits(waste_ratio_min=0.2))
    assert [each.pack for each in plan.drop] == [2]
    assert [each.pack for each in plan.rewrite] == [3]


def test_a_thorough_plan_goes_on_until_little_is_left() -> None:
    usages = [usage(1, 100, 10), usage(2, 100, 15), usage(3, 100, 1), usage(4, 100, 0)]
    plan = plan_compaction(usages, CompactionLimits(garbage_share_kept=0.05))
    assert [each.pack for each in plan.rewrite] == [2, 1]
