"""Operations: all of one applies or nothing of it, whatever goes wrong in it."""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import lmdb
import pytest

from lmdb_index import environment
from lmdb_index.errors import IndexProblem, JournalFailed, NoRoom
from lmdb_index.index import Index
from lmdb_index.journal_format import PAYLOAD_BYTES_MAX, RecordKind, decode_payload
from lmdb_index.keys import KEY_BYTES_MAX, number_key
from lmdb_index.records import InodeRecord, RawRecord
from lmdb_index.schema import INODE, LINK, XATTR
from lmdb_index.segment_file import RESERVE_BYTES_MIN
from tests.support.index_store import (
    killed,
    opened,
    put_packs,
    put_raw,
    records_in,
    state_of,
    the_segment,
)
from tests.support.small_blocks import pack_all, small_blocks


def fail_with(number: int) -> Callable[..., Any]:
    """A system call that fails."""

    def call(*arguments: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return call


def in_part(write: Callable[[int, bytes, int], int]) -> Callable[[int, bytes, int], int]:
    """A `pwrite` that writes half of what is left each time, until little is left."""

    def call(descriptor: int, data: bytes, offset: int) -> int:
        if len(data) < 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: len(data) // 2], offset)

    return call


def an_inode(size: int) -> InodeRecord:
    """A file of a size."""
    return InodeRecord(0o100644, 0, 0, 1, size, 0, 1, 2, 3, 4, 1, 5)


class GivenUp(Exception):
    """What a test raises inside an operation."""


def change_and_give_up(index: Index) -> None:
    """An operation of each kind of change, that raises at its end."""
    with index.operation() as operation:
        operation.put(XATTR, b"new", RawRecord())
        operation.delete(XATTR, b"old")
        operation.next_number("numbers")
        raise GivenUp


def put_what_is_refused(index: Index) -> None:
    """An operation that goes on after a refusal."""
    with index.operation() as operation:
        operation.put(XATTR, b"key", RawRecord())
        with suppress(IndexProblem):
            operation.put(XATTR, b"", RawRecord())


def test_all_of_an_operation_applies(index: Index) -> None:
    with index.operation() as operation:
        operation.put(XATTR, b"one", RawRecord(b"1"))
        operation.put(LINK, b"two", RawRecord())
        operation.add("files", 2)
    assert index.get(XATTR, b"one") == RawRecord(b"1")
    assert index.get(LINK, b"two") == RawRecord()
    assert (index.counter("files"), index.counters()) == (2, {"files": 2})
    assert (index.journal_position, index.mutations_since_checkpoint) == (1, 3)


def test_an_operation_that_raises_changes_nothing(index: Index, store: Path) -> None:
    put_raw(index, b"old", b"kept")
    before, journal = state_of(index), the_segment(store).read_bytes()
    with pytest.raises(GivenUp):
        change_and_give_up(index)
    assert state_of(index) == before
    assert the_segment(store).read_bytes() == journal
    assert index.journal_position == 1


def test_an_operation_sees_what_it_did(index: Index) -> None:
    put_raw(index, b"old")
    with index.operation() as operation:
        operation.put(XATTR, b"new", RawRecord(b"1"))
        operation.put(XATTR, b"new", RawRecord(b"2"))
        assert operation.delete(XATTR, b"old")
        for rows in (index, operation):
            assert rows.get(XATTR, b"new") == RawRecord(b"2")
            assert rows.get(XATTR, b"old") is None
            assert [key for key, _ in rows.scan(XATTR)] == [b"new"]
            assert [key for key, _ in rows.scan_prefix(XATTR, b"n")] == [b"new"]
            assert rows.count(XATTR) == 1


def test_deleting_what_is_not_there_is_no_change(index: Index) -> None:
    with index.operation() as operation:
        assert not operation.delete(XATTR, b"missing")
    assert index.journal_position == 0


def test_numbers_are_never_given_out_twice(index: Index) -> None:
    with index.operation() as operation:
        assert [operation.next_number("inode") for _ in range(3)] == [1, 2, 3]
    with index.operation() as operation:
        assert operation.next_number("inode") == 4


def test_nothing_is_written_for_an_operation_without_changes(index: Index, store: Path) -> None:
    journal = the_segment(store).read_bytes()
    with index.operation() as operation:
        operation.add("files", 1)
        operation.add("files", -1)
        operation.add("bytes", 0)
        assert operation.get(XATTR, b"key") is None
    assert the_segment(store).read_bytes() == journal
    assert (index.journal_position, index.unsynced, index.counter("files")) == (0, False, 0)


def test_the_record_holds_what_changed_and_no_more(index: Index, store: Path) -> None:
    put_raw(index, b"old")
    with index.operation() as operation:
        operation.put(XATTR, b"key", RawRecord(b"value"))
        operation.delete(XATTR, b"old")
        operation.delete(XATTR, b"missing")
        operation.add("files", 1)
        operation.add("still", 0)
    record = records_in(the_segment(store))[-1]
    payload = decode_payload(record.payload, "here")
    assert (record.kind, record.sequence) == (RecordKind.OPERATION, 2)
    assert payload.counters == {"files": 1}
    (number, key, value), deleted = payload.mutations
    assert (number, key) == (XATTR.number, b"key")
    assert value is not None and value.endswith(b"value")
    assert deleted == (XATTR.number, b"old", None)


def test_operations_do_not_nest(index: Index) -> None:
    with index.operation() as operation:
        operation.put(XATTR, b"key", RawRecord())
        with pytest.raises(AssertionError, match="nest"), index.operation():
            pass
    assert index.get(XATTR, b"key") is not None


def test_an_operation_that_has_ended_changes_nothing_more(index: Index) -> None:
    with index.operation() as operation:
        pass
    with pytest.raises(AssertionError, match="ended"):
        operation.put(XATTR, b"key", RawRecord())
    with pytest.raises(AssertionError, match="ended"):
        operation.delete(XATTR, b"key")


@pytest.mark.parametrize(
    ("number", "problem"),
    [(errno.ENOSPC, NoRoom), (errno.EDQUOT, NoRoom), (errno.EIO, IndexProblem)],
)
def test_nothing_is_applied_that_cannot_be_journalled(
    index: Index,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    problem: type[IndexProblem],
) -> None:
    put_raw(index, b"old")
    before, journal = state_of(index), the_segment(store).read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", fail_with(number))
        with pytest.raises(problem) as raised:
            put_packs(index, range(1))
    assert type(raised.value) is problem
    assert str(the_segment(store)) in str(raised.value)
    assert (state_of(index), the_segment(store).read_bytes()) == (before, journal)
    put_raw(index, b"new")
    assert index.journal_position == 2


def test_a_record_written_in_part_is_taken_back(
    index: Index, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_raw(index, b"old")
    before, journal = state_of(index), the_segment(store).read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", in_part(os.pwrite))
        with pytest.raises(NoRoom):
            put_raw(index, b"new")
    assert the_segment(store).stat().st_blocks * 512 > RESERVE_BYTES_MIN, "the room was kept"
    assert (state_of(index), the_segment(store).read_bytes()) == (before, journal)


def test_a_record_written_in_several_parts_is_whole(
    index: Index, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: write(fd, data[:7], offset))
    put_raw(index, b"key", b"value")
    assert [record.sequence for record in records_in(the_segment(store))] == [1]


def test_a_record_that_cannot_be_taken_back_ends_all_operations(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", in_part(os.pwrite))
        broken.setattr(os, "ftruncate", fail_with(errno.EIO))
        with pytest.raises(JournalFailed, match="No space left on device, then Input/output"):
            put_raw(index, b"key")
    assert index.get(XATTR, b"key") is None
    with pytest.raises(JournalFailed):
        put_raw(index, b"key")


def test_an_operation_too_large_for_a_record_is_refused(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert PAYLOAD_BYTES_MAX < 1 << 32
    monkeypatch.setattr("lmdb_index.journal.PAYLOAD_BYTES_MAX", 100)
    with pytest.raises(IndexProblem, match="split it"):
        put_raw(index, b"key", bytes(100))
    assert index.get(XATTR, b"key") is None


@pytest.mark.parametrize("key", [b"", b"k" * (KEY_BYTES_MAX + 1)])
def test_a_key_that_lmdb_cannot_hold_is_refused(index: Index, key: bytes) -> None:
    with pytest.raises(IndexProblem, match="index table xattr"):
        put_raw(index, key)


def test_a_refusal_that_the_caller_passes_over_still_ends_the_operation(index: Index) -> None:
    with pytest.raises(IndexProblem, match="index table xattr"):
        put_what_is_refused(index)
    assert index.get(XATTR, b"key") is None
    put_raw(index, b"key")


def fill(index: Index) -> None:
    """An operation of more rows than the map of a small index has room for."""
    with index.operation() as operation:
        for number in range(2000):
            operation.put(XATTR, number_key(number), RawRecord(bytes(1000)))


def fill_at_once(index: Index) -> None:
    """The same rows in one go."""
    rows = {number_key(number): RawRecord(bytes(1000)) for number in range(2000)}
    del rows[number_key(5)]
    with index.operation() as operation:
        operation.put_new(XATTR, rows)


@pytest.mark.parametrize("fill", [fill, fill_at_once])
def test_an_operation_that_lmdb_has_no_room_for_leaves_what_was_there(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fill: Callable[[Index], None]
) -> None:
    monkeypatch.setattr("lmdb_index.environment.MAP_BYTES_MIN", 1 << 20)
    with opened(store) as index:
        put_raw(index, number_key(5), b"kept")
        index.checkpoint()
        put_raw(index, b"old", b"kept")
        before = state_of(index)
        with pytest.raises(NoRoom):
            fill(index)
        assert state_of(index) == before
        put_raw(index, b"new")
        before = state_of(index)
        with opened(killed(index, store, tmp_path / "killed")) as again:
            assert state_of(again) == before


class RefusingTransaction:
    """A transaction that takes some rows, and can be used no more when another one comes."""

    def __init__(
        self, transaction: Any, taken: int, error: type[lmdb.Error] = lmdb.MapFullError
    ) -> None:
        self._transaction = transaction
        self._left = taken
        self._error = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transaction, name)

    def replace(self, *arguments: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise self._error("injected")
        return self._transaction.replace(*arguments)

    def put(self, *_: object, **__: object) -> None:
        raise lmdb.MapFullError("injected")

    delete = put


def broken_off(index: Index) -> None:
    """An operation whose second row LMDB does not take."""
    with index.operation() as operation:
        operation.put(XATTR, b"old", RawRecord(b"other"))
        operation.add("files", 1)
        operation.put(XATTR, b"new", RawRecord())


class CutShort(lmdb.Error):
    """What LMDB says of a write that the host took a part of."""

    code = errno.EIO  # type: ignore[misc]  # final for who catches one


def test_a_row_refused_on_a_full_host_is_told_from_one_on_a_broken_one(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that has changed very much writes before it is committed."""
    for full, told in ((False, IndexProblem), (True, NoRoom)):
        monkeypatch.setattr(environment, "is_full", lambda folder, full=full: full)
        refusing = RefusingTransaction(index._current.transaction, 1, CutShort)
        monkeypatch.setattr(index._current, "transaction", refusing)
        with pytest.raises(IndexProblem) as raised:
            broken_off(index)
        assert type(raised.value) is told


def test_rows_that_cannot_be_put_back_are_had_from_the_journal(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_raw(index, b"old")
    before = state_of(index)
    monkeypatch.setattr(
        index._current, "transaction", RefusingTransaction(index._current.transaction, 1)
    )
    with pytest.raises(NoRoom):
        broken_off(index)
    assert not isinstance(index._current.transaction, RefusingTransaction)
    assert (state_of(index), index.journal_position) == (before, 1)
    put_raw(index, b"more")


def test_without_a_journal_to_have_them_from_nothing_goes_on(
    index: Index, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_raw(index, b"old")
    monkeypatch.setattr(
        index._current, "transaction", RefusingTransaction(index._current.transaction, 1)
    )
    the_segment(store).write_bytes(b"")
    with pytest.raises(IndexProblem):
        broken_off(index)
    with pytest.raises(JournalFailed):
        put_raw(index, b"more")


def test_one_row_is_an_operation_like_any_other(index: Index, store: Path, tmp_path: Path) -> None:
    put_raw(index, b"key", b"value")
    index.replace(XATTR, b"key", RawRecord(b"value"))
    first, second = (record.payload for record in records_in(the_segment(store)))
    assert bytes(first) == bytes(second)
    index.replace(XATTR, b"key", RawRecord(b"later"))
    before = state_of(index), index.journal_position
    assert index.get(XATTR, b"key") == RawRecord(b"later")
    with opened(killed(index, store, tmp_path / "killed")) as again:
        assert (state_of(again), again.journal_position) == before


def test_one_row_may_take_the_place_of_a_packed_one(index: Index) -> None:
    with small_blocks():
        with index.operation() as operation:
            for number in range(200):
                operation.put(INODE, number_key(number), an_inode(number))
        pack_all(index)
        index.replace(INODE, number_key(7), an_inode(69))
        index.replace(INODE, number_key(7), an_inode(70))
        assert index.count(INODE) == 200
        row = index.get(INODE, number_key(7))
        assert row is not None and row.size == 70


def test_one_row_that_the_journal_refuses_is_not_there(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_raw(index, b"key")
    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", fail_with(errno.ENOSPC))
        with pytest.raises(NoRoom):
            index.replace(XATTR, b"key", RawRecord(b"new"))
    assert index.get(XATTR, b"key") == RawRecord()
    index.replace(XATTR, b"key", RawRecord(b"new"))


def test_one_row_that_lmdb_does_not_take_ends_all_operations(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_raw(index, b"key")
    current = index._current
    with monkeypatch.context() as broken:
        broken.setattr(current, "transaction", RefusingTransaction(current.transaction, 0))
        with pytest.raises(NoRoom):
            index.replace(XATTR, b"key", RawRecord(b"new"))
    with pytest.raises(JournalFailed, match="not applied"):
        index.replace(XATTR, b"key", RawRecord(b"more"))
