"""What the journal holds: a torn tail ends it, damage to what had been durable is refused."""

from pathlib import Path

import pytest

from lmdb_index.errors import JournalCorrupt
from lmdb_index.journal_files import segment_path
from lmdb_index.journal_format import (
    RECORD_HEADER,
    SEGMENT_HEADER,
    RecordKind,
    SegmentHeader,
    encode_record,
    encode_segment_header,
    segment_seed,
)
from lmdb_index.journal_survey import newest_header, survey_journal
from tests.support.index_store import OTHER_UUID, UUID, flip_bit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


class Writer:
    """Writes the segments a test wants, right or wrong."""

    def __init__(self, folder: Path, first: int = 1, uuid: bytes = UUID) -> None:
        self.path = segment_path(folder, first)
        self._seed = segment_seed(uuid, first)
        self._block = encode_segment_header(SegmentHeader(uuid, first, 4096))
        self._write()

    @property
    def end(self) -> int:
        """Where the next record goes."""
        return len(self._block)

    def operation(self, sequence: int, payload: bytes = b"payload") -> int:
        """Append an operation; returns its offset."""
        return self._append(RecordKind.OPERATION, sequence, payload)

    def marker(self, sequence: int) -> int:
        """Append a sync marker; returns its offset."""
        return self._append(RecordKind.SYNC_MARKER, sequence, b"")

    def raw(self, data: bytes) -> int:
        """Append anything; returns its offset."""
        offset = self.end
        self._block += data
        self._write()
        return offset

    def garble(self, offset: int) -> None:
        """Damage the record at an offset."""
        flip_bit(self.path, 8 * (offset + RECORD_HEADER.size) - 1)

    def _append(self, kind: RecordKind, sequence: int, payload: bytes) -> int:
        return self.raw(encode_record(kind, sequence, payload, self._seed, self.end))

    def _write(self) -> None:
        self.path.write_bytes(self._block)


def test_an_empty_segment_holds_nothing(folder: Path) -> None:
    writer = Writer(folder, first=6)
    survey = survey_journal(folder, UUID, applied=5)
    assert (survey.last, survey.synced, survey.end) == (5, 5, writer.end)
    assert survey.path == writer.path


def test_operations_are_counted_and_markers_believed(folder: Path) -> None:
    writer = Writer(folder)
    writer.operation(1)
    writer.operation(2)
    writer.operation(3)
    writer.marker(2)
    writer.operation(4)
    survey = survey_journal(folder, UUID, applied=0)
    assert (survey.last, survey.synced, survey.end) == (4, 2, writer.end)


def test_what_a_commit_contains_is_durable(folder: Path) -> None:
    writer = Writer(folder)
    for sequence in range(1, 5):
        writer.operation(sequence)
    assert survey_journal(folder, UUID, applied=3).synced == 3


@pytest.mark.parametrize("tail", [b"x", bytes(RECORD_HEADER.size), b"\x89OPR" * 99, bytes(5000)])
def test_a_torn_tail_ends_the_journal(folder: Path, tail: bytes) -> None:
    writer = Writer(folder)
    writer.operation(1)
    writer.marker(1)
    end = writer.raw(tail)
    survey = survey_journal(folder, UUID, applied=0)
    assert (survey.last, survey.synced, survey.end) == (1, 1, end)
    assert survey.size == end + len(tail.rstrip(b"\0"))


def test_zeros_up_to_the_end_are_the_end(folder: Path) -> None:
    writer = Writer(folder)
    writer.operation(1, bytes(100))
    end = writer.raw(bytes(100_000))
    survey = survey_journal(folder, UUID, applied=0)
    assert (survey.last, survey.end, survey.size) == (1, end, end)


def test_zeros_in_front_of_a_marker_are_damage(folder: Path) -> None:
    """As of a disk that has forgotten what it was to keep."""
    writer = Writer(folder)
    writer.operation(1)
    offset = writer.raw(bytes(1000))
    writer.marker(2)
    writer.raw(bytes(1000))
    with pytest.raises(JournalCorrupt, match=f"offset {offset}"):
        survey_journal(folder, UUID, applied=0)


def test_whole_records_behind_a_torn_one_do_not_count(folder: Path) -> None:
    """As a loss of power leaves them, when later blocks reached the disk before earlier ones."""
    writer = Writer(folder)
    writer.operation(1)
    torn = writer.operation(2)
    writer.operation(3)
    writer.marker(1)
    writer.garble(torn)
    survey = survey_journal(folder, UUID, applied=0)
    assert (survey.last, survey.end) == (1, torn)


def test_a_marker_behind_a_bad_place_makes_it_damage(folder: Path) -> None:
    writer = Writer(folder)
    writer.operation(1)
    damaged = writer.operation(2)
    writer.operation(3)
    writer.marker(3)
    writer.garble(damaged)
    with pytest.raises(JournalCorrupt) as raised:
        survey_journal(folder, UUID, applied=0)
    assert str(raised.value) == (
        f"{writer.path}: damaged at offset {damaged}, where synced operations stood:"
        " run cairnfs fsck --repair"
    )


def test_a_damaged_marker_before_another_is_damage(folder: Path) -> None:
    writer = Writer(folder)
    writer.operation(1)
    damaged = writer.marker(1)
    writer.operation(2)
    writer.marker(2)
    writer.garble(damaged)
    with pytest.raises(JournalCorrupt, match=f"offset {damaged}"):
        survey_journal(folder, UUID, applied=0)


def test_markers_inside_what_users_stored_do_not_count(folder: Path) -> None:
    """A copy of this very journal may stand in the payload of a record that was torn."""
    writer = Writer(folder)
    writer.operation(1)
    writer.operation(2)
    writer.marker(2)
    copy = writer.path.read_bytes()
    torn = writer.operation(3, copy + bytes(100))
    writer.garble(torn)
    assert survey_journal(folder, UUID, applied=0).last == 2
    shorter = Writer(folder)
    shorter.raw(bytes(9) + copy[SEGMENT_HEADER.size :])
    assert survey_journal(folder, UUID, applied=0).last == 0


def test_a_tail_full_of_what_looks_like_markers_is_searched_quickly(folder: Path) -> None:
    """Users decide what stands in a torn record; hashing at each such place would take hours."""
    writer = Writer(folder)
    end = writer.raw((b"\x89SYN" + (8 << 20).to_bytes(4, "little")) * (2 << 20))
    assert survey_journal(folder, UUID, applied=0).end == end


@pytest.mark.parametrize("wrong", [1, 3])
def test_a_record_out_of_order_is_damage(folder: Path, wrong: int) -> None:
    writer = Writer(folder)
    writer.operation(1)
    offset = writer.operation(wrong)
    with pytest.raises(JournalCorrupt, match=f"offset {offset}"):
        survey_journal(folder, UUID, applied=0)


def test_a_marker_ahead_of_its_time_is_damage(folder: Path) -> None:
    writer = Writer(folder)
    writer.operation(1)
    offset = writer.marker(2)
    with pytest.raises(JournalCorrupt, match=f"offset {offset}"):
        survey_journal(folder, UUID, applied=0)


def test_segments_that_a_commit_contains_are_not_read(folder: Path) -> None:
    Writer(folder, first=1).path.write_bytes(b"garbage")
    Writer(folder, first=5).operation(5)
    survey = survey_journal(folder, UUID, applied=4)
    assert ([found.first_sequence for found in survey.segments], survey.last) == ([5], 5)


def test_segments_that_follow_each_other_are_read_together(folder: Path) -> None:
    Writer(folder, first=1).operation(1)
    Writer(folder, first=2).operation(2)
    survey = survey_journal(folder, UUID, applied=0)
    assert ([found.first_sequence for found in survey.segments], survey.last) == ([1, 2], 2)
    assert survey.synced == 1, "a segment begins once a commit contains all before it"


def test_a_journal_that_ends_before_the_commit_is_behind_it(folder: Path) -> None:
    """As when the power went between a commit and the next segment."""
    Writer(folder).operation(1)
    survey = survey_journal(folder, UUID, applied=3)
    assert (survey.last, survey.synced) == (1, 3)


def test_a_missing_segment_is_named(folder: Path) -> None:
    Writer(folder, first=7)
    with pytest.raises(JournalCorrupt, match=r"operations 4 to 6 are missing: run cairnfs fsck"):
        survey_journal(folder, UUID, applied=3)


def test_a_gap_between_segments_is_named(folder: Path) -> None:
    Writer(folder, first=1).operation(1)
    Writer(folder, first=5)
    with pytest.raises(JournalCorrupt, match="operations 2 to 4 are missing"):
        survey_journal(folder, UUID, applied=0)


def test_a_journal_without_segments_is_refused(folder: Path) -> None:
    (folder / "notes.txt").touch()
    with pytest.raises(JournalCorrupt, match="no journal segment"):
        survey_journal(folder, UUID, applied=0)
    with pytest.raises(JournalCorrupt, match="run cairnfs rebuild-index"):
        survey_journal(folder / "missing", UUID, applied=0)


def test_a_segment_of_another_store_is_named(folder: Path) -> None:
    Writer(folder, uuid=OTHER_UUID)
    for read in (lambda: survey_journal(folder, UUID, 0), lambda: newest_header(folder, UUID)):
        with pytest.raises(JournalCorrupt, match=f"belongs to store {OTHER_UUID.hex()}"):
            read()


def test_a_renamed_segment_is_refused(folder: Path) -> None:
    Writer(folder, first=3).path.rename(segment_path(folder, 1))
    with pytest.raises(JournalCorrupt, match="begins with operation 3, so it is not what its name"):
        survey_journal(folder, UUID, applied=0)


def test_the_newest_header_is_that_of_the_last_segment(folder: Path) -> None:
    Writer(folder, first=1)
    Writer(folder, first=12)
    assert newest_header(folder, UUID) == SegmentHeader(UUID, 12, 4096)


def test_a_cut_header_is_refused(folder: Path) -> None:
    writer = Writer(folder)
    writer.path.write_bytes(writer.path.read_bytes()[:20])
    with pytest.raises(JournalCorrupt, match="20 bytes cannot hold a header"):
        survey_journal(folder, UUID, applied=0)
