"""A segment is there whole or not at all, ends with its last record, and keeps room for more."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from lmdb_index import segment_file
from lmdb_index.errors import IndexProblem, JournalFailed, NoRoom
from lmdb_index.journal_files import segment_path, unfinished_path
from lmdb_index.journal_format import (
    SEGMENT_HEADER,
    RecordKind,
    SegmentHeader,
    parse_segment_header,
)
from lmdb_index.journal_survey import survey_journal
from lmdb_index.segment_file import RESERVE_BYTES, RESERVE_BYTES_MIN, ZEROED_BYTES, SegmentFile
from tests.support.index_store import UUID, records_in

HEADER = SegmentHeader(UUID, 1, 4096)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return segment_path(tmp_path, 1)


def blocks_of(path: Path) -> int:
    """Bytes that the host has given a file."""
    return path.stat().st_blocks * 512


def fail(*arguments: Any, **options: Any) -> Any:
    """A system call that fails."""
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_new_segment_holds_its_header_alone(path: Path) -> None:
    SegmentFile.create(path, HEADER).close()
    assert parse_segment_header(path.read_bytes(), path) == HEADER
    assert path.stat().st_size == SEGMENT_HEADER.size
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == [path.name]


def test_room_is_kept_ahead_and_given_back(path: Path) -> None:
    segment = SegmentFile.create(path, HEADER)
    for sequence in range(1, 40):
        segment.append(RecordKind.OPERATION, sequence, bytes(60_000))
        assert blocks_of(path) >= segment.end + RESERVE_BYTES_MIN
    segment.trim()
    segment.close()
    assert blocks_of(path) < segment.end + RESERVE_BYTES_MIN


def test_a_record_larger_than_the_reserve_is_written_too(path: Path) -> None:
    segment = SegmentFile.create(path, HEADER)
    segment.append(RecordKind.OPERATION, 1, bytes(2 * RESERVE_BYTES))
    assert blocks_of(path) >= segment.end + RESERVE_BYTES_MIN
    segment.close()
    assert len(records_in(path)) == 1


def test_what_stands_behind_the_end_is_dropped_when_it_is_opened(path: Path) -> None:
    segment = SegmentFile.create(path, HEADER)
    segment.append(RecordKind.OPERATION, 1, b"first")
    end = segment.end
    segment.append(RecordKind.OPERATION, 2, b"second")
    segment.close()
    segment = SegmentFile.open(path, HEADER, end, drops=False)
    assert path.stat().st_size == end
    assert segment.append(RecordKind.SYNC_MARKER, 1, b"") == segment.end - end
    segment.sync()
    segment.close()
    assert [record.kind for record in records_in(path)] == list(RecordKind)


def written(segment: SegmentFile, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Offset and size of each write from now on."""
    writes: list[tuple[int, int]] = []
    write = os.pwrite

    def noted(descriptor: int, data: bytes, offset: int) -> int:
        writes.append((offset, len(data)))
        return write(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", noted)
    return writes


def test_records_that_are_synced_one_by_one_overwrite_zeros(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = SegmentFile.create(path, HEADER)
    writes = written(segment, monkeypatch)
    sizes = set()
    for sequence in range(1, 100):
        segment.append(RecordKind.OPERATION, sequence, bytes(4096))
        segment.sync()
        sizes.add(path.stat().st_size)
    assert len(sizes) == 3, "that of the first record, and then zeros twice"
    assert sum(size for _, size in writes) == segment.end - SEGMENT_HEADER.size + 2 * ZEROED_BYTES
    assert [record.sequence for record in records_in(path)] == list(range(1, 100))
    segment.trim()
    segment.close()
    assert path.stat().st_size == segment.end


def test_records_that_nobody_syncs_cost_no_zeros(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = SegmentFile.create(path, HEADER)
    segment.sync()
    writes = written(segment, monkeypatch)
    for sequence in range(1, 100):
        segment.append(RecordKind.OPERATION, sequence, bytes(8192))
    segment.close()
    assert [size > ZEROED_BYTES for _, size in writes] == [True] + [False] * 98


def test_without_room_for_zeros_a_record_is_written_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = SegmentFile.create(path, HEADER)
    segment.append(RecordKind.OPERATION, 1, b"first")
    segment.sync()
    write = os.pwrite

    def write_little(descriptor: int, data: bytes, offset: int) -> int:
        if len(data) > RESERVE_BYTES_MIN // 8:
            fail()
        return write(descriptor, data[:50_000], offset)

    monkeypatch.setattr(os, "pwrite", write_little)
    segment.append(RecordKind.OPERATION, 2, b"second")
    assert path.stat().st_size == segment.end
    segment.close()
    assert [record.sequence for record in records_in(path)] == [1, 2]


def test_a_record_that_fails_among_zeros_is_taken_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = SegmentFile.create(path, HEADER)
    for sequence in (1, 2):
        segment.append(RecordKind.OPERATION, sequence, b"payload")
        segment.sync()
    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", fail)
        with pytest.raises(IndexProblem):
            segment.append(RecordKind.OPERATION, 3, b"payload")
    assert path.stat().st_size == segment.end
    segment.append(RecordKind.OPERATION, 3, b"payload")
    segment.close()
    assert [record.sequence for record in records_in(path)] == [1, 2, 3]


def half_written(error: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the next record is taken, and nothing can be done about it."""
    write, calls = os.pwrite, []

    def write_half(descriptor: int, data: bytes, offset: int) -> int:
        calls.append(offset)
        if len(calls) > 1:
            refuse()
        return write(descriptor, data[: len(data) // 2], offset)

    def refuse(*arguments: Any) -> Any:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "pwrite", write_half)
    monkeypatch.setattr(os, "ftruncate", refuse)


def test_part_of_a_record_that_a_quota_keeps_there_is_written_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """btrfs needs room to cut a file, too."""
    segment = SegmentFile.create(path, HEADER)
    segment.append(RecordKind.OPERATION, 1, b"first")
    with monkeypatch.context() as broken:
        half_written(errno.EDQUOT, broken)
        with pytest.raises(NoRoom):
            segment.append(RecordKind.OPERATION, 2, b"payload" * 1000)
    assert path.stat().st_size > segment.end + 1000
    for sequence in (2, 3):
        segment.append(RecordKind.OPERATION, sequence, b"other")
    segment.append(RecordKind.SYNC_MARKER, 3, b"")
    assert path.stat().st_size > segment.end
    segment.close()
    assert [record.sequence for record in records_in(path)] == [1, 2, 3, 3]
    survey = survey_journal(path.parent, UUID, 0)
    assert (survey.last, survey.end) == (3, segment.end)


def test_part_of_a_record_that_a_broken_disk_keeps_there_ends_all(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = SegmentFile.create(path, HEADER)
    half_written(errno.EIO, monkeypatch)
    with pytest.raises(JournalFailed, match="Input/output error, then Input/output error"):
        segment.append(RecordKind.OPERATION, 1, b"payload" * 1000)


@pytest.mark.parametrize("call", ["pwrite", "fsync", "rename"])
def test_a_segment_whose_making_fails_is_not_there(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="Input/output"):
        SegmentFile.create(path, HEADER)
    assert os.listdir(path.parent) == []


def test_a_segment_without_room_for_more_is_not_made(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_file, "reserve_room", fail)
    with pytest.raises(OSError, match="Input/output"):
        SegmentFile.create(path, HEADER)
    assert os.listdir(path.parent) == []


def test_a_segment_that_exists_goes_on_without_room_for_more(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SegmentFile.create(path, HEADER).close()
    monkeypatch.setattr(segment_file, "reserve_room", fail)
    segment = SegmentFile.open(path, HEADER, SEGMENT_HEADER.size, drops=False)
    segment.append(RecordKind.OPERATION, 1, b"first")
    segment.close()
    assert len(records_in(path)) == 1


def test_a_segment_whose_name_may_be_lost_is_taken_back(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recovery would prefer it to the old one, which goes on."""
    made = []

    def sync_second(folder: Path) -> None:
        made.append(folder)
        if len(made) == 1:
            fail()

    monkeypatch.setattr(segment_file, "sync_folder", sync_second)
    with pytest.raises(OSError, match="Input/output"):
        SegmentFile.create(path, HEADER)
    assert made == [path.parent, path.parent]
    assert os.listdir(path.parent) == []


def test_a_segment_that_cannot_be_taken_back_is_a_failed_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segment_file, "sync_folder", fail)
    with pytest.raises(JournalFailed, match=r"\.wal: Input/output error, then Input/output"):
        SegmentFile.create(path, HEADER)


def test_the_unfinished_file_has_a_name_of_its_own(path: Path) -> None:
    assert unfinished_path(path).name == "0000000000000001.wal.new"
