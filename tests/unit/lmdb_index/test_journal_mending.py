"""A journal that recovery refuses: what stands before the damage is kept, the rest set aside."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lmdb_index.errors import IndexCorrupt, JournalCorrupt
from lmdb_index.index import Index
from lmdb_index.journal_files import segment_path
from lmdb_index.journal_format import SEGMENT_HEADER, SegmentHeader, encode_segment_header
from lmdb_index.journal_mending import mend_journal
from tests.support.index_store import (
    OTHER_UUID,
    UUID,
    flip_bit,
    killed,
    new_store,
    opened,
    pack_numbers,
    put_packs,
    records_in,
    segments,
    sync,
    the_segment,
)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A killed store: operations 1 to 3 are in the index, 4 to 9 in the journal, synced."""
    store = new_store(tmp_path / "alive")
    index = Index.open(store, UUID)
    put_packs(index, range(1, 4))
    index.checkpoint()
    put_packs(index, range(4, 10))
    sync(index)
    return killed(index, store, tmp_path / "store")


def damage_operation(store: Path, sequence: int) -> None:
    """Flip a bit in the payload of an operation that had been synced."""
    segment = the_segment(store)
    record = next(each for each in records_in(segment) if each.sequence == sequence)
    flip_bit(segment, 8 * record.end - 1)


def numbers_after_mending(store: Path) -> list[int]:
    with pytest.raises(JournalCorrupt):
        Index.open(store, UUID)
    assert mend_journal(store, UUID)
    with opened(store) as index:
        found = pack_numbers(index)
        put_packs(index, range(100, 103))
    with opened(store) as index:
        assert pack_numbers(index) == [*found, 100, 101, 102]
    assert mend_journal(store, UUID) == []
    return found


@pytest.mark.parametrize("sequence", range(4, 10))
def test_operations_before_the_damage_are_kept(store: Path, sequence: int) -> None:
    whole = the_segment(store).read_bytes()
    damage_operation(store, sequence)
    damaged = the_segment(store).read_bytes()
    assert numbers_after_mending(store) == list(range(1, sequence))
    (kept,) = (store / "quarantine").iterdir()
    assert damaged.endswith(kept.read_bytes()) and len(damaged) == len(whole)


def test_a_header_is_made_again_from_the_name_and_the_records(store: Path) -> None:
    flip_bit(the_segment(store), 8 * 41)
    assert numbers_after_mending(store) == list(range(1, 10))
    assert len(list((store / "quarantine").iterdir())) == 1


def lacks_all(store: Path) -> None:
    for segment in segments(store):
        segment.unlink()


def is_of_another_store(store: Path) -> None:
    segment = the_segment(store)
    header = encode_segment_header(SegmentHeader(OTHER_UUID, 4, 0))
    segment.write_bytes(header + bytes(100))


def is_cut_within_its_header(store: Path) -> None:
    os.truncate(the_segment(store), SEGMENT_HEADER.size - 1)


def lacks_operations(store: Path) -> None:
    the_segment(store).rename(segment_path(store / "journal", 7))


def is_no_journal(store: Path) -> None:
    the_segment(store).write_bytes(b"something else entirely" * 10)


@pytest.mark.parametrize(
    "damage",
    [lacks_all, is_of_another_store, is_cut_within_its_header, lacks_operations, is_no_journal],
)
def test_without_a_usable_journal_the_index_goes_on(
    store: Path, damage: Callable[[Path], None]
) -> None:
    damage(store)
    kept = [segment.read_bytes() for segment in segments(store)]
    assert numbers_after_mending(store) == [1, 2, 3]
    quarantine = store / "quarantine"
    aside = [path.read_bytes() for path in quarantine.iterdir()] if quarantine.exists() else []
    assert aside == kept


def test_a_folder_without_a_journal_folder(store: Path) -> None:
    lacks_all(store)
    (store / "journal").rmdir()
    assert numbers_after_mending(store) == [1, 2, 3]


def test_segments_behind_a_damaged_one_are_set_aside(store: Path, tmp_path: Path) -> None:
    """An index of before, as from a backup, beside the journal of now."""
    old_index = (store / "index" / "data.mdb").read_bytes()
    first = the_segment(store)
    first_bytes = first.read_bytes()
    index = Index.open(store, UUID)
    index.checkpoint()
    put_packs(index, range(10, 12))
    sync(index)
    later = killed(index, store, tmp_path / "later")
    (later / "index" / "data.mdb").write_bytes(old_index)
    (later / "journal" / first.name).write_bytes(first_bytes)
    last = segments(later)[-1].read_bytes()
    record = records_in(segments(later)[0])[3]
    flip_bit(segments(later)[0], 8 * record.end - 1)
    assert mend_journal(later, UUID)
    with opened(later) as index:
        assert pack_numbers(index) == list(range(1, record.sequence))
    assert last in [path.read_bytes() for path in (later / "quarantine").iterdir()]


def test_zeros_written_ahead_are_no_damage(store: Path) -> None:
    with the_segment(store).open("ab") as file:
        file.write(bytes(100_000))
    assert mend_journal(store, UUID) == []


def test_a_torn_tail_is_left_to_recovery(store: Path) -> None:
    segment = the_segment(store)
    with segment.open("ab") as file:
        file.write(b"torn")
    assert mend_journal(store, UUID) == []
    with opened(store) as index:
        assert pack_numbers(index) == list(range(1, 10))


def test_a_damaged_index_is_refused_and_nothing_changes(store: Path) -> None:
    lacks_all(store)
    os.truncate(store / "index" / "data.mdb", 20_000)
    with pytest.raises(IndexCorrupt):
        mend_journal(store, UUID)
    assert segments(store) == []


def test_bytes_behind_the_last_commit_are_not_expected_to_stay(store: Path) -> None:
    """Those of a commit whose sync failed, which a loss of power takes away."""
    lacks_all(store)
    data = store / "index" / "data.mdb"
    committed = data.stat().st_size
    os.truncate(data, committed + (1 << 20))
    assert mend_journal(store, UUID)
    os.truncate(data, committed)
    with opened(store) as index:
        assert pack_numbers(index) == [1, 2, 3]
