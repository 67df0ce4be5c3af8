"""New small files: settled a moment later and together, and nobody can tell."""

from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from daemon import new_files
from daemon.flusher import Flusher
from daemon.new_files import QUIET_SECONDS, RETRY_SECONDS, WAIT_SECONDS_MAX
from daemon.workers import Workers
from fsmodel.durability import Durability
from fsmodel.errors import NoSpace, NotFound
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.renames import NO_RENAME_FLAGS
from fsmodel.settings import VolumeSettings
from fsmodel.steps import Steps, run_inline
from fsmodel.volume import Volume
from lmdb_index.schema import EXTENT, OBJECT
from tests.support.volumes import (
    LIMITS,
    killed,
    make_store,
    new_file,
    noise,
    opened,
    parts_of,
    read_file,
    ref_of,
    ref_of_bytes,
    settled_file,
)

DATA = noise(LIMITS.min_size)
OTHER = noise(LIMITS.min_size // 2)


def refuse(*_: object) -> None:
    """As what records a change, on a full host."""
    raise NoSpace("no room for the record")


@pytest.fixture
def flusher(volume: Volume) -> Flusher:
    return Flusher(volume, Workers(), 64 << 20)


def written(volume: Volume, flusher: Flusher, name: bytes, data: bytes = DATA) -> InodeId:
    """A file as a program leaves it that has written and closed it."""
    inode = new_file(volume, name, data)
    close(volume, flusher, inode)
    return inode


def close(volume: Volume, flusher: Flusher, inode: InodeId) -> None:
    volume.contents.all_stamped(inode)
    assert flusher.resting.new.take(inode)
    flusher.close(inode, writing=True)


async def take_name(
    volume: Volume, flusher: Flusher, name: bytes, replacing: bytes | None = None
) -> None:
    """Delete a name, or rename another one over it, as the handlers do."""
    change = partial(volume.unlink, ROOT_INODE, name)
    if replacing is not None:
        change = partial(volume.rename, ROOT_INODE, replacing, ROOT_INODE, name, NO_RENAME_FLAGS)
    await flusher.resting.end_replaced(ROOT_INODE, name, change)


def objects_of(volume: Volume) -> int:
    return parts_of(volume).index.count(OBJECT)


async def test_a_kill_takes_nothing(tmp_path: Path) -> None:
    volume = Volume.open(make_store(tmp_path / "store"))
    flusher = Flusher(volume, Workers(), 64 << 20)
    inodes = [written(volume, flusher, b"%d" % number, noise(60, number)) for number in range(5)]
    assert objects_of(volume) == 0
    assert all(flusher.resting.new.let_go(inode) for inode in inodes)
    again = killed(volume, tmp_path / "copy")
    assert again.contents.unsettled() == inodes
    for number, inode in enumerate(inodes):
        assert read_file(again, inode) == noise(60, number)
    run_inline(again.settle_leftovers())
    assert [ref_of(again, inode) for inode in inodes] == [
        ref_of_bytes(noise(60, number)) for number in range(5)
    ]
    assert run_inline(again.fsck()).findings == ()
    again.close()


async def test_they_are_settled_when_no_more_come(
    volume: Volume, flusher: Flusher, autojump_clock: trio.testing.MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.resting.new.run)
        await trio.testing.wait_all_tasks_blocked(0.001)
        inodes = []
        for number in range(6):
            inodes.append(written(volume, flusher, b"%d" % number, noise(50, number)))
            await trio.sleep(QUIET_SECONDS / 2)
        assert len(flusher.resting.new) == 6
        await trio.sleep(2 * QUIET_SECONDS)
        assert not flusher.resting
        nursery.cancel_scope.cancel()
    for number, inode in enumerate(inodes):
        assert ref_of(volume, inode) == ref_of_bytes(noise(50, number))
        assert not volume.contents.is_open(inode)
    assert parts_of(volume).index.count(EXTENT) == 0
    assert volume.contents.unsettled() == []
    assert run_inline(volume.fsck()).findings == ()


async def test_one_that_comes_now_and_then_keeps_nobody_waiting(
    volume: Volume, flusher: Flusher, autojump_clock: trio.testing.MockClock
) -> None:
    first = written(volume, flusher, b"first")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.resting.new.run)
        for number in range(int(3 * WAIT_SECONDS_MAX / QUIET_SECONDS)):
            written(volume, flusher, b"%d" % number, noise(50, number))
            await trio.sleep(QUIET_SECONDS * 0.7)
        assert first not in flusher.resting
        nursery.cancel_scope.cancel()


async def test_when_there_are_many_the_oldest_are_settled_at_once(
    volume: Volume,
    flusher: Flusher,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.testing.MockClock,
) -> None:
    monkeypatch.setattr(new_files, "FILES_MAX", 10)
    monkeypatch.setattr(new_files, "BATCH_FILES_MAX", 4)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.resting.new.run)
        await trio.testing.wait_all_tasks_blocked(0.001)
        inodes = [written(volume, flusher, b"%d" % n, noise(50, n)) for n in range(11)]
        await trio.testing.wait_all_tasks_blocked(0.001)
        assert [inode in flusher.resting for inode in inodes] == [False] * 4 + [True] * 7
        nursery.cancel_scope.cancel()


async def test_a_file_that_is_deleted_leaves_nothing(volume: Volume, flusher: Flusher) -> None:
    inode = written(volume, flusher, b"file")
    await take_name(volume, flusher, b"file")
    assert inode not in flusher.resting
    assert not volume.contents.is_open(inode)
    assert (objects_of(volume), parts_of(volume).index.count(EXTENT)) == (0, 0)
    assert run_inline(volume.fsck()).findings == ()


async def test_what_it_was_becomes_a_version(tmp_path: Path) -> None:
    with opened(make_store(tmp_path / "store"), VolumeSettings()) as volume:
        flusher = Flusher(volume, Workers(), 64 << 20)
        deleted = written(volume, flusher, b"deleted")
        replaced = written(volume, flusher, b"replaced", OTHER)
        new = written(volume, flusher, b"new", noise(7))
        await take_name(volume, flusher, b"deleted")
        await take_name(volume, flusher, b"replaced", b"new")
        assert {deleted, replaced, new} == {n for n in range(100) if n in flusher.resting}
        assert volume.lookup(ROOT_INODE, b"replaced") == new
        await flusher.resting.end_all()
        assert [ref_of(volume, inode) for inode in (deleted, replaced, new)] == [
            ref_of_bytes(data) for data in (DATA, OTHER, noise(7))
        ]
        assert run_inline(volume.fsck()).findings == ()


async def test_a_name_that_cannot_go_leaves_it_resting(
    volume: Volume, flusher: Flusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    inode = written(volume, flusher, b"file")
    with monkeypatch.context() as broken:
        broken.setattr(volume, "unlink", refuse)
        with pytest.raises(NoSpace):
            await take_name(volume, flusher, b"file")
    assert inode in flusher.resting
    await flusher.resting.end_all()
    assert ref_of(volume, inode) == ref_of_bytes(DATA)


async def test_what_is_cut_and_not_recorded_is_not_let_go_with_a_name(
    volume: Volume, flusher: Flusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows tell less than the memory, though nothing waits to be put into rows."""
    inode = written(volume, flusher, b"file")
    volume.link(inode, ROOT_INODE, b"stays")
    volume.open_file(inode, writing=True)
    volume.write(inode, len(DATA), bytes(3000))
    with monkeypatch.context() as broken:
        broken.setattr(volume.contents.recorder, "record", refuse)
        with pytest.raises(NoSpace):
            await flusher.settle(inode)
    flusher.close(inode, writing=True)
    await take_name(volume, flusher, b"file")
    await flusher.resting.end_all()
    assert read_file(volume, inode) == DATA + bytes(3000)
    assert run_inline(volume.fsck()).findings == ()


async def test_one_that_is_open_is_settled_before_its_name_goes(
    volume: Volume, flusher: Flusher
) -> None:
    inode = written(volume, flusher, b"file")
    volume.open_file(inode, writing=False)
    await take_name(volume, flusher, b"file")
    assert inode not in flusher.resting
    assert ref_of(volume, inode) == ref_of_bytes(DATA)
    flusher.close(inode)
    with pytest.raises(NotFound):
        volume.lookup(ROOT_INODE, b"file")


async def test_one_that_is_written_again_is_settled_as_it_is_then(
    volume: Volume, flusher: Flusher
) -> None:
    appended = written(volume, flusher, b"appended", OTHER)
    emptied = written(volume, flusher, b"emptied")
    for inode in (appended, emptied):
        volume.open_file(inode, writing=True)
    volume.truncate(emptied, 0)
    volume.write(emptied, 0, b"new")
    close(volume, flusher, emptied)
    volume.write(appended, len(OTHER), bytes(3000))
    assert not flusher.resting.new.take(appended)
    await flusher.settle(appended)
    flusher.close(appended, writing=True)
    await flusher.resting.end_all()
    assert not flusher.resting
    assert ref_of(volume, emptied) == ref_of_bytes(b"new")
    assert ref_of(volume, appended) == ref_of_bytes(OTHER + bytes(3000))
    assert run_inline(volume.fsck()).findings == ()


async def test_one_that_somebody_settles_is_left_to_him(volume: Volume, flusher: Flusher) -> None:
    inodes = [written(volume, flusher, b"%d" % n, noise(50, n)) for n in range(3)]
    async with trio.open_nursery() as nursery, flusher.locks.of(inodes[1]):
        nursery.start_soon(flusher.resting.end_all)
        await trio.testing.wait_all_tasks_blocked()
        run_inline(volume.contents.settle(inodes[1]))
        assert inodes[1] in flusher.resting
    assert not flusher.resting
    assert [ref_of(volume, each) for each in inodes] == [
        ref_of_bytes(noise(50, n)) for n in range(3)
    ]


async def test_what_is_large_empty_or_has_holes_is_not_for_later(
    volume: Volume, flusher: Flusher
) -> None:
    for name, offset, data in (
        (b"large", 0, noise(LIMITS.min_size + 1)),
        (b"empty", 0, b""),
        (b"hole", 8, b"bytes"),
    ):
        inode = new_file(volume, name)
        volume.write(inode, offset, data)
        assert not flusher.resting.new.take(inode)
        flusher.close(inode, writing=True)


async def test_a_synced_journal_of_a_database_rests_with_it(
    volume: Volume, flusher: Flusher
) -> None:
    settled_file(volume, b"file", bytes(512))
    inode = new_file(volume, b"file-journal", DATA)
    await flusher.make_durable(inode)
    assert not flusher.resting.new.take(inode)
    assert flusher.resting.may(inode)
    flusher.close(inode, writing=True)
    await flusher.resting.end_all()


async def test_a_failure_keeps_them_until_it_is_over(
    volume: Volume,
    flusher: Flusher,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: trio.testing.MockClock,
) -> None:
    def refuse(*arguments: object, **_: object) -> None:
        raise NoSpace("the host is full")

    inodes = [written(volume, flusher, b"%d" % n, noise(50, n)) for n in range(3)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.resting.new.run)
        with monkeypatch.context() as broken:
            broken.setattr(parts_of(volume).objects.encoder, "encode", refuse)
            await trio.sleep(3 * RETRY_SECONDS)
            assert all(inode in flusher.resting for inode in inodes)
            assert all(read_file(volume, each) == noise(50, n) for n, each in enumerate(inodes))
        await trio.sleep(2 * RETRY_SECONDS)
        assert not flusher.resting
        nursery.cancel_scope.cancel()
    assert [record.message.count("host is full") for record in caplog.records] == [1]
    assert [ref_of(volume, each) for each in inodes] == [
        ref_of_bytes(noise(50, n)) for n in range(3)
    ]


async def test_a_disk_that_failed_is_not_asked_again_and_not_told_of_twice(
    volume: Volume,
    flusher: Flusher,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    autojump_clock: trio.testing.MockClock,
) -> None:
    monkeypatch.setattr(new_files, "FILES_MAX", 2)
    inodes = [written(volume, flusher, b"%d" % n, noise(50, n)) for n in range(4)]
    with monkeypatch.context() as broken:
        broken.setattr(Durability, "failure", "the disk has failed")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flusher.resting.new.run)
            await trio.sleep(3 * RETRY_SECONDS)
            nursery.cancel_scope.cancel()
        assert all(inode in flusher.resting for inode in inodes)
    assert caplog.records == []
    await flusher.resting.end_all()
    assert not flusher.resting


async def test_a_record_that_fails_is_made_good(
    volume: Volume, flusher: Flusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the chunks are stored, and in memory only it is known that they are the files'."""
    inodes = [written(volume, flusher, b"%d" % n, noise(50, n)) for n in range(3)]
    with monkeypatch.context() as broken:
        broken.setattr(parts_of(volume).index._journal, "append", refuse)
        await flusher.resting.end_all()
    assert all(inode in flusher.resting for inode in inodes)
    await flusher.resting.end_all()
    assert not flusher.resting
    assert [ref_of(volume, each) for each in inodes] == [
        ref_of_bytes(noise(50, n)) for n in range(3)
    ]
    assert run_inline(volume.fsck()).findings == ()


@pytest.mark.parametrize("waits", [0.0, 2 * QUIET_SECONDS])
async def test_many_are_settled_in_haste_while_more_are_coming(
    volume: Volume,
    flusher: Flusher,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.testing.MockClock,
    waits: float,
) -> None:
    told: list[bool] = []
    settle_together = volume.contents.settle_together

    def noted(inodes: list[InodeId], *, hasty: bool) -> Steps[None]:
        told.append(hasty)
        return settle_together(inodes, hasty=hasty)

    monkeypatch.setattr(new_files, "HASTY_BYTES_MIN", 100)
    monkeypatch.setattr(new_files, "BATCH_FILES_MAX", 1)
    monkeypatch.setattr(volume.contents, "settle_together", noted)
    for number in range(3):
        written(volume, flusher, b"%d" % number, noise(50, number))
    await trio.sleep(waits)
    await flusher.resting.end_all()
    assert told == [not waits, not waits, False]
