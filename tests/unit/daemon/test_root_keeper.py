"""Roots are written while names change and soon after, and a failure is left for later."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from daemon.root_keeper import IDLE_SECONDS, LOOK_SECONDS, RootKeeper
from daemon.workers import Workers
from fsmodel.errors import NoSpace
from fsmodel.steps import Steps, Work
from fsmodel.volume import Volume
from tests.support.volume_store import VolumeStore

INTERVAL_SECONDS = 60.0


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[VolumeStore]:
    async def run_here(workers: Workers, work: Work) -> object:
        return work.run()

    monkeypatch.setattr(Workers, "run", run_here)  # the clock does not wait for threads
    store = VolumeStore(tmp_path)
    yield store
    store.abandon()


def keeper_of(store: VolumeStore) -> RootKeeper:
    volume = store.volume
    return RootKeeper(volume, INTERVAL_SECONDS, lambda: volume.durability.position)


async def test_a_root_is_written_soon_after_changes_have_stopped(
    store: VolumeStore, autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper_of(store).run)
        store.write(b"file", b"bytes")
        await trio.sleep(IDLE_SECONDS - LOOK_SECONDS)
        assert store.volume.root_is_due
        await trio.sleep(3 * LOOK_SECONDS)
        assert not store.volume.root_is_due
        nursery.cancel_scope.cancel()
    store.require_sound()


async def test_while_changes_go_on_a_root_is_written_now_and_then(
    store: VolumeStore, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots = 0
    write_root = Volume.write_root

    def counted(volume: Volume) -> Steps[object]:
        nonlocal roots
        roots += 1
        return write_root(volume)

    monkeypatch.setattr(Volume, "write_root", counted)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper_of(store).run)
        for number in range(300):
            store.write(b"file", b"%d" % number)
            await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert roots == 300 // INTERVAL_SECONDS - 1
    store.require_sound()


async def test_a_root_that_cannot_be_written_is_left_for_later(
    store: VolumeStore,
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(volume: Volume) -> Steps[object]:
        raise NoSpace("no room")
        yield

    store.write(b"file", b"bytes")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper_of(store).run)
        with monkeypatch.context() as patch:
            patch.setattr(Volume, "write_root", full)
            await trio.sleep(INTERVAL_SECONDS)
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        caplog.clear()
        await trio.sleep(INTERVAL_SECONDS)
        assert not store.volume.root_is_due
        nursery.cancel_scope.cancel()


async def test_cancelling_gives_back_what_a_root_being_written_holds(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never_done(workers: Workers, work: Work) -> object:
        scope.cancel()
        await trio.sleep_forever()

    store.write(b"file", b"bytes")
    store.volume.checkpoint()
    with monkeypatch.context() as patch, trio.CancelScope() as scope:
        patch.setattr(Workers, "run", never_done)
        await keeper_of(store).write()
    assert scope.cancelled_caught
    await keeper_of(store).write()
    assert not store.volume.root_is_due
    store.require_sound()
