"""A journal that has failed, or a damaged row, ends no work in the background, nor the mount."""

from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest
import trio
from trio.testing import MockClock

from daemon.flusher import OLD_AFTER_SECONDS, Flusher
from daemon.folder_keeper import LOOK_SECONDS, FolderKeeper
from daemon.metadata_keeper import SWEEP_SECONDS, MetadataKeeper
from daemon.workers import Workers
from fsmodel.content.contents import LOGGED_FEW_BYTES
from fsmodel.errors import IndexCorrupt
from fsmodel.index_upkeep import IndexUpkeep
from fsmodel.steps import Work
from fsmodel.volume import Volume
from tests.support.serving import service_of
from tests.support.structured import StructuredStore
from tests.support.volumes import make_store, new_file, noise, opened, parts_of, settled_file


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run_here(workers: Workers, work: Work) -> object:
        return work.run()

    monkeypatch.setattr(Workers, "run", run_here)  # the clock does not wait for threads


@pytest.fixture
def failed(tmp_path: Path) -> Iterator[Volume]:
    """A volume whose journal takes nothing any more."""
    store = StructuredStore(tmp_path)
    parts_of(store.volume).index._journal._failure = "journal: Input/output error"
    assert store.volume.read_only
    yield store.volume
    parts_of(store.volume).close()


async def test_folders_are_looked_after_in_vain(failed: Volume, autojump_clock: MockClock) -> None:
    with trio.move_on_after(2 * LOOK_SECONDS + 1) as scope:
        await FolderKeeper(service_of(failed), 60.0).run()
    assert scope.cancelled_caught


async def test_metadata_is_looked_after_in_vain(failed: Volume, autojump_clock: MockClock) -> None:
    with trio.move_on_after(SWEEP_SECONDS + 2 * LOOK_SECONDS) as scope:
        await MetadataKeeper(failed).run()
    assert scope.cancelled_caught


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Volume]:
    """A volume with a file `/file`, the row of whose chunk is garbled."""
    store = make_store(tmp_path / "store")
    monkeypatch.setattr(IndexUpkeep, "finish", lambda upkeep: None)  # the row stays by itself
    with opened(store) as volume:
        settled_file(volume, b"file", noise(60))
    _garble_objects(store)
    volume = Volume.open(store)
    yield volume
    parts_of(volume).close()


def _garble_objects(store: Path) -> None:
    with lmdb.open(str(store / "index"), max_dbs=64) as environment:
        table = environment.open_db(b"object", create=False)
        with environment.begin(db=table, write=True) as transaction:
            for key, value in list(transaction.cursor()):
                transaction.put(key, value[:-1] + bytes([value[-1] ^ 1]))


async def test_bytes_over_a_chunk_whose_row_is_damaged_are_an_error_for_who_wrote_them(
    damaged: Volume, autojump_clock: MockClock
) -> None:
    flusher = Flusher(damaged, Workers(), 1 << 20)
    inode = damaged.resolve(b"/file")
    damaged.open_file(inode, writing=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        damaged.write(inode, 10, noise(LOGGED_FEW_BYTES + 1))
        await trio.sleep(OLD_AFTER_SECONDS + 1)
        with pytest.raises(IndexCorrupt, match="index table object"):
            await flusher.wrote(damaged.write(inode, 0, b"a"), 1)
        nursery.cancel_scope.cancel()


def test_what_cannot_be_settled_at_the_end_does_not_keep_others_from_it(damaged: Volume) -> None:
    inode = damaged.resolve(b"/file")
    damaged.open_file(inode, writing=True)
    damaged.write(inode, 10, b"bytes")
    other = new_file(damaged, b"other", b"bytes")
    (failure,) = damaged._settle_open_files()
    assert isinstance(failure, IndexCorrupt)
    assert not damaged.contents.is_changed(other)
