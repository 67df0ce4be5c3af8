"""Reading rows: in order, within bounds, backwards, and while they are being changed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index
from lmdb_index.keys import after_prefix, named_key, number_key, pair_key
from lmdb_index.records import ExtentRecord, RawRecord
from lmdb_index.rows import BATCH_ROWS_MAX, BATCH_ROWS_MIN
from lmdb_index.schema import EXTENT, LINK, ORPHAN, XATTR
from tests.support.index_store import new_store, opened, put_raw
from tests.support.small_blocks import pack_all

SHORT_KEYS = st.lists(st.sampled_from(b"\x00a\xff"), max_size=3).map(bytes)
EDGES = [0, 1, BATCH_ROWS_MIN - 1, BATCH_ROWS_MIN, BATCH_ROWS_MIN + 1, 3 * BATCH_ROWS_MIN]


def fill(index: Index, count: int) -> list[bytes]:
    """So many rows, in one operation; returns their keys."""
    keys = [number_key(number) for number in range(count)]
    with index.operation() as operation:
        for key in keys:
            operation.put(ORPHAN, key, RawRecord(key))
    return keys


def test_a_row_that_is_not_there_is_none(index: Index) -> None:
    assert index.get(XATTR, b"missing") is None


def test_a_row_that_is_there_is_found(index: Index) -> None:
    put_raw(index, b"key", b"value")
    assert index.get(XATTR, b"key") == RawRecord(b"value")
    assert index.get(LINK, b"key") is None


@pytest.mark.parametrize("count", [*EDGES, BATCH_ROWS_MAX * 3 + 1])
def test_a_scan_yields_every_row_once_in_order(index: Index, count: int) -> None:
    keys = fill(index, count)
    assert list(index.scan(ORPHAN)) == [(key, RawRecord(key)) for key in keys]
    assert [key for key, _ in index.scan(ORPHAN, reverse=True)] == keys[::-1]
    assert index.count(ORPHAN) == count


@pytest.mark.parametrize("reverse", [False, True])
@given(
    keys=st.sets(SHORT_KEYS.filter(bool), max_size=60),
    start=SHORT_KEYS,
    stop=st.none() | SHORT_KEYS,
)
def test_a_scan_is_the_sorted_keys_within_bounds(
    tmp_path_factory: pytest.TempPathFactory,
    keys: set[bytes],
    start: bytes,
    stop: bytes | None,
    reverse: bool,
) -> None:
    with opened(new_store(tmp_path_factory.mktemp("rows") / "store")) as index:
        with index.operation() as operation:
            for key in keys:
                operation.put(XATTR, key, RawRecord())
        found = [key for key, _ in index.scan(XATTR, start, stop, reverse=reverse)]
        inside = {key for key in keys if start <= key and (stop is None or key < stop)}
        assert found == sorted(inside, reverse=reverse)
        with_prefix = [key for key, _ in index.scan_prefix(XATTR, start)]
        assert with_prefix == sorted(key for key in keys if key.startswith(start))


def test_a_prefix_of_the_highest_bytes_has_no_end(index: Index) -> None:
    put_raw(index, b"\xff\xff\xff")
    assert after_prefix(b"\xff\xff") is None
    assert [key for key, _ in index.scan_prefix(XATTR, b"\xff\xff")] == [b"\xff\xff\xff"]


@pytest.mark.parametrize("count", EDGES[1:])
@pytest.mark.parametrize("reverse", [False, True])
def test_what_is_scanned_may_be_deleted(index: Index, count: int, reverse: bool) -> None:
    keys = fill(index, count)
    seen = []
    with index.operation() as operation:
        for key, _ in operation.scan(ORPHAN, reverse=reverse):
            seen.append(key)
            assert operation.delete(ORPHAN, key)
    assert sorted(seen) == keys
    assert index.count(ORPHAN) == 0


def test_a_scan_shows_rows_as_they_are_when_it_comes_to_them(index: Index) -> None:
    keys = fill(index, 6)
    seen = []
    for key, record in index.scan(ORPHAN):
        seen.append((key, record.value))
        if key == keys[1]:
            with index.operation() as operation:
                operation.put(ORPHAN, keys[0], RawRecord(b"passed"))
                operation.put(ORPHAN, keys[2], RawRecord(b"changed"))
                operation.delete(ORPHAN, keys[3])
                operation.put(ORPHAN, keys[4] + b"new", RawRecord(b"new"))
    assert seen == [
        (keys[0], keys[0]),
        (keys[1], keys[1]),
        (keys[2], b"changed"),
        (keys[4], keys[4]),
        (keys[4] + b"new", b"new"),
        (keys[5], keys[5]),
    ]


def test_a_scan_does_not_show_what_was_given_up(index: Index) -> None:
    keys = fill(index, 3)
    scan = index.scan(ORPHAN)
    next(scan)
    seen = []

    def give_up() -> None:
        with index.operation() as operation:
            operation.delete(ORPHAN, keys[1])
            seen.append(next(scan)[0])
            raise NotImplementedError

    with pytest.raises(NotImplementedError):
        give_up()
    assert (seen, list(scan)) == ([keys[2]], [])
    assert [key for key, _ in index.scan(ORPHAN)] == keys


def test_a_scan_goes_on_across_a_checkpoint(index: Index) -> None:
    keys = fill(index, 3 * BATCH_ROWS_MIN)
    seen = []
    for key, _ in index.scan(ORPHAN):
        seen.append(key)
        index.checkpoint()
    assert seen == keys


def test_a_scan_may_be_left(index: Index) -> None:
    keys = fill(index, 3 * BATCH_ROWS_MIN)
    assert next(index.scan(ORPHAN))[0] == keys[0]
    index.checkpoint()
    assert next(index.scan(ORPHAN, reverse=True))[0] == keys[-1]


def test_scans_of_parts_do_not_touch_their_neighbours(index: Index) -> None:
    with index.operation() as operation:
        for directory in (1, 2, 3):
            operation.put(LINK, pair_key(directory, 5), RawRecord())
            operation.put(XATTR, named_key(directory, b"name"), RawRecord())
    assert [key for key, _ in index.scan_prefix(LINK, number_key(2))] == [pair_key(2, 5)]
    assert [key for key, _ in index.scan(LINK, number_key(2), number_key(3))] == [pair_key(2, 5)]


def test_what_lmdb_refuses_is_an_index_problem(store: Path) -> None:
    with opened(store) as index:
        put_raw(index, b"key")
    for use in (
        lambda: index.get(XATTR, b"key"),
        lambda: list(index.scan(XATTR)),
        lambda: list(index.scan(XATTR, reverse=True)),
        lambda: index.count(XATTR),
    ):
        with pytest.raises(IndexProblem, match="index table xattr"):
            use()


@pytest.mark.parametrize("is_packed", [False, True])
def test_whether_any_key_begins_so(index: Index, is_packed: bool) -> None:
    with index.operation() as operation:
        for name in (b"b", b"bc", b"d"):
            operation.put(XATTR, named_key(1, name), RawRecord())
    if is_packed:
        pack_all(index)
    with index.operation() as operation:
        operation.delete(XATTR, named_key(1, b"d"))
        assert operation.has_prefix(XATTR, named_key(1, b"b"))
    found = {
        name: index.has_prefix(XATTR, named_key(1, name)) for name in (b"a", b"bc", b"c", b"d")
    }
    assert found == {b"a": False, b"bc": True, b"c": False, b"d": False}
    assert not index.has_prefix(XATTR, named_key(2, b""))


def test_rows_that_wait_have_prefixes_as_well(index: Index) -> None:
    with index.operation() as operation:
        operation.put(EXTENT, pair_key(1, 0), ExtentRecord(0, b"x"))
    assert index.has_prefix(EXTENT, number_key(1))
    assert not index.has_prefix(EXTENT, number_key(2))
