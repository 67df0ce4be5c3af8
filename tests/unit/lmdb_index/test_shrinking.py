"""The index file is made smaller, and whatever happens meanwhile, one whole index is there."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from errno import EIO, ENOSPC
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lmdb_index import shrinking
from lmdb_index.check import check_rows
from lmdb_index.errors import IndexProblem, JournalFailed, NoRoom
from lmdb_index.index import Index
from lmdb_index.journal_survey import newest_header
from lmdb_index.keys import number_key
from lmdb_index.records import ObjectRecord, RawRecord
from lmdb_index.schema import OBJECT, XATTR
from lmdb_index.shrinking import COPY_FOLDER, is_worth_it
from tests.support.index_store import (
    UUID,
    CrashPoints,
    killed,
    opened,
    put_raw,
    state_of,
)

MIB = 1 << 20
ROWS = 30


def file_bytes(store: Path) -> int:
    return (store / "index" / "data.mdb").stat().st_size


def shrink(index: Index) -> bool:
    return index.room.take_copy(index.room.compact_copy()())


@pytest.fixture
def wasteful(store: Path) -> Path:
    """A store whose index file is mostly free pages; nothing has it open."""
    with opened(store) as index:
        for size in (60_000, 10):
            with index.operation() as operation:
                for number in range(ROWS):
                    operation.put(XATTR, number_key(number), RawRecord(bytes(size)))
            index.checkpoint()
    return store


@pytest.mark.parametrize(
    ("file", "used", "worth"),
    [
        (MIB, MIB * 3 // 4, True),
        (MIB, MIB * 3 // 4 + 1, False),
        (10 * MIB, 8 * MIB, True),
        (10 * MIB, 9 * MIB, False),
        (100 * MIB, 50 * MIB, True),
        (100 * MIB, 51 * MIB, False),
    ],
)
def test_when_it_is_worth_it(file: int, used: int, worth: bool) -> None:
    assert is_worth_it(file, used) is worth


def test_what_is_used_is_known_well(wasteful: Path) -> None:
    with opened(wasteful) as index:
        used = index.room.used_bytes
        before = index.room.file_bytes
        assert shrink(index)
        assert abs(index.room.file_bytes - used) <= 4 * 4096 < before


def test_blocks_that_were_made_again_are_a_change(store: Path) -> None:
    """No row goes into a block then: the ids in it become shorter, and the blocks fewer."""
    draw = Random(1)
    ids = sorted(draw.randbytes(32) for _ in range(3000))
    with opened(store) as index:
        with index.operation() as operation:
            for number, key in enumerate(ids):
                base = ids[number - len(ids) // 2]
                operation.put(OBJECT, key, ObjectRecord(1, 1, 1, number, 1, 1, base=base))
        while index.room.pack_step().moved_rows:
            index.checkpoint()
        assert not shrink(index)
        index.checkpoint()
        assert shrink(index)


def test_a_file_shrinks_and_all_is_there(wasteful: Path) -> None:
    with opened(wasteful) as index:
        before, state = file_bytes(wasteful), state_of(index)
        assert shrink(index)
        assert file_bytes(wasteful) < before / 10
        assert newest_header(wasteful / "journal", UUID).index_bytes == file_bytes(wasteful)
        assert state_of(index) == state
        put_raw(index, b"after", b"wards")
        index.checkpoint()
        put_raw(index, b"not committed")
        assert not (wasteful / "index" / COPY_FOLDER).exists()
    with opened(wasteful) as index:
        assert len(state_of(index)) == ROWS + 2
        assert list(check_rows(index)) == []


def test_it_can_be_done_again_and_again(wasteful: Path) -> None:
    with opened(wasteful) as index:
        for number in range(3):
            assert shrink(index)
            put_raw(index, b"%d" % number)
            index.checkpoint()
        assert len(state_of(index)) == ROWS + 3


def test_a_copy_that_is_out_of_date_is_not_taken(wasteful: Path) -> None:
    with opened(wasteful) as index:
        copy = index.room.compact_copy()()
        put_raw(index, b"more")
        assert not index.room.take_copy(copy)
        copy = index.room.compact_copy()()
        index.checkpoint()
        assert not index.room.take_copy(copy)
        copy = index.room.compact_copy()()
        with index.snapshot():
            assert not index.room.take_copy(copy)
        assert not copy.file.exists()
        assert len(state_of(index)) == ROWS + 1


def test_another_thread_may_copy_while_operations_go_on(wasteful: Path) -> None:
    with opened(wasteful) as index, ThreadPoolExecutor(1) as thread:
        copying = thread.submit(index.room.compact_copy())
        for number in range(50):
            put_raw(index, b"%d" % number)
            index.checkpoint()
        assert not index.room.take_copy(copying.result())
        assert index.room.take_copy(thread.submit(index.room.compact_copy()).result())
        assert len(state_of(index)) == ROWS + 50


def test_a_store_may_be_killed_at_any_moment(
    wasteful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(wasteful) as index:
        state = state_of(index)
        with monkeypatch.context() as patch:
            points = CrashPoints(wasteful, tmp_path / "copies", patch)
            assert shrink(index)
            points.copy("end")
    assert points.calls.count("rename") == 2
    for copy in points.copies:
        with opened(copy) as index:
            assert state_of(index) == state
            assert not (copy / "index" / COPY_FOLDER).exists()
            put_raw(index, b"goes on")
            index.checkpoint()


def failing(name: str, number: int, error: int) -> Callable[..., Any]:
    """A call of the host that fails the n-th time."""
    call, calls = getattr(os, name), [0]

    def fails(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == number:
            raise OSError(error, os.strerror(error))
        return call(*arguments, **options)

    return fails


@pytest.mark.parametrize(
    ("name", "number", "error"),
    [
        ("mkdir", 1, ENOSPC),
        ("open", 1, ENOSPC),  # the copy
        ("fsync", 1, EIO),
        ("open", 2, ENOSPC),  # the segment
        ("pwrite", 1, ENOSPC),
        ("fsync", 2, EIO),
        ("rename", 1, EIO),
        ("rename", 2, EIO),  # the index
    ],
)
def test_a_failure_leaves_the_old_file(
    wasteful: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int, error: int
) -> None:
    with opened(wasteful) as index:
        before, state = file_bytes(wasteful), state_of(index)
        with monkeypatch.context() as patch:
            patch.setattr(os, name, failing(name, number, error))
            with pytest.raises(NoRoom if error == ENOSPC else IndexProblem):
                shrink(index)
        assert file_bytes(wasteful) == before
        assert state_of(index) == state
        assert not (wasteful / "index" / COPY_FOLDER).exists()
        put_raw(index, b"goes on")
        index.checkpoint()
        assert shrink(index)
    with opened(wasteful) as index:
        assert len(state_of(index)) == ROWS + 1


@pytest.mark.parametrize("module", ["lmdb_index.segment_file", "lmdb_index.long_transaction"])
def test_a_name_that_may_be_lost_ends_it(
    wasteful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    """If a rename is not durable, nothing that comes later may be called durable."""

    def fail(folder: Path) -> None:
        raise OSError(EIO, "Input/output error")

    index = Index.open(wasteful, UUID)
    state = state_of(index)
    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.sync_folder", fail)
        with pytest.raises(JournalFailed):
            shrink(index)
    assert state_of(index) == state
    with pytest.raises(JournalFailed):
        put_raw(index, b"refused")
    with opened(killed(index, wasteful, tmp_path / "killed")) as index:
        assert state_of(index) == state


def test_without_room_nothing_is_tried(wasteful: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shrinking, "SPARE_BYTES", 1 << 62)
    with opened(wasteful) as index, pytest.raises(NoRoom, match="for a copy of the index"):
        index.room.compact_copy()()


def test_a_copy_that_lacks_something_is_refused(wasteful: Path) -> None:
    with opened(wasteful) as index:
        copy = index.room.compact_copy()()
        lacking = copy.entries | {XATTR.number: ROWS - 1}
        with pytest.raises(IndexProblem, match="is not what it was copied from"):
            index.room.take_copy(replace(copy, entries=lacking))
        assert len(state_of(index)) == ROWS
    assert not (wasteful / "index" / COPY_FOLDER).exists()


def test_what_a_kill_left_is_removed(wasteful: Path) -> None:
    left = wasteful / "index" / COPY_FOLDER
    left.mkdir()
    (left / "data.mdb").write_bytes(b"half of it")
    with opened(wasteful, dry=True) as index:
        assert not index.room.is_wasteful
        assert left.exists()
    with opened(wasteful):
        assert not left.exists()
