"""Garbage is collected when it is due, by itself, and never makes the daemon fail."""

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from daemon import maintenance
from daemon.maintenance import IDLE_BYTES_MIN, LOOK_SECONDS, GcThresholds, Maintenance
from daemon.workers import Workers
from fsmodel.index_upkeep import IDLE_SECONDS
from fsmodel.steps import Work
from tests.support.volume_store import VolumeStore, random_bytes

MIB = 1 << 20
THRESHOLDS = GcThresholds(garbage_bytes_min=64 * MIB, garbage_ratio_min=0.1, idle_seconds=60)


@pytest.mark.parametrize(
    ("garbage", "stored", "idle", "due"),
    [
        (0, 0, 0, False),
        (64 * MIB, 0, 0, True),
        (63 * MIB, 0, 0, False),
        (64 * MIB, 1000 * MIB, 0, False),
        (120 * MIB, 1000 * MIB, 0, True),
        (IDLE_BYTES_MIN, 1 << 40, 60, True),
        (IDLE_BYTES_MIN, 1 << 40, 59, False),
        (IDLE_BYTES_MIN - 1, 0, 3600, False),
    ],
)
def test_when_a_collection_is_due(garbage: int, stored: int, idle: float, due: bool) -> None:
    assert THRESHOLDS.reached(garbage, stored, idle) is due


@pytest.fixture
def store(tmp_path: Path) -> VolumeStore:
    return VolumeStore(tmp_path)


def delete_much(store: VolumeStore) -> None:
    for number in range(40):
        store.write(b"%d" % number, random_bytes(number))
    store.delete(*(b"%d" % number for number in range(30)))


async def test_an_idle_store_is_tidied(
    store: VolumeStore, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "IDLE_BYTES_MIN", 1)
    monkeypatch.setattr(Workers, "run", _run_here)  # the clock does not wait for threads
    delete_much(store)
    before = store.pack_bytes()
    seen = [0]
    looked_after = Maintenance(store.volume, THRESHOLDS, lambda: seen[0])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(looked_after.run)
        for _ in range(30):  # somebody writes now and then
            await trio.sleep(30)
            seen[0] += 1
        assert store.pack_bytes() == before
        await trio.sleep(60 + 3 * LOOK_SECONDS)
        assert store.pack_bytes() < before / 2
        nursery.cancel_scope.cancel()
    store.require_sound()
    store.abandon()


async def test_a_collection_that_cannot_be_made_is_left_for_later(
    store: VolumeStore, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    delete_much(store)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.volume._parts.packs, "sync", _fail)
        await Maintenance(store.volume, THRESHOLDS, lambda: 0).collect()
    assert "garbage collection failed" in caplog.text
    await Maintenance(store.volume, THRESHOLDS, lambda: 0).collect()
    store.require_sound()
    store.abandon()


async def test_the_index_of_an_idle_store_is_packed(
    store: VolumeStore, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workers, "run", _run_here)
    for number in range(150):
        store.write(b"%d" % number, b"%d" % number)
    index = store.volume._parts.index
    seen = [0]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(Maintenance(store.volume, THRESHOLDS, lambda: seen[0]).run)
        for _ in range(10):
            await trio.sleep(LOOK_SECONDS)
            seen[0] += 1
        assert index.room.packed_rows == 0
        await trio.sleep(IDLE_SECONDS + 3 * LOOK_SECONDS)
        assert index.room.packed_rows > 300
        nursery.cancel_scope.cancel()
    store.require_sound()
    store.abandon()


async def test_an_index_that_cannot_be_packed_is_a_warning(
    store: VolumeStore, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: float) -> bool:
        _fail()
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.volume.index_upkeep, "is_due", fail)
        with trio.move_on_after(2 * LOOK_SECONDS):
            await Maintenance(store.volume, THRESHOLDS, lambda: 0).run()
    assert "the index stays larger than it need be: " in caplog.text
    store.abandon()


async def _run_here(workers: Workers, work: Work) -> object:
    return work.run()


def _fail() -> None:
    from fsmodel.errors import BackendError

    raise BackendError("a pack", OSError(5, "Input/output error"))
