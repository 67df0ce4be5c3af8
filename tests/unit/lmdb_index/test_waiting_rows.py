"""Extent rows wait in memory for the next commit, and are read, changed and kept as all others."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmdb_index.check import check_rows
from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index
from lmdb_index.keys import number_key, pair_key
from lmdb_index.operation import Operation
from lmdb_index.records import ExtentRecord
from lmdb_index.schema import EXTENT
from tests.support.index_store import UUID, killed, new_store, opened
from tests.unit.lmdb_index.test_checkpoint import files_limited_to

KEYS = [pair_key(inode, number) for inode in range(3) for number in range(4)]
CHOICE = st.integers(0, len(KEYS) - 1)
Step = tuple[str, int]
STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "delete", "give up", "checkpoint"]), CHOICE), max_size=30
)


def row(data: bytes) -> ExtentRecord:
    return ExtentRecord(0, data)


def put(index: Index, *keys: bytes, data: bytes = b"bytes") -> None:
    with index.operation() as operation:
        for key in keys:
            operation.put(EXTENT, key, row(data))


@contextmanager
def given_up(index: Index) -> Iterator[Operation]:
    """An operation that ends with an error."""
    with suppress(ZeroDivisionError), index.operation() as operation:
        yield operation
        _ = 1 // 0


def waiting(index: Index) -> int:
    return index._current.waiting.count


def rows_of(index: Index) -> dict[bytes, bytes]:
    return {key: record.data for key, record in index.scan(EXTENT)}


def test_they_take_no_page_until_the_commit(index: Index) -> None:
    put(index, *KEYS)
    assert (waiting(index), index.count(EXTENT)) == (len(KEYS), len(KEYS))
    index.checkpoint()
    assert (waiting(index), index.count(EXTENT)) == (0, len(KEYS))
    assert list(rows_of(index)) == KEYS


def test_what_is_given_up_was_never_there(index: Index) -> None:
    put(index, *KEYS[:2])
    index.checkpoint()
    put(index, *KEYS[2:4])
    before = rows_of(index)
    with given_up(index) as operation:
        for key in KEYS[:6]:
            operation.put(EXTENT, key, row(b"other"))
            operation.put(EXTENT, key, row(b"another"))
        assert all(operation.delete(EXTENT, key) for key in KEYS[1:5])
        assert not operation.delete(EXTENT, KEYS[1])
        assert [key for key, _ in operation.scan(EXTENT)] == [KEYS[0], KEYS[5]]
        assert operation.get(EXTENT, KEYS[5]) == row(b"another")
    assert rows_of(index) == before
    assert index.count(EXTENT) == 4


def test_a_kill_takes_none(index: Index, store: Path, tmp_path: Path) -> None:
    put(index, *KEYS)
    with index.operation() as operation:
        operation.delete(EXTENT, KEYS[0])
    with opened(killed(index, store, tmp_path / "copy")) as other:
        assert list(rows_of(other)) == KEYS[1:]
        assert not list(check_rows(other))


def test_a_commit_that_failed_takes_none(index: Index, store: Path) -> None:
    put(index, *KEYS[:2])
    index.checkpoint()
    with index.operation() as operation:
        operation.delete(EXTENT, KEYS[0])
    put(index, *KEYS[2:], data=bytes(8000))
    before = rows_of(index)
    size = (store / "index" / "data.mdb").stat().st_size
    with files_limited_to(size), pytest.raises(IndexProblem):
        index.checkpoint()
    assert rows_of(index) == before
    index.checkpoint()
    assert rows_of(index) == before


@given(steps=STEPS)
def test_they_are_read_as_if_they_were_stored(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Step]
) -> None:
    expected: dict[bytes, bytes] = {}
    with opened(new_store(tmp_path_factory.mktemp("waiting") / "store")) as index:
        for number, (step, choice) in enumerate(steps):
            key, data = KEYS[choice], b"%d" % number
            if step == "put":
                put(index, key, data=data)
                expected[key] = data
            elif step == "delete":
                with index.operation() as operation:
                    assert operation.delete(EXTENT, key) == (key in expected)
                expected.pop(key, None)
            elif step == "give up":
                with given_up(index) as operation:
                    operation.delete(EXTENT, key)
                    operation.put(EXTENT, KEYS[choice - 1], row(data))
            else:
                index.checkpoint()
        in_order = sorted(expected.items())
        assert [(key, record.data) for key, record in index.scan(EXTENT)] == in_order
        backwards = index.scan(EXTENT, KEYS[1], KEYS[-2], reverse=True)
        assert [key for key, _ in backwards] == [
            key for key, _ in reversed(in_order) if KEYS[1] <= key < KEYS[-2]
        ]
        of_one = index.scan_prefix(EXTENT, number_key(1))
        assert [key for key, _ in of_one] == [key for key in sorted(expected) if key in KEYS[4:8]]
        assert all((index.get(EXTENT, key) is not None) == (key in expected) for key in KEYS)
        assert index.count(EXTENT) == len(expected)
        assert not list(check_rows(index))
        index.checkpoint()
        with index.snapshot() as snapshot:
            assert [key for key, _ in snapshot.scan(EXTENT)] == sorted(expected)


def test_a_replay_goes_on_with_what_was_committed(store: Path, tmp_path: Path) -> None:
    with opened(store) as index:
        put(index, *KEYS[:3])
        index.checkpoint()
        put(index, *KEYS[2:5], data=b"later")
        copy = killed(index, store, tmp_path / "copy")
    other = Index.open(copy, UUID)
    assert rows_of(other) == dict.fromkeys(KEYS[:2], b"bytes") | dict.fromkeys(KEYS[2:5], b"later")
    other.close()
