"""What a sync covers, in which order, and what its failures are called."""

import os

import pytest

from fsmodel.errors import BackendError, NoSpace
from fsmodel.ids import ROOT_INODE
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index.errors import IndexProblem, NoRoom
from tests.support.packs import failing
from tests.support.stepping import Driver
from tests.support.volumes import USER, open_again, parts_of, settled_file


def make_something(volume: Volume, name: bytes = b"d") -> None:
    volume.make_directory(ROOT_INODE, name, 0o755, USER)


def test_a_sync_covers_everything_before_it(volume: Volume) -> None:
    durability = volume.durability
    settled_file(volume, b"file", b"x")
    position = durability.position
    assert durability.needs_sync(position)
    assert durability.sync() == position
    assert durability.needs_sync(position)  # the owner does not know yet
    durability.note_synced(position)
    assert not durability.needs_sync(position)
    make_something(volume)
    assert durability.needs_sync(durability.position)
    assert not durability.needs_sync(position)


def test_packs_come_before_the_journal(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    settled_file(volume, b"file", b"x")
    synced: list[str] = []
    sync = os.fdatasync

    def noted(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}").rpartition(".")[2])
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", noted)
    volume.durability.sync()
    assert synced == ["pack", "wal"]


def test_what_comes_while_packs_are_synced_is_not_covered(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may refer to a frame that this sync has missed."""
    packs = parts_of(volume).packs
    settled_file(volume, b"file", b"x")
    position = volume.durability.position
    sync = packs.sync

    def slow() -> None:
        sync()
        settled_file(volume, b"late", b"y")

    monkeypatch.setattr(packs, "sync", slow)
    assert volume.durability.sync() == position < volume.durability.position


def test_frames_without_a_record_need_a_sync_too(volume: Volume) -> None:
    durability = volume.durability
    settled_file(volume, b"file", b"x")
    durability.note_synced(durability.sync())
    inode = volume.lookup(ROOT_INODE, b"file")
    volume.open_file(inode, writing=True)
    volume.write(inode, 0, os.urandom(50_000))
    run_inline(volume.contents.settle(inode, whole=False))
    assert durability.needs_sync(0)
    run_inline(volume.contents.settle(inode))
    volume.close_file(inode)


@pytest.mark.parametrize("kind", ["pack", "wal"])
def test_a_sync_that_fails_says_so_and_never_succeeds_again(
    volume: Volume, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled_file(volume, b"file", b"x")
    volume.checkpoint()
    settled_file(volume, b"other", b"y")
    sync = os.fdatasync

    def fail_for_some(descriptor: int) -> None:
        if os.readlink(f"/proc/self/fd/{descriptor}").endswith(kind):
            failing(5)()
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", fail_for_some)
        with pytest.raises(BackendError):
            volume.durability.sync()
    with pytest.raises(BackendError):
        volume.durability.sync()
    open_again(volume)


def test_a_checkpoint_syncs_in_a_worker_first(volume: Volume) -> None:
    settled_file(volume, b"file", b"x")
    assert volume.is_dirty
    steps = Driver(volume.durability.checkpoint())
    assert parts_of(volume).packs.unsynced
    steps.run()
    assert not parts_of(volume).packs.unsynced
    settled_file(volume, b"meanwhile", b"y")
    assert steps.finish() is None
    assert not parts_of(volume).packs.unsynced
    assert not volume.is_dirty


@pytest.mark.parametrize(
    ("problem", "expected"),
    [(NoRoom("no room"), NoSpace), (IndexProblem("the disk is broken"), BackendError)],
)
def test_a_checkpoint_that_cannot_be_made(
    volume: Volume,
    problem: IndexProblem,
    expected: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> None:
        raise problem

    make_something(volume)
    with monkeypatch.context() as patch:
        patch.setattr(parts_of(volume).index, "checkpoint", refuse)
        with pytest.raises(expected, match=str(problem)):
            volume.checkpoint()
        with pytest.raises(expected, match=str(problem)):
            run_inline(volume.durability.checkpoint())
    volume.checkpoint()
    assert not volume.is_dirty
