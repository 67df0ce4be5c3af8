"""What was written is archived when nobody writes any more, and gives way to who asks."""

from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from daemon import archivist
from daemon.archivist import IDLE_LEVEL, LOOK_SECONDS, STOP_LEVEL, Archivist
from daemon.workers import Workers
from fsmodel.content import settle
from fsmodel.steps import Work, run_inline
from fsmodel.store.placement import is_in_group
from lmdb_index.schema import OBJECT
from tests.support.volume_store import SMALL_PACKS, VolumeStore

IDLE_SECONDS = 30.0


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VolumeStore:
    """A store with many small texts that have much in common, but are no versions of each other."""
    monkeypatch.setattr(archivist, "NEW_BYTES_MIN", 1)
    monkeypatch.setattr(Workers, "run", _run_here)  # the clock does not wait for threads
    made = VolumeStore(tmp_path)
    for number in range(60):
        made.write(b"%d" % number, text(number))
    return made


def text(number: int) -> bytes:
    words = [f"{'abcdefgh'[(number * step) % 8]}{(number * step) % 97}" for step in range(400)]
    return " ".join(words).encode()


def grouped(store: VolumeStore) -> int:
    return sum(is_in_group(row) for _, row in store.volume._parts.index.scan(OBJECT))


@pytest.mark.usefixtures("roomy_host")
def test_what_was_stored_in_haste_is_due_however_large_the_store_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archivist, "NEW_BYTES_MIN", 1)
    monkeypatch.setattr(archivist, "NEW_SHARE_MIN", 2.0)
    monkeypatch.setattr(settle, "HASTY_BYTES_MIN", 10_000)
    store = VolumeStore(tmp_path, replace(SMALL_PACKS, haste=True))
    works = Archivist(store.volume, IDLE_SECONDS, lambda: 0, lambda: 0)
    store.write(b"calm", text(1)[:1000])
    assert not works.is_due
    store.write(b"hasty", text(2) * 40)
    assert works.is_due
    run_inline(store.volume.archive(lambda *_: None, level=STOP_LEVEL))
    assert not works.is_due
    store.abandon()


async def test_a_quiet_store_is_archived_once(
    store: VolumeStore, autojump_clock: MockClock
) -> None:
    writes = [0]
    works = Archivist(store.volume, IDLE_SECONDS, lambda: writes[0], lambda: writes[0])
    assert works.is_due
    async with trio.open_nursery() as nursery:
        nursery.start_soon(works.run)
        for _ in range(5):  # somebody writes now and then
            await trio.sleep(IDLE_SECONDS - 2 * LOOK_SECONDS)
            writes[0] += 1
        assert not grouped(store)
        before = store.pack_bytes()
        await trio.sleep(IDLE_SECONDS + 3 * LOOK_SECONDS)
        nursery.cancel_scope.cancel()
    assert grouped(store) >= 60
    assert store.pack_bytes() < before
    assert not works.is_due
    store.require_sound()
    store.abandon()


async def test_it_ends_when_somebody_writes_and_begins_again(
    store: VolumeStore, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes, begun = [0], list[float]()
    works = Archivist(store.volume, IDLE_SECONDS, lambda: 0, lambda: writes[0])

    async def endless(level: int) -> bool:
        begun.append(trio.current_time())
        with trio.CancelScope() as works._scope:
            await trio.sleep_forever()
        works._scope = None
        works._ended.set()
        return True

    monkeypatch.setattr(works, "archive", endless)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(works.run)
        await trio.sleep(IDLE_SECONDS + 3 * LOOK_SECONDS)
        assert len(begun) == 1
        writes[0] += 1
        await trio.sleep(LOOK_SECONDS)
        assert works._scope is None
        await trio.sleep(2 * IDLE_SECONDS)
        nursery.cancel_scope.cancel()
    assert len(begun) == 2
    assert begun[1] - begun[0] >= IDLE_SECONDS
    store.abandon()


async def test_whoever_wants_the_store_alone_is_not_kept_waiting(
    store: VolumeStore, autojump_clock: MockClock
) -> None:
    works = Archivist(store.volume, IDLE_SECONDS, lambda: 0, lambda: 0)
    await works.make_way()  # nothing is running
    async with trio.open_nursery() as nursery:
        nursery.start_soon(works.archive, STOP_LEVEL)
        await trio.sleep(0)
        await works.make_way()
        assert works.is_due  # not all of it was done
        await works.archive(STOP_LEVEL)
    assert not works.is_due
    store.require_sound()
    store.abandon()


@pytest.mark.parametrize("seconds", [0.0, 0.001])
async def test_stopping_takes_no_longer_than_allowed(
    store: VolumeStore, autojump_clock: MockClock, seconds: float
) -> None:
    works = Archivist(store.volume, IDLE_SECONDS, lambda: 0, lambda: 0)
    before = store.pack_bytes()
    await works.at_stop(seconds)
    assert works.is_due
    assert store.pack_bytes() < 1.1 * before  # nothing but a root was added
    await works.at_stop(60.0)
    assert not works.is_due
    store.require_sound()
    store.abandon()


async def test_an_archival_under_way_gives_way_to_a_stop(
    store: VolumeStore, autojump_clock: MockClock
) -> None:
    works = Archivist(store.volume, IDLE_SECONDS, lambda: 0, lambda: 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(works.archive, IDLE_LEVEL)
        while not store.volume._parts.upkeep.running:
            await trio.sleep(0)
        await works.at_stop(60.0)
        assert not works.is_due
    store.require_sound()
    store.abandon()


async def test_who_waits_for_the_end_of_a_stop_has_it_soon(
    store: VolumeStore, autojump_clock: MockClock
) -> None:
    works = Archivist(store.volume, IDLE_SECONDS, lambda: 0, lambda: 0)
    before = store.pack_bytes()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(works.at_stop, 60.0)
        await trio.sleep(0)
        works.hurry()
    assert works.is_due
    assert store.pack_bytes() < 1.1 * before  # neither archived nor collected
    store.require_sound()
    store.abandon()


async def test_what_fails_is_left_for_later(
    store: VolumeStore,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    works = Archivist(store.volume, IDLE_SECONDS, lambda: 0, lambda: 0)
    with monkeypatch.context() as patch:
        patch.setattr(store.volume._parts.packs, "sync", _fail)
        await works.archive(STOP_LEVEL)
    assert "archival failed, will be tried again" in caplog.text
    assert works.is_due
    await works.archive(STOP_LEVEL)
    assert not works.is_due
    store.require_sound()
    store.abandon()


async def _run_here(workers: Workers, work: Work) -> object:
    return work.run()


def _fail() -> None:
    from fsmodel.errors import BackendError

    raise BackendError("a pack", OSError(5, "Input/output error"))
