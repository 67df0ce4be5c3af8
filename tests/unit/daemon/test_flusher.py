"""Streams: chunked beside the writer, who waits when he is far ahead, and hears of failures."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from daemon import flusher as flushing
from daemon.flusher import Flusher
from daemon.workers import PatientWorkers, Workers
from fsmodel.content.contents import Contents
from fsmodel.errors import NoSpace
from fsmodel.ids import InodeId
from fsmodel.steps import Result, Steps
from fsmodel.volume import Volume
from tests.support.stepping import Driver
from tests.support.volumes import (
    make_store,
    new_file,
    noise,
    opened,
    read_file,
    settled_file,
)

SPILL_BYTES = 10_000
DIRTY_BYTES_MAX = 30_000
PIECE = noise(12_000)
SHORT = noise(300)


class HeldWorkers(Workers):
    """Nothing is done before the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.may_work = trio.Event()
        self.failure: Exception | None = None
        self.begun = False
        self.driven = 0

    async def drive(self, steps: Steps[Result]) -> Result:
        self.begun = True
        await self.may_work.wait()
        self.driven += 1
        if self.failure is not None:
            steps.close()
            raise self.failure
        return await super().drive(steps)


class Stream:
    """A file that is being written, through a flusher."""

    def __init__(self, volume: Volume, flusher: Flusher) -> None:
        self._volume = volume
        self.flusher = flusher
        self.inode: InodeId = new_file(volume, b"stream")
        volume.open_file(self.inode, writing=True)
        self.written = 0

    async def write(self) -> None:
        offset, self.written = self.written, self.written + len(PIECE)
        file = self._volume.write(self.inode, offset, PIECE)
        await self.flusher.wrote(file, len(PIECE))


@pytest.fixture
def volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Volume]:
    monkeypatch.setattr(flushing, "SPILL_BYTES", SPILL_BYTES)
    with opened(make_store(tmp_path / "store")) as volume:
        yield volume


@asynccontextmanager
async def running(volume: Volume, workers: Workers) -> AsyncIterator[tuple[Stream, trio.Nursery]]:
    flusher = Flusher(volume, workers, DIRTY_BYTES_MAX)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        await trio.testing.wait_all_tasks_blocked()
        yield Stream(volume, flusher), nursery
        nursery.cancel_scope.cancel()


async def write_all(stream: Stream, count: int, done: list[int]) -> None:
    for _ in range(count):
        await stream.write()
        done.append(stream.written)


async def test_a_writer_goes_on_until_too_much_is_dirty(volume: Volume) -> None:
    workers = HeldWorkers()
    async with running(volume, workers) as (stream, nursery):
        done: list[int] = []
        nursery.start_soon(write_all, stream, 5, done)
        await trio.testing.wait_all_tasks_blocked()
        assert done == [12_000, 24_000]  # the third is taken, and answered when there is room
        workers.may_work.set()
        await trio.testing.wait_all_tasks_blocked()
        assert done == [12_000 * n for n in (1, 2, 3, 4, 5)]
    assert read_file(volume, stream.inode) == PIECE * 5


async def test_all_who_wait_go_on_when_the_task_has_been_at_work_once(volume: Volume) -> None:
    """None of them works on the file: there is nothing left that is worth it."""
    workers = HeldWorkers()
    async with running(volume, workers) as (stream, nursery):
        done: list[int] = []
        await stream.write()
        await trio.testing.wait_all_tasks_blocked()
        for _ in range(4):
            nursery.start_soon(write_all, stream, 1, done)
        await trio.testing.wait_all_tasks_blocked()
        assert len(done) == 1
        workers.may_work.set()
        await trio.testing.wait_all_tasks_blocked()
        assert len(done) == 4
        assert workers.driven <= 2


async def test_the_task_begins_though_requests_never_end(volume: Volume) -> None:
    """Who reads them gives up his turn only after many, unless a write is a turn of its own."""
    workers = HeldWorkers()
    async with running(volume, workers) as (stream, _):
        await stream.write()
        await stream.write()
        assert workers.begun


async def several_rounds() -> None:
    """The tasks that can run have their turn, in whatever order."""
    for _ in range(5):
        await trio.lowlevel.checkpoint()


async def test_a_sync_does_not_wait_for_the_end_of_a_stream(volume: Volume) -> None:
    """Settling goes on with what is written meanwhile, but not while somebody wants the file."""
    flusher = Flusher(volume, PatientWorkers(several_rounds), 10 * DIRTY_BYTES_MAX)
    stream = Stream(volume, flusher)
    synced = trio.Event()

    async def sync() -> None:
        while not flusher.locks.is_held(stream.inode):
            await trio.lowlevel.checkpoint()
        await flusher.make_durable(stream.inode)
        synced.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(sync)
        while not synced.is_set():
            assert stream.written < 400 * len(PIECE)
            await stream.write()
        nursery.cancel_scope.cancel()


async def test_a_writer_who_waits_hears_of_a_failure(volume: Volume) -> None:
    workers = HeldWorkers()
    workers.failure = NoSpace("no room")
    async with running(volume, workers) as (stream, nursery):
        heard: list[NoSpace] = []

        async def write_and_listen() -> None:
            try:
                await write_all(stream, 9, [])
            except NoSpace as error:
                heard.append(error)

        nursery.start_soon(write_and_listen)
        await trio.testing.wait_all_tasks_blocked()
        assert not heard
        workers.may_work.set()
        await trio.testing.wait_all_tasks_blocked()
        assert heard == [workers.failure]


async def test_many_small_dirty_files_are_relieved_by_those_who_write_them(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has too little for a task of its own."""
    monkeypatch.setattr(flushing, "SPILL_BYTES", 1 << 20)
    flusher = Flusher(volume, Workers(), DIRTY_BYTES_MAX)
    for number in range(6):
        inode = new_file(volume, b"%d" % number)
        volume.open_file(inode, writing=True)
        await flusher.wrote(volume.write(inode, 0, PIECE), len(PIECE))
    assert volume.contents.dirty_bytes <= DIRTY_BYTES_MAX


async def test_a_sync_does_not_wait_for_synced_bytes_that_are_settled(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have rows, however many there are; what is synced meanwhile gets some, too."""
    monkeypatch.setattr(flushing, "SYNCED_ROWS", 3)
    workers = HeldWorkers()
    inode = settled_file(volume, b"file", noise(30_000))
    file = volume.open_file(inode, writing=True)
    flusher = Flusher(volume, workers, DIRTY_BYTES_MAX)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        await trio.testing.wait_all_tasks_blocked()
        for offset in range(0, 20_000, 4_000):
            await flusher.wrote(volume.write(inode, offset, SHORT), len(SHORT))
            with trio.fail_after(60):
                await flusher.make_durable(inode)
            await trio.testing.wait_all_tasks_blocked()
            assert workers.begun == (file.logged_rows >= 3)
        assert file.logged_rows == 5
        workers.may_work.set()
        while file.logged_rows:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert file.settled
    volume.close_file(inode, writing=True)


def open_file(volume: Volume, name: bytes) -> InodeId:
    inode = new_file(volume, name)
    volume.open_file(inode, writing=True)
    return inode


async def write_to(volume: Volume, flusher: Flusher, inode: InodeId) -> None:
    with trio.fail_after(60):
        await flusher.wrote(volume.write(inode, 0, SHORT), len(SHORT))


async def test_files_too_short_to_be_cut_are_bounded_as_well(volume: Volume) -> None:
    flusher = Flusher(volume, Workers(), DIRTY_BYTES_MAX)
    inodes = [open_file(volume, b"%d" % number) for number in range(200)]
    for inode in inodes:
        await write_to(volume, flusher, inode)
        assert volume.contents.dirty_bytes <= DIRTY_BYTES_MAX
    for inode in inodes:
        assert read_file(volume, inode) == SHORT
        volume.close_file(inode, writing=True)


async def test_bytes_of_another_file_that_cannot_be_stored_are_no_error_of_who_writes(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    flusher = Flusher(volume, Workers(), DIRTY_BYTES_MAX)
    first, *others = [open_file(volume, b"%d" % number) for number in range(9)]
    volume.write(first, 0, noise(DIRTY_BYTES_MAX))  # the largest
    settle = volume.contents.settle

    def refuse_first(inode: InodeId, *, whole: bool = True) -> Steps[None]:
        if inode == first:
            raise NoSpace("no room")
        return settle(inode, whole=whole)

    with monkeypatch.context() as patch:
        patch.setattr(volume.contents, "settle", refuse_first)
        for inode in others:
            await write_to(volume, flusher, inode)
    with pytest.raises(NoSpace):
        await write_to(volume, flusher, first)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    for inode in (first, *others):
        volume.close_file(inode, writing=True)


async def test_open_files_are_added_up_only_when_there_may_be_too_much(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume._parts.space, "_promised", lambda: 0)  # asks now and then, too
    flusher = Flusher(volume, Workers(), DIRTY_BYTES_MAX)
    looks: list[int] = []
    dirty_bytes = Contents.dirty_bytes

    def counted(contents: Contents) -> int:
        looks.append(dirty_bytes.__get__(contents))
        return looks[-1]

    monkeypatch.setattr(volume._parts.space, "_promised", lambda: 0)  # it looks when time is up
    monkeypatch.setattr(Contents, "dirty_bytes", property(counted))
    writes = 3 * DIRTY_BYTES_MAX // len(SHORT)
    inodes = [open_file(volume, b"%d" % number) for number in range(writes)]
    for count, inode in enumerate(inodes, 1):
        await write_to(volume, flusher, inode)
        assert dirty_bytes.__get__(volume.contents) <= DIRTY_BYTES_MAX
        if count * len(SHORT) <= DIRTY_BYTES_MAX // 2:
            assert len(looks) == 1
    assert max(looks) > DIRTY_BYTES_MAX  # what it is there to find, it found at once
    for inode in inodes:
        volume.close_file(inode, writing=True)


async def test_who_settles_without_the_lock_is_not_disturbed(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a copy with many synced bytes: it is in use, and nobody has its lock."""
    monkeypatch.setattr(flushing, "SYNCED_BYTES", 2_000)
    copy = settled_file(volume, b"copy", PIECE)
    volume.open_file(copy, writing=True)
    volume.write(copy, 100, SHORT * 7)
    volume.contents.log_extents(copy)
    async with running(volume, Workers()) as (stream, _):
        steps = Driver(volume.contents.settle_beside(copy))
        file = volume.contents.file(copy)
        assert file is not None
        await stream.flusher.persist_old(file)
        with trio.move_on_after(0.05):
            await stream.flusher.settle(copy)
        steps.finish()
        await stream.flusher.settle(copy)
        assert not file.changed
    volume.close_file(copy, writing=True)


async def test_a_sync_waits_for_who_settles_without_the_lock(volume: Volume) -> None:
    inode = settled_file(volume, b"file", PIECE)
    volume.open_file(inode, writing=True)
    volume.write(inode, 0, noise(9_000, 1))
    async with running(volume, Workers()) as (stream, nursery):
        steps = Driver(volume.contents.settle_beside(inode))
        volume.write(inode, 9_000, SHORT)
        synced = trio.Event()

        async def sync() -> None:
            await stream.flusher.make_durable(inode)
            synced.set()

        nursery.start_soon(sync)
        await trio.sleep(0.03)
        assert not synced.is_set()
        steps.finish()
        with trio.fail_after(5):
            await synced.wait()
    file = volume.contents.file(inode)
    assert file is not None
    assert not file.unlogged
    assert file.all_logged
    volume.close_file(inode, writing=True)
