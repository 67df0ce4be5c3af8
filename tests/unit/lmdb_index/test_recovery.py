"""Recovery: what was acknowledged is there again, what cannot be used is set aside."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lmdb_index.errors import IndexTooNew, JournalCorrupt, NoRoom
from lmdb_index.index import Index
from lmdb_index.journal_format import (
    RECORD_HEADER,
    RecordKind,
    encode_payload,
    encode_record,
    segment_seed,
)
from lmdb_index.keys import number_of
from lmdb_index.operation import Mutation
from lmdb_index.records import RawRecord
from lmdb_index.recovery import set_tail_aside
from lmdb_index.rows import Rows
from lmdb_index.schema import PACK, XATTR
from lmdb_index.segment_file import ZEROED_BYTES
from lmdb_index.values import RowCodec
from tests.support.index_store import (
    UUID,
    files_of,
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


def after_kill(index: Index, store: Path, tmp_path: Path) -> Path:
    """What a kill leaves of a store."""
    return killed(index, store, tmp_path / "killed")


def append(segment: Path, payload: bytes, sequence: int) -> None:
    """Append an operation with a right checksum, whatever it says."""
    seed = segment_seed(UUID, int(segment.stem, 16))
    end = segment.stat().st_size
    with segment.open("ab") as file:
        file.write(encode_record(RecordKind.OPERATION, sequence, payload, seed, end))


def test_a_kill_loses_nothing(index: Index, store: Path, tmp_path: Path) -> None:
    put_packs(index, range(5))
    with index.operation() as operation:
        operation.delete(PACK, (3).to_bytes(8, "big"))
        operation.add("packs", -1)
    before = state_of(index)
    with opened(after_kill(index, store, tmp_path)) as found:
        assert state_of(found) == before
        assert found.journal_position == 6
        assert found.mutations_since_checkpoint == 12
        assert found.journal_bytes == index.journal_bytes
        assert found.unsynced


def test_operations_go_on_behind_those_of_before(index: Index, store: Path, tmp_path: Path) -> None:
    put_packs(index, range(2))
    store = after_kill(index, store, tmp_path)
    with opened(store) as again:
        put_packs(again, range(2, 4))
    with opened(store) as found:
        assert pack_numbers(found) == [0, 1, 2, 3]
    assert [record.sequence for record in records_in(the_segment(store))] == [1, 2, 3, 4]


def test_only_what_the_last_commit_lacks_is_replayed(
    index: Index, store: Path, tmp_path: Path
) -> None:
    put_packs(index, range(3))
    index.checkpoint()
    put_packs(index, range(3, 5))
    with opened(after_kill(index, store, tmp_path)) as found:
        assert pack_numbers(found) == [0, 1, 2, 3, 4]
        assert (found.mutations_since_checkpoint, found.journal_position) == (4, 5)


def test_a_clean_close_is_recovered_in_the_same_way(index: Index, store: Path) -> None:
    put_packs(index, range(3))
    index.close()
    with opened(store) as found:
        assert pack_numbers(found) == [0, 1, 2]
        assert found.statistics().replayed_bytes == found.journal_bytes > 0
        assert found.statistics().set_aside is None


@pytest.mark.parametrize("cut", [1, 10, 23, 24, 40])
def test_a_torn_tail_is_set_aside_and_cut_off(
    index: Index, store: Path, tmp_path: Path, cut: int
) -> None:
    put_packs(index, range(3))
    store = after_kill(index, store, tmp_path)
    segment = the_segment(store)
    start = records_in(segment)[-1].offset
    os.truncate(segment, start + cut)
    torn = segment.read_bytes()[start:]
    with opened(store) as found:
        assert pack_numbers(found) == [0, 1]
        aside = found.statistics().set_aside
        assert aside == store / "quarantine" / f"journal-0000000000000001-from-{start}"
        assert aside.read_bytes() == torn
        assert segment.stat().st_size == start
        put_packs(found, range(2, 3))
    with opened(store) as found:
        assert pack_numbers(found) == [0, 1, 2]
        assert found.statistics().set_aside is None


def test_what_was_set_aside_stays_away_when_the_power_goes_again(
    index: Index, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new record is as long as the torn one, and those behind that one were whole."""
    put_packs(index, range(4))
    store = after_kill(index, store, tmp_path)
    segment = the_segment(store)
    flip_bit(segment, 8 * (records_in(segment)[1].end - 1))
    lost: dict[str, bytes] = {}  # by path: what was cut off, and is still on the disk

    def cut(descriptor: int, size: int, call: Any = os.ftruncate) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        lost[path] = Path(path).read_bytes()
        call(descriptor, size)

    def synced(descriptor: int, call: Any = os.fsync) -> None:
        lost.pop(os.readlink(f"/proc/self/fd/{descriptor}"), None)
        call(descriptor)

    monkeypatch.setattr(os, "ftruncate", cut)
    monkeypatch.setattr(os, "fsync", synced)
    found = Index.open(store, UUID)
    put_packs(found, range(7, 8))
    monkeypatch.undo()
    store = killed(found, store, tmp_path / "powerless")
    for path, before in lost.items():
        left = store / Path(path).relative_to(tmp_path / "killed")
        new = left.read_bytes()[: records_in(left)[-1].end]
        left.write_bytes(new + before[len(new) :])
    with opened(store) as found:
        assert pack_numbers(found) == [0, 7]


def test_zeros_written_ahead_are_no_torn_tail(index: Index, store: Path, tmp_path: Path) -> None:
    for number in range(5):
        put_packs(index, range(number, number + 1))
        sync(index)
    store = after_kill(index, store, tmp_path)
    segment = the_segment(store)
    assert segment.stat().st_size > ZEROED_BYTES
    with opened(store) as found:
        assert pack_numbers(found) == [0, 1, 2, 3, 4]
        assert found.statistics().set_aside is None
        assert found.statistics().unusable_bytes == 0
        assert segment.stat().st_size == records_in(segment)[-1].end
        put_packs(found, range(5, 7))
    with opened(store) as found:
        assert pack_numbers(found) == [0, 1, 2, 3, 4, 5, 6]


def test_a_torn_record_among_zeros_is_set_aside(index: Index, store: Path, tmp_path: Path) -> None:
    put_packs(index, range(1))
    sync(index)
    put_packs(index, range(1, 3))
    store = after_kill(index, store, tmp_path)
    segment = the_segment(store)
    record = records_in(segment)[-1]
    block = bytearray(segment.read_bytes())
    block[record.offset + RECORD_HEADER.size] ^= 1
    segment.write_bytes(block)
    with opened(store) as found:
        assert pack_numbers(found) == [0, 1]
        aside = found.statistics().set_aside
        assert aside is not None
        assert aside.read_bytes() == block[record.offset :]
        assert 0 < found.statistics().unusable_bytes <= record.end - record.offset


def test_tails_set_aside_do_not_replace_each_other(tmp_path: Path) -> None:
    segment = tmp_path / "0000000000000001.wal"
    places = []
    for tail in (b"first", b"second", b"third"):
        segment.write_bytes(b"kept" + tail)
        places.append(set_tail_aside(segment, 4, tmp_path / "quarantine"))
    assert [place and place.read_bytes() for place in places] == [b"first", b"second", b"third"]
    assert set_tail_aside(segment, segment.stat().st_size, tmp_path / "quarantine") is None


def test_nothing_is_cut_off_that_could_not_be_set_aside(
    index: Index, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    put_packs(index, range(2))
    store = after_kill(index, store, tmp_path)
    with the_segment(store).open("ab") as file:
        file.write(b"torn")
    before = the_segment(store).read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", full)
        with pytest.raises(NoRoom):
            Index.open(store, UUID)
    assert the_segment(store).read_bytes() == before
    with opened(store) as found:
        assert pack_numbers(found) == [0, 1]


def test_damage_changes_nothing_on_disk(index: Index, store: Path, tmp_path: Path) -> None:
    put_packs(index, range(3))
    sync(index)
    store = after_kill(index, store, tmp_path)
    flip_bit(the_segment(store), 8 * (records_in(the_segment(store))[1].offset + 20))
    before = files_of(store)
    with pytest.raises(JournalCorrupt, match="run cairnfs fsck --repair"):
        Index.open(store, UUID)
    assert files_of(store) == before


class Judge:
    """Accepts operations whose packs it knows, and remembers what it was asked."""

    def __init__(self, known: int) -> None:
        self.asked: list[int] = []
        self._known = known

    def accept(self, rows: Rows, mutations: Sequence[Mutation]) -> bool:
        ((table, key, value),) = mutations
        assert table == PACK.number
        assert rows.count(PACK) == number_of(key)  # all before it, and not this one
        assert value is not None
        self.asked.append(RowCodec(PACK).unseal(key, value).size)
        return self.asked[-1] < self._known


def test_only_what_was_not_synced_is_asked_about(index: Index, store: Path, tmp_path: Path) -> None:
    put_packs(index, range(2))
    sync(index)
    put_packs(index, range(2, 4))
    store = after_kill(index, store, tmp_path)
    judge = Judge(known=100)
    with opened(store, judge.accept) as found:
        assert pack_numbers(found) == [0, 1, 2, 3]
    assert judge.asked == [2, 3]


def test_the_first_operation_that_is_not_accepted_ends_the_replay(
    index: Index, store: Path, tmp_path: Path
) -> None:
    put_packs(index, range(2))
    sync(index)
    put_packs(index, range(2, 6))
    store = after_kill(index, store, tmp_path)
    judge = Judge(known=3)
    with opened(store, judge.accept) as found:
        assert pack_numbers(found) == [0, 1, 2]
        assert found.journal_position == 3
        aside = found.statistics().set_aside
        put_packs(found, range(10, 11))
    assert judge.asked == [2, 3]
    assert aside is not None and aside.stat().st_size > 0
    with opened(store) as found:
        assert pack_numbers(found) == [0, 1, 2, 10]


def test_what_a_commit_contains_is_not_asked_about(
    index: Index, store: Path, tmp_path: Path
) -> None:
    put_packs(index, range(2))
    index.checkpoint()
    judge = Judge(known=0)
    with opened(after_kill(index, store, tmp_path), judge.accept) as found:
        assert pack_numbers(found) == [0, 1]
    assert judge.asked == []


def test_a_dry_recovery_changes_nothing_on_disk(index: Index, store: Path, tmp_path: Path) -> None:
    put_packs(index, range(3))
    store = after_kill(index, store, tmp_path)
    with the_segment(store).open("ab") as file:
        file.write(b"torn")
    (store / "journal" / "0000000000000009.wal.new").touch()
    before = files_of(store)
    with opened(store, dry=True) as found:
        assert pack_numbers(found) == [0, 1, 2]
        put_raw(found, b"only here")
        found.mark_synced(found.sync_journal())
        found.checkpoint()
        assert found.get(XATTR, b"only here") == RawRecord()
        assert (found.mutations_since_checkpoint, found.needs_checkpoint) == (0, False)
        assert not found.unsynced
    assert files_of(store) == before


def test_segments_that_were_never_finished_are_dropped(store: Path) -> None:
    unfinished = store / "journal" / "0000000000000009.wal.new"
    unfinished.touch()
    with opened(store):
        assert not unfinished.exists()


def test_a_segment_that_a_checkpoint_did_not_come_to_drop_is_dropped(
    index: Index, store: Path, tmp_path: Path
) -> None:
    put_packs(index, range(2))
    old = the_segment(store)
    content = old.read_bytes()
    index.checkpoint()
    put_packs(index, range(2, 3))
    old.write_bytes(content)
    store = after_kill(index, store, tmp_path)
    assert len(segments(store)) == 2
    with opened(store) as found:
        assert pack_numbers(found) == [0, 1, 2]
        assert the_segment(store).name == "0000000000000003.wal"


def test_a_commit_ahead_of_its_journal_begins_a_segment(
    index: Index, store: Path, tmp_path: Path
) -> None:
    """As when the power goes between a commit and the next segment: nothing had synced the old."""
    put_packs(index, range(3))
    segment = the_segment(store)
    records = records_in(segment)
    content = segment.read_bytes()[: records[1].offset]
    index.checkpoint()
    store = after_kill(index, store, tmp_path)
    the_segment(store).unlink()
    (store / "journal" / segment.name).write_bytes(content)
    for expected in ([0, 1, 2], [0, 1, 2, 3]):
        with opened(store) as found:
            assert pack_numbers(found) == expected
            assert found.journal_position == len(expected)
            put_packs(found, range(len(expected), len(expected) + 1))
    assert segments(store)[-1].name == "0000000000000004.wal"


def test_a_table_that_is_not_known_was_written_by_a_later_version(
    index: Index, store: Path, tmp_path: Path
) -> None:
    put_packs(index, range(1))
    store = after_kill(index, store, tmp_path)
    append(the_segment(store), encode_payload({}, [(200, b"key", b"value")]), sequence=2)
    with pytest.raises(IndexTooNew, match="table 200 is not known: use a later cairnfs"):
        Index.open(store, UUID)


def test_a_record_that_says_nothing_known_is_refused(
    index: Index, store: Path, tmp_path: Path
) -> None:
    put_packs(index, range(1))
    store = after_kill(index, store, tmp_path)
    append(the_segment(store), b"\xc1", sequence=2)
    with pytest.raises(JournalCorrupt, match="says nothing known"):
        Index.open(store, UUID)
