"""The facade: positions, statistics, snapshots for other threads."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lmdb_index.errors import IndexProblem, JournalFailed
from lmdb_index.index import Index
from lmdb_index.records import RawRecord
from lmdb_index.schema import PACK, TABLES, XATTR
from lmdb_index.snapshot import Snapshot
from tests.support.index_store import UUID, opened, pack_numbers, put_packs, put_raw, sync


def test_positions_are_numbers_of_operations(index: Index) -> None:
    assert index.journal_position == 0
    put_packs(index, range(3))
    assert (index.journal_position, index.unsynced) == (3, True)
    covered = index.sync_journal()
    put_packs(index, range(3, 4))
    index.mark_synced(covered)
    assert (covered, index.journal_position, index.unsynced) == (3, 4, True)
    sync(index)
    assert (index.journal_position, index.unsynced) == (4, False)


def test_statistics_say_how_it_is(index: Index, store: Path) -> None:
    put_packs(index, range(3))
    statistics = index.statistics()
    assert statistics.rows == {
        table.name.decode(): {"pack": 3, "meta": 4}.get(table.name.decode(), 0) for table in TABLES
    }
    assert statistics.file_bytes == (store / "index" / "data.mdb").stat().st_size
    assert statistics.map_bytes == 64 << 30
    assert statistics.journal_position == 3
    assert statistics.journal_bytes == index.journal_bytes > 0
    assert statistics.mutations_since_checkpoint == 6
    assert (statistics.checkpoints, statistics.rotation_problem) == (0, None)
    assert (statistics.replayed_bytes, statistics.set_aside) == (0, None)


def test_counters_are_handed_out_as_a_copy(index: Index) -> None:
    put_packs(index, range(1))
    index.counters()["packs"] = 99
    assert index.counter("packs") == 1
    assert index.counter("missing") == 0


def test_a_snapshot_shows_the_last_commit(index: Index) -> None:
    put_packs(index, range(2))
    index.checkpoint()
    with index.snapshot() as snapshot:
        put_packs(index, range(2, 4))
        index.checkpoint()
        assert snapshot.count(PACK) == snapshot.counter("packs") == 2
        assert snapshot.counter("missing") == 0
    with index.snapshot() as snapshot:
        assert snapshot.count(PACK) == 4


def test_a_snapshot_can_be_read_in_another_thread_while_operations_go_on(index: Index) -> None:
    put_packs(index, range(500))
    index.checkpoint()

    def read() -> list[int]:
        with index.snapshot() as snapshot:
            return numbers_of(snapshot)

    with ThreadPoolExecutor(2) as threads:
        answers = [threads.submit(read) for _ in range(8)]
        put_packs(index, range(500, 700))
    assert all(answer.result() == list(range(500)) for answer in answers)
    assert pack_numbers(index) == list(range(700))


def numbers_of(snapshot: Snapshot) -> list[int]:
    return [record.size for _, record in snapshot.scan(PACK)]


def test_a_snapshot_of_a_closed_index_is_refused(index: Index) -> None:
    index.close()
    with pytest.raises(IndexProblem), index.snapshot():
        pass


def test_closing_again_does_nothing(store: Path) -> None:
    index = Index.open(store, UUID)
    index.close()
    with opened(store) as other:
        put_raw(other, b"key")
        index.close()
        put_raw(other, b"other")
        assert other.get(XATTR, b"other") == RawRecord()


def test_numbers_can_be_skipped(index: Index, store: Path) -> None:
    put_packs(index, range(2))
    index.skip_numbers(100)
    assert index.journal_position == 100
    index.skip_numbers(50)
    put_packs(index, range(2, 3))
    index.close()
    with opened(store) as found:
        assert (found.journal_position, pack_numbers(found)) == (101, [0, 1, 2])


def test_numbers_are_not_skipped_within_a_segment(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recovery would take the gap for damage."""

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    put_packs(index, range(1))
    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(JournalFailed):
        index.skip_numbers(100)
    with pytest.raises(JournalFailed):
        put_packs(index, range(1, 2))
