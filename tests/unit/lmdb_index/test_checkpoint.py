"""Checkpoints: at every step of one a kill is safe, and one that fails loses nothing."""

import errno
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb
import pytest

from lmdb_index import checkpoints, environment
from lmdb_index import index as index_module
from lmdb_index.environment import Environment, index_problem
from lmdb_index.errors import IndexProblem, JournalCorrupt, JournalFailed, NoRoom
from lmdb_index.index import JOURNAL_BYTES_MAX, MUTATIONS_MAX, Index
from lmdb_index.journal_survey import newest_header
from tests.support.index_store import (
    UUID,
    CrashPoints,
    flip_bit,
    killed,
    opened,
    pack_numbers,
    put_packs,
    put_raw,
    records_in,
    segments,
    state_of,
    sync,
    the_segment,
)


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """No file can grow beyond a size: LMDB sees a write cut short, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fill(index: Index) -> None:
    """More than fits into the free pages of a new LMDB file."""
    for number in range(40):
        put_raw(index, b"%d" % number, bytes(3000))
    put_packs(index, range(20))


def test_a_checkpoint_empties_the_journal(index: Index, store: Path) -> None:
    put_packs(index, range(3))
    assert index.mutations_since_checkpoint == 6
    assert index.unsynced
    index.checkpoint()
    assert (index.mutations_since_checkpoint, index.journal_bytes) == (0, 0)
    assert (index.journal_position, index.unsynced) == (3, False)
    assert the_segment(store).name == "0000000000000004.wal"
    assert records_in(the_segment(store)) == []
    assert pack_numbers(index) == [0, 1, 2]


def test_nothing_is_committed_when_nothing_changed(index: Index, store: Path) -> None:
    put_packs(index, range(3))
    index.checkpoint()
    before = segments(store), (store / "index" / "data.mdb").read_bytes()
    index.checkpoint()
    assert (segments(store), (store / "index" / "data.mdb").read_bytes()) == before
    assert index.statistics().checkpoints == 1


def test_counters_alone_are_committed_too(index: Index, store: Path) -> None:
    with index.operation() as operation:
        operation.add("files", 5)
    index.checkpoint()
    index.close()
    with opened(store) as found:
        assert found.counters() == {"files": 5}


def test_a_checkpoint_needs_all_operations_ended(index: Index) -> None:
    with index.operation(), pytest.raises(AssertionError, match="open"):
        index.checkpoint()


@pytest.mark.parametrize("name", ["MUTATIONS_MAX", "JOURNAL_BYTES_MAX"])
def test_a_checkpoint_is_needed_when_enough_has_changed(
    index: Index, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    assert (MUTATIONS_MAX, JOURNAL_BYTES_MAX) == (50_000, 64 << 20)
    put_packs(index, range(2))
    assert not index.needs_checkpoint
    monkeypatch.setattr(index_module, name, 4)
    assert index.needs_checkpoint
    index.checkpoint()
    assert not index.needs_checkpoint


def test_a_kill_at_any_step_is_safe(
    index: Index, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(index)
    sync(index)
    put_packs(index, range(20, 25))
    before = state_of(index)
    with monkeypatch.context() as watched:
        points = CrashPoints(store, tmp_path / "copies", watched)
        index.checkpoint()
        points.copy("the end")
    put_packs(index, range(25, 26))
    assert points.calls == [
        "open",  # the new segment
        "pwrite",
        "fsync",
        "rename",
        "open",  # the journal folder
        "fsync",
        "unlink",  # the old segment
        "the end",
    ]
    for copy in points.copies:
        with opened(copy) as found:
            assert state_of(found) == before
            put_packs(found, range(25, 26))
        with opened(copy) as found:
            assert state_of(found) == state_of(index)
            found.checkpoint()
        with opened(copy) as found:
            assert state_of(found) == state_of(index)
            assert len(segments(copy)) == 1


def test_a_kill_at_any_step_of_a_recovery_is_safe(
    index: Index, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_packs(index, range(5))
    before = state_of(index)
    put_packs(index, range(5, 6))
    store = killed(index, store, tmp_path / "killed")
    os.truncate(the_segment(store), the_segment(store).stat().st_size - 1)
    with monkeypatch.context() as watched:
        points = CrashPoints(store, tmp_path / "copies", watched)
        Index.open(store, UUID).close()
    assert {"mkdir", "rename", "ftruncate"} <= set(points.calls)
    for copy in points.copies:
        with opened(copy) as found:
            assert state_of(found) == before
        (aside, *_) = (path for path in copy.glob("quarantine/*") if path.suffix != ".new")
        assert aside.stat().st_size > 0


def test_a_commit_cut_short_loses_nothing(index: Index, store: Path) -> None:
    fill(index)
    index.checkpoint()
    fill(index)
    put_packs(index, range(20, 40))
    before, size = state_of(index), (store / "index" / "data.mdb").stat().st_size
    for number in range(40, 60):
        put_raw(index, b"more %d" % number, bytes(3000))
    before = state_of(index)
    with files_limited_to(size), pytest.raises(IndexProblem, match=r"data\.mdb"):
        index.checkpoint()
    assert state_of(index) == before
    put_packs(index, range(60, 61))
    before = state_of(index)
    index.checkpoint()
    assert (state_of(index), index.mutations_since_checkpoint) == (before, 0)
    index.close()
    with opened(store) as found:
        assert state_of(found) == before


def test_a_commit_that_failed_is_followed_by_kills_without_loss(
    index: Index, store: Path, tmp_path: Path
) -> None:
    fill(index)
    before = state_of(index)
    with files_limited_to(20_000), pytest.raises(IndexProblem):
        index.checkpoint()
    with opened(killed(index, store, tmp_path / "killed")) as found:
        assert state_of(found) == before


def test_a_full_host_is_told_from_a_broken_one(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LMDB reports both as an I/O error when a write is cut short."""
    fill(index)
    with files_limited_to(20_000):
        with pytest.raises(IndexProblem) as raised:
            index.checkpoint()
        assert not isinstance(raised.value, NoRoom)
        monkeypatch.setattr(environment, "is_full", lambda folder: True)
        with pytest.raises(NoRoom, match="free some space and try again"):
            index.checkpoint()
    index.checkpoint()


def test_a_commit_that_failed_over_a_damaged_journal_ends_all_operations(
    index: Index, store: Path
) -> None:
    fill(index)
    sync(index)
    flip_bit(the_segment(store), 8 * (records_in(the_segment(store))[5].offset + 30))
    with files_limited_to(20_000), pytest.raises(JournalCorrupt, match="damaged at offset"):
        index.checkpoint()
    with pytest.raises(JournalFailed, match="damaged at offset"):
        put_raw(index, b"key")


def test_a_commit_that_failed_over_a_shortened_journal_ends_all_operations(
    index: Index, store: Path
) -> None:
    fill(index)
    os.truncate(the_segment(store), records_in(the_segment(store))[-1].offset)
    with files_limited_to(20_000), pytest.raises(JournalFailed, match="ends with operation 59"):
        index.checkpoint()
    with pytest.raises(JournalFailed):
        put_raw(index, b"key")


def test_after_a_commit_and_a_replay_that_failed_nothing_is_shown(
    index: Index, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last commit alone lacks what was acknowledged: it must not be taken for what there is."""
    fill(index)
    with monkeypatch.context() as patch, files_limited_to(20_000):
        patch.setattr(checkpoints, "survey_journal", fail_to_survey)
        with pytest.raises(IndexProblem, match="Too many open files"):
            index.checkpoint()
    with pytest.raises(IndexProblem):
        state_of(index)
    with opened(shutil.copytree(store, store.with_name("later"))) as found:
        assert len(pack_numbers(found)) == 20


def test_bytes_behind_a_commit_are_not_expected_to_stay(index: Index, store: Path) -> None:
    """They are of a commit whose sync failed, and gone when the power is."""
    fill(index)
    index.checkpoint()
    data = store / "index" / "data.mdb"
    committed = data.stat().st_size
    with data.open("r+b") as file:
        file.truncate(committed + (1 << 20))
    put_raw(index, b"key")
    index.checkpoint()
    expected = newest_header(store / "journal", UUID).index_bytes
    assert expected < committed + (1 << 20)
    index.close()
    os.truncate(data, expected)
    with opened(store) as found:
        assert len(pack_numbers(found)) == 20


def fail_to_survey(*arguments: object) -> None:
    raise IndexProblem("journal: Too many open files")


def test_an_index_that_cannot_begin_again_accepts_no_operation(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(environment: Environment, parent: Any = None) -> Any:
        with lmdb.Environment(str(environment.file.parent / "other")) as other:
            transaction = other.begin()
        return transaction.get(b"key")

    put_raw(index, b"key")
    monkeypatch.setattr(Environment, "begin", refuse)
    with pytest.raises(IndexProblem):
        index.checkpoint()
    with pytest.raises(JournalFailed, match="cannot be used any more"):
        put_raw(index, b"more")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_commit_counts_even_if_no_segment_can_be_made(
    index: Index, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*arguments: Any) -> Any:
        raise OSError(number, os.strerror(number))

    put_packs(index, range(3))
    old = the_segment(store)
    with monkeypatch.context() as broken:
        broken.setattr(os, "rename", fail)
        index.checkpoint()
    statistics = index.statistics()
    assert statistics.rotation_problem is not None
    assert (statistics.checkpoints, index.mutations_since_checkpoint) == (1, 0)
    put_packs(index, range(3, 5))
    assert the_segment(store) == old
    assert index.mutations_since_checkpoint == 4
    store = killed(index, store, tmp_path / "killed")
    with opened(store) as found:
        assert pack_numbers(found) == [0, 1, 2, 3, 4]
        assert found.mutations_since_checkpoint == 4
        found.checkpoint()
        assert found.statistics().rotation_problem is None
        assert the_segment(store).name == "0000000000000006.wal"


def test_a_checkpoint_after_a_failed_sync_saves_what_is_there(
    index: Index, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> Any:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    put_packs(index, range(3))
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(JournalFailed):
            index.sync_journal()
    index.checkpoint()
    with pytest.raises(JournalFailed):
        put_packs(index, range(3, 4))
    index.close()
    with opened(store) as found:
        assert pack_numbers(found) == [0, 1, 2]
        put_packs(found, range(3, 4))


def test_what_lmdb_says_of_a_write_cut_short(tmp_path: Path) -> None:
    """Why `is_full` is asked: the error itself does not tell."""
    opened = lmdb.Environment(str(tmp_path), lib_version=0, map_size=1 << 30)
    transaction = opened.begin(write=True)
    transaction.put(b"key", bytes(100_000))
    with files_limited_to(20_000), pytest.raises(lmdb.Error) as raised:
        transaction.commit()
    assert raised.value.code == errno.EIO
    assert type(index_problem(raised.value, "here")) is IndexProblem
    opened.close()
