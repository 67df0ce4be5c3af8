"""The running journal: positions, syncs beside appends, markers, rotation, failure."""

import errno
import os
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from lmdb_index.errors import JournalFailed, NoRoom
from lmdb_index.index import Index
from lmdb_index.journal import Journal
from lmdb_index.journal_files import segment_path
from lmdb_index.journal_format import RecordKind, SegmentHeader
from lmdb_index.segment_file import SegmentFile
from tests.support.index_store import UUID, put_packs, put_raw, records_in, sync, the_segment


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    segment = SegmentFile.create(segment_path(tmp_path, 1), SegmentHeader(UUID, 1, 0))
    return Journal(tmp_path, segment, position=0, synced=0)


def sequences(folder: Path, name: int) -> list[tuple[RecordKind, int]]:
    """Kind and sequence of each record in a segment."""
    return [(record.kind, record.sequence) for record in records_in(segment_path(folder, name))]


def fail(*arguments: Any) -> Any:
    """A system call that fails."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_operations_are_numbered(journal: Journal, tmp_path: Path) -> None:
    for number in range(1, 4):
        journal.append(b"payload", mutations=2)
        assert journal.position == number
    assert journal.mutations == 6
    assert journal.bytes == sum(len(record.payload) + 24 for record in records_in_one(tmp_path))
    journal.close()


def records_in_one(folder: Path) -> list[Any]:
    return records_in(segment_path(folder, 1))


def test_a_marker_says_what_a_sync_covered(journal: Journal, tmp_path: Path) -> None:
    journal.append(b"1", 1)
    covered = journal.sync()
    journal.append(b"2", 1)
    journal.mark_synced(covered)
    assert (covered, journal.synced, journal.position) == (1, 1, 2)
    assert sequences(tmp_path, 1)[-1] == (RecordKind.SYNC_MARKER, 1)
    journal.close()


def test_one_marker_is_enough(journal: Journal, tmp_path: Path) -> None:
    journal.append(b"1", 1)
    for _ in range(3):
        journal.mark_synced(journal.sync())
    assert len(records_in_one(tmp_path)) == 2
    journal.close()


def test_nothing_is_marked_that_is_not_there(journal: Journal) -> None:
    with pytest.raises(AssertionError):
        journal.mark_synced(1)
    journal.close()


def test_rotation_begins_a_segment_and_drops_the_others(journal: Journal, tmp_path: Path) -> None:
    journal.append(b"1", 1)
    journal.rotate(index_bytes=4096)
    assert os.listdir(tmp_path) == ["0000000000000002.wal"]
    assert (journal.bytes, journal.mutations, journal.synced) == (0, 0, 1)
    journal.append(b"2", 1)
    assert sequences(tmp_path, 2) == [(RecordKind.OPERATION, 2)]
    journal.close()


def test_what_a_checkpoint_covered_needs_no_marker(journal: Journal, tmp_path: Path) -> None:
    journal.append(b"1", 1)
    covered = journal.sync()
    journal.rotate(index_bytes=4096)
    journal.mark_synced(covered)
    assert sequences(tmp_path, 2) == []
    journal.close()


def test_an_empty_segment_is_not_rotated(journal: Journal) -> None:
    with pytest.raises(AssertionError, match="nothing was appended"):
        journal.rotate(index_bytes=0)
    journal.close()


def test_without_room_for_a_segment_the_old_one_goes_on(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    journal.append(b"1", 1)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(NoRoom):
            journal.rotate(index_bytes=4096)
    journal.append(b"2", 1)
    assert [sequence for _, sequence in sequences(tmp_path, 1)] == [1, 2]
    assert os.listdir(tmp_path) == ["0000000000000001.wal"]
    journal.rotate(index_bytes=4096)
    assert os.listdir(tmp_path) == ["0000000000000003.wal"]
    journal.close()


def test_a_segment_that_cannot_be_taken_back_ends_all_operations(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(b"1", 1)
    monkeypatch.setattr("lmdb_index.segment_file.sync_folder", fail)
    with pytest.raises(JournalFailed):
        journal.rotate(index_bytes=4096)
    with pytest.raises(JournalFailed):
        journal.check()
    journal.close()


def test_a_failed_sync_is_never_taken_for_a_good_one(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_raw(index, b"key")
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(JournalFailed, match="syncing failed: Input/output error"):
            index.sync_journal()
    for again in (index.sync_journal, lambda: put_raw(index, b"more")):
        with pytest.raises(JournalFailed, match="syncing failed"):
            again()
    assert index.unsynced


def test_after_a_failed_sync_nothing_is_marked(
    index: Index, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_packs(index, range(2))
    monkeypatch.setattr(os, "fdatasync", fail)
    with pytest.raises(JournalFailed):
        index.sync_journal()
    index.mark_synced(1)
    assert {record.kind for record in records_in(the_segment(store))} == {RecordKind.OPERATION}


def test_a_marker_that_cannot_be_written_is_left_out(
    index: Index, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_raw(index, b"key")
    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", fail)
        sync(index)
    assert not index.unsynced
    assert len(records_in(the_segment(store))) == 1
    put_raw(index, b"more")
    assert len(records_in(the_segment(store))) == 2


def test_a_sync_in_another_thread_covers_what_was_there_when_it_began(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end, covered = Event(), Event(), []

    def slow(descriptor: int) -> None:
        begun.set()
        assert may_end.wait(30)

    monkeypatch.setattr(os, "fdatasync", slow)
    journal.append(b"1", 1)
    thread = Thread(target=lambda: covered.append(journal.sync()))
    thread.start()
    assert begun.wait(30)
    journal.append(b"2", 1)
    may_end.set()
    thread.join()
    assert (covered, journal.position) == ([1], 2)
    journal.close()


def test_rotation_closes_no_file_that_is_being_synced(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end, order = Event(), Event(), []
    close = SegmentFile.close

    def slow(descriptor: int) -> None:
        begun.set()
        assert may_end.wait(30)
        os.fstat(descriptor)
        order.append("synced")

    def noted(segment: SegmentFile) -> None:
        order.append("closed")
        close(segment)

    monkeypatch.setattr(os, "fdatasync", slow)
    monkeypatch.setattr(SegmentFile, "close", noted)
    journal.append(b"1", 1)
    syncing = Thread(target=journal.sync)
    syncing.start()
    assert begun.wait(30)
    rotating = Thread(target=lambda: journal.rotate(index_bytes=0))
    rotating.start()
    rotating.join(0.05)
    may_end.set()
    syncing.join()
    rotating.join()
    assert order == ["synced", "closed"]
    journal.close()


def test_a_journal_without_a_segment_keeps_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, None, position=5, synced=5)
    journal.append(b"payload", 3)
    journal.mark_synced(journal.sync())
    journal.close()
    assert (journal.position, journal.mutations, journal.bytes) == (6, 0, 0)
    assert os.listdir(tmp_path) == []
