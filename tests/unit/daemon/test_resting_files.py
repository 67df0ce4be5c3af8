"""Files that are closed after edits in place: what is settled later, and for whom sooner."""

import pytest
import trio
import trio.testing

from daemon.flusher import Flusher
from daemon.resting_files import REST_SECONDS, RESTING_FILES_MAX
from daemon.workers import Workers
from fsmodel.errors import NoSpace, NotFound, Stale
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.steps import Steps, run_inline
from fsmodel.volume import Volume
from lmdb_index.schema import OBJECT
from tests.support.stepping import Driver
from tests.support.volumes import (
    new_file,
    noise,
    parts_of,
    read_file,
    ref_of,
    ref_of_bytes,
    settled_file,
)

DATA = noise(40_000)
EDITED = b"edit" + DATA[4:]


@pytest.fixture
def flusher(volume: Volume) -> Flusher:
    return Flusher(volume, Workers(), 64 << 20)


async def edited(
    volume: Volume, flusher: Flusher, name: bytes = b"file", data: bytes = b"edit"
) -> InodeId:
    """A settled file that was opened, edited, synced and closed, as the handlers do it."""
    inode = settled_file(volume, name, DATA)
    await edit(volume, flusher, inode, 0, data)
    return inode


async def edit(volume: Volume, flusher: Flusher, inode: InodeId, offset: int, data: bytes) -> None:
    volume.open_file(inode, writing=True)
    volume.write(inode, offset, data)
    await flusher.make_durable(inode)
    assert flusher.resting.may(inode)
    await flusher.resting.add(inode)
    flusher.close(inode, writing=True)


async def test_a_file_that_is_closed_while_it_is_settled_waits_for_nobody(
    volume: Volume, flusher: Flusher, autojump_clock: trio.testing.MockClock
) -> None:
    inode = settled_file(volume, b"file", DATA)
    volume.open_file(inode, writing=True)
    volume.write(inode, 0, b"edit")
    await flusher.make_durable(inode)
    steps = Driver(volume.contents.settle(inode))  # as for somebody who has many bytes in rows
    await edit(volume, flusher, inode, 10, b"again")
    flusher.close(inode, writing=True)
    steps.finish()
    assert inode in flusher.resting
    await trio.sleep(2 * REST_SECONDS)
    await flusher.resting.end_old()
    assert not volume.contents.is_open(inode)
    assert ref_of(volume, inode) == ref_of_bytes(EDITED[:10] + b"again" + EDITED[15:])


async def test_a_file_rests_until_its_time_has_come(
    volume: Volume, flusher: Flusher, autojump_clock: trio.testing.MockClock
) -> None:
    inode = await edited(volume, flusher)
    assert inode in flusher.resting
    assert ref_of(volume, inode) == ref_of_bytes(DATA)
    await trio.sleep(REST_SECONDS / 2)
    await flusher.resting.end_old()
    assert inode in flusher.resting
    await edit(volume, flusher, inode, 10, b"again")  # and it rests anew
    await trio.sleep(REST_SECONDS * 0.75)
    await flusher.resting.end_old()
    assert inode in flusher.resting
    await trio.sleep(REST_SECONDS / 2)
    await flusher.resting.end_old()
    assert not flusher.resting
    assert not volume.contents.is_open(inode)
    assert ref_of(volume, inode) == ref_of_bytes(EDITED[:10] + b"again" + EDITED[15:])


async def test_what_is_closed_without_being_synced_does_not_rest(
    volume: Volume, flusher: Flusher
) -> None:
    inode = settled_file(volume, b"file", DATA)
    volume.open_file(inode, writing=True)
    assert not flusher.resting.may(inode)
    volume.write(inode, 0, b"edit")
    assert not flusher.resting.may(inode)
    await flusher.make_durable(inode)
    assert flusher.resting.may(inode)
    volume.unlink(ROOT_INODE, b"file")  # nobody will ever ask for it
    assert not flusher.resting.may(inode)
    flusher.close(inode, writing=True)
    assert not flusher.resting.may(inode)


async def test_what_is_mostly_new_does_not_rest(volume: Volume, flusher: Flusher) -> None:
    inode = new_file(volume, data=DATA)
    await flusher.make_durable(inode)
    assert not flusher.resting.may(inode)
    flusher.close(inode, writing=True)
    other = settled_file(volume, b"other", DATA)
    volume.open_file(other, writing=True)
    volume.write(other, 0, bytes(len(DATA) // 4 + 1))
    await flusher.make_durable(other)
    assert not flusher.resting.may(other)
    flusher.close(other, writing=True)


async def delete(volume: Volume, flusher: Flusher, name: bytes) -> None:
    await flusher.resting.end_replaced(ROOT_INODE, name, lambda: volume.unlink(ROOT_INODE, name))


async def journal_of_a_database(
    volume: Volume, flusher: Flusher, name: bytes = b"file-journal"
) -> InodeId:
    """As SQLite leaves it when a transaction has been committed and its journal closed."""
    settled_file(volume, b"file", DATA[: 32 << 10])
    inode = new_file(volume, name, DATA[:9000])
    await flusher.make_durable(inode)
    assert flusher.resting.may(inode) == (name == b"file-journal")
    return inode


async def test_of_a_rollback_journal_nothing_is_chunked(volume: Volume, flusher: Flusher) -> None:
    inode = await journal_of_a_database(volume, flusher)
    objects = parts_of(volume).index.count(OBJECT)
    await flusher.resting.add(inode)
    flusher.close(inode, writing=True)
    await delete(volume, flusher, b"file-journal")
    assert inode not in flusher.resting
    assert not volume.contents.is_open(inode)
    assert parts_of(volume).index.count(OBJECT) == objects
    assert run_inline(volume.fsck()).findings == ()
    with pytest.raises(Stale):
        volume.attributes(inode)


async def test_a_rollback_journal_that_stays_is_settled(volume: Volume, flusher: Flusher) -> None:
    inode = await journal_of_a_database(volume, flusher)
    await flusher.resting.add(inode)
    flusher.close(inode, writing=True)
    await flusher.resting.end_all()
    assert ref_of(volume, inode) == ref_of_bytes(DATA[:9000])


async def test_a_journal_with_another_name_does_not_rest(volume: Volume, flusher: Flusher) -> None:
    inode = await journal_of_a_database(volume, flusher, b"other-journal")
    flusher.close(inode, writing=True)


async def test_a_journal_that_cannot_be_deleted_goes_on_resting(
    volume: Volume, flusher: Flusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise NoSpace("no room for the record")

    inode = await journal_of_a_database(volume, flusher)
    await flusher.resting.add(inode)
    flusher.close(inode, writing=True)
    with monkeypatch.context() as broken:
        broken.setattr(volume, "unlink", refuse)
        with pytest.raises(NoSpace):
            await delete(volume, flusher, b"file-journal")
    assert inode in flusher.resting
    await flusher.resting.end_all()
    assert ref_of(volume, inode) == ref_of_bytes(DATA[:9000])


async def test_who_deletes_what_rests_leaves_its_last_bytes_as_a_version(
    volume: Volume, flusher: Flusher
) -> None:
    inode = await edited(volume, flusher)
    await delete(volume, flusher, b"file")
    assert inode not in flusher.resting
    with pytest.raises(NotFound):
        await delete(volume, flusher, b"file")


async def test_who_needs_the_name_settled_has_it_so(volume: Volume, flusher: Flusher) -> None:
    inode = await edited(volume, flusher)
    other = await edited(volume, flusher, b"other")
    done: list[bool] = []

    def note() -> None:
        done.append(inode in flusher.resting)

    await flusher.resting.end_replaced(ROOT_INODE, b"absent", note)
    assert other in flusher.resting
    await flusher.resting.end_replaced(ROOT_INODE, b"file", note)
    assert done == [True, False]
    assert ref_of(volume, inode) == ref_of_bytes(EDITED)
    await flusher.resting.end_all()
    assert ref_of(volume, other) == ref_of_bytes(EDITED)
    await flusher.resting.end_replaced(ROOT_INODE, b"file", note)
    assert len(done) == 3


async def test_few_files_rest_at_a_time(volume: Volume, flusher: Flusher) -> None:
    inodes = [
        await edited(volume, flusher, b"%d" % number) for number in range(RESTING_FILES_MAX + 2)
    ]
    assert [inode in flusher.resting for inode in inodes] == [False] * 2 + [
        True
    ] * RESTING_FILES_MAX
    assert ref_of(volume, inodes[0]) == ref_of_bytes(EDITED)
    await flusher.resting.end_all()


async def test_a_resting_file_is_not_in_use(volume: Volume, flusher: Flusher) -> None:
    inode = await edited(volume, flusher)
    assert flusher.used_files == 0
    volume.open_file(inode, writing=False)
    assert flusher.used_files == 1
    await flusher.resting.end_all()
    assert flusher.used_files == 1
    assert ref_of(volume, inode) == ref_of_bytes(EDITED)
    flusher.close(inode)
    assert flusher.used_files == 0


async def test_one_that_cannot_be_settled_keeps_its_bytes(
    volume: Volume,
    flusher: Flusher,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    inode = await edited(volume, flusher)

    def refuse(inode: InodeId, *, whole: bool = True) -> Steps[None]:
        raise NoSpace("the host is full")
        yield

    with monkeypatch.context() as patch:
        patch.setattr(volume.contents, "settle", refuse)
        await flusher.resting.end_all()
    assert "the host is full" in caplog.text
    assert not flusher.resting
    assert not volume.contents.is_open(inode)
    assert read_file(volume, inode) == EDITED
    assert volume.contents.unsettled() == [inode]


async def test_one_that_cannot_be_settled_rests_on_if_it_has_bytes_that_nobody_else_has(
    volume: Volume, flusher: Flusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    inode = await edited(volume, flusher)
    volume.open_file(inode, writing=True)
    volume.write(inode, 10, b"again")
    flusher.close(inode, writing=True)  # as where its bytes could not be put into rows

    def refuse(inode: InodeId, *, whole: bool = True) -> Steps[None]:
        raise NoSpace("the host is full")
        yield

    expected = EDITED[:10] + b"again" + EDITED[15:]
    with monkeypatch.context() as patch:
        patch.setattr(volume.contents, "settle", refuse)
        await flusher.resting.end_all()
    assert inode in flusher.resting
    assert read_file(volume, inode) == expected
    await flusher.resting.end_all()
    assert not flusher.resting
    assert ref_of(volume, inode) == ref_of_bytes(expected)


async def test_what_is_written_while_it_is_settled_rests_on(
    volume: Volume, flusher: Flusher
) -> None:
    inode = await edited(volume, flusher)
    settle = flusher.resting._settle

    async def slow(inode: InodeId) -> None:
        await settle(inode)
        await edit(volume, flusher, inode, 10, b"again")

    flusher.resting._settle = slow
    await flusher.resting.end(inode)
    assert inode in flusher.resting
    flusher.resting._settle = settle
    await flusher.resting.end(inode)
    assert ref_of(volume, inode) == ref_of_bytes(EDITED[:10] + b"again" + EDITED[15:])
    assert not volume.contents.is_open(inode)


async def test_two_that_end_one_file_close_it_once(volume: Volume, flusher: Flusher) -> None:
    inode = await edited(volume, flusher)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.resting.end, inode)
        nursery.start_soon(flusher.resting.end, inode)
    assert not volume.contents.is_open(inode)
    assert not parts_of(volume).contents.unsettled()


async def test_what_rests_anew_while_another_has_ended_it_is_not_let_go_unsettled(
    volume: Volume, flusher: Flusher
) -> None:
    inode = await edited(volume, flusher)
    settle, end = flusher.resting._settle, flusher.resting.end

    async def slow(inode: InodeId) -> None:
        flusher.resting._settle = settle
        await end(inode)
        assert not volume.contents.is_open(inode)
        await edit(volume, flusher, inode, 10, b"again")

    flusher.resting._settle = slow
    await end(inode)
    assert inode in flusher.resting
    await end(inode)
    assert not volume.contents.unsettled()
