"""Which recent chunks share features with a new one: votes, bounds, and what survives."""

import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.content import gear
from fsmodel.content.chunking import features
from fsmodel.ids import ObjectId
from fsmodel.store import similarity
from fsmodel.store.similarity import BLOCK_SKETCHES, BLOCKS_MAX, FeatureIndex
from fsmodel.store.sketches import (
    FEATURE_COUNT,
    FEATURE_MASK,
    ID_PREFIX_BYTES,
    SKETCH_BYTES,
    decode_features,
    decode_prefixes,
    encode_sketch,
)
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.records import RawRecord
from lmdb_index.schema import SKETCH

STORE = UUID(int=7).bytes
OVERFLOW_PAGE_BYTES = 4096 - 16  # of LMDB, for one value
words = st.integers(0, (1 << 32) - 1)
sketches = st.lists(words, min_size=FEATURE_COUNT, max_size=FEATURE_COUNT)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    Index.create(tmp_path, STORE)
    opened = Index.open(tmp_path, STORE)
    yield opened
    opened.close()


def chunk(number: int) -> ObjectId:
    return ObjectId(random.Random(number).randbytes(32))


def some_features(number: int) -> list[int]:
    source = random.Random(f"features {number}")
    return [source.getrandbits(32) for _ in range(FEATURE_COUNT)]


def save(found: FeatureIndex, index: Index) -> None:
    with index.operation() as operation:
        found.save(operation)
    found.confirm_saved()


def filled(index: Index, count: int, *, blocks_max: int = 4) -> FeatureIndex:
    """An index that knows chunks 0 to `count` - 1, all of it saved."""
    made = FeatureIndex(index, blocks_max=blocks_max)
    for number in range(count):
        made.add(chunk(number), some_features(number))
        if number % BLOCK_SKETCHES == 50:
            save(made, index)
    save(made, index)
    return made


def test_chunks_have_as_many_features_as_sketches_hold() -> None:
    assert FEATURE_COUNT == gear.FEATURE_COUNT == len(features(random.Random(1).randbytes(5000)))


def test_the_format_page_says_what_a_row_holds() -> None:
    page = (Path(__file__).parents[4] / "docs" / "format-index.md").read_text("utf-8")
    told = " ".join(page.partition("### Sketches")[2].partition("\n## ")[0].split())
    assert f"up to {BLOCK_SKETCHES} sketches" in told
    assert f"at most {BLOCKS_MAX} rows" in told
    assert f"A sketch takes {SKETCH_BYTES} bytes" in told
    assert f"| {ID_PREFIX_BYTES} | the beginning of the chunk's id" in told
    assert told.count(f"| {FEATURE_COUNT} |") == 3


def test_a_full_block_fills_one_page_of_the_index() -> None:
    block = bytes(BLOCK_SKETCHES * SKETCH_BYTES)
    stored = len(block) + 10  # at most: checksum, version, and what MessagePack says of the bytes
    assert OVERFLOW_PAGE_BYTES - SKETCH_BYTES < stored <= OVERFLOW_PAGE_BYTES


@given(all_values=st.lists(sketches, max_size=BLOCK_SKETCHES))
def test_stored_sketches_read_back(all_values: list[list[int]]) -> None:
    masked = [tuple(value & FEATURE_MASK for value in values) for values in all_values]
    stored = [encode_sketch(chunk(number), each) for number, each in enumerate(masked)]
    assert all(len(each) == SKETCH_BYTES for each in stored)
    read = [list(decode_features(b"".join(stored), number)) for number in range(FEATURE_COUNT)]
    assert read == [[each[number] for each in masked] for number in range(FEATURE_COUNT)]
    beginnings = [chunk(number)[:ID_PREFIX_BYTES] for number in range(len(masked))]
    assert decode_prefixes(b"".join(stored)) == beginnings


@pytest.mark.parametrize("size", [1, SKETCH_BYTES + 1, (BLOCK_SKETCHES + 1) * SKETCH_BYTES])
def test_a_row_that_is_no_block_of_sketches_is_passed_over(index: Index, size: int) -> None:
    filled(index, BLOCK_SKETCHES)
    with index.operation() as operation:
        operation.put(SKETCH, number_key(1), RawRecord(bytes(size)))
    found = FeatureIndex(index, blocks_max=4)
    for number in (0, BLOCK_SKETCHES - 1):
        assert found.most_alike(some_features(number), 1) == [chunk(number)[:ID_PREFIX_BYTES]]
    found.add(chunk(700), some_features(700))
    save(found, index)
    assert FeatureIndex(index, blocks_max=4).most_alike(some_features(700), 1)


def test_nothing_is_alike_at_first(index: Index) -> None:
    assert FeatureIndex(index).most_alike(some_features(1), 3) == []


def test_the_chunk_that_shares_most_comes_first(index: Index) -> None:
    found = FeatureIndex(index)
    wanted = some_features(0)
    for number, shared in enumerate([3, 12, 7, 1]):
        found.add(chunk(number), [*wanted[:shared], *some_features(number + 1)[shared:]])
    # each feature names the chunk that had it last: 3, then 2 up to the 7th, then 1
    assert found.most_alike(wanted, 3) == [chunk(2), chunk(1), chunk(3)]
    assert found.most_alike(wanted, 1) == [chunk(2)]


def test_of_two_with_as_many_votes_the_newer_comes_first(index: Index) -> None:
    found = FeatureIndex(index)
    wanted = some_features(0)
    found.add(chunk(1), [*wanted[:6], *some_features(1)[6:]])
    found.add(chunk(2), [*some_features(2)[:6], *wanted[6:]])
    assert found.most_alike(wanted, 2) == [chunk(2), chunk(1)]


def test_a_feature_in_another_position_is_another_feature(index: Index) -> None:
    found = FeatureIndex(index)
    wanted = some_features(0)
    found.add(chunk(1), [*wanted[1:], wanted[0]])
    assert found.most_alike(wanted, 3) == []


def test_a_chunk_without_features_is_not_kept(index: Index) -> None:
    found = FeatureIndex(index)
    found.add(chunk(1), ())
    assert not found.unsaved
    assert found.most_alike((), 3) == []


def test_the_oldest_leave_first(index: Index) -> None:
    found = filled(index, 6 * BLOCK_SKETCHES)
    assert found.most_alike(some_features(6 * BLOCK_SKETCHES - 1), 1)
    assert found.most_alike(some_features(3 * BLOCK_SKETCHES), 1)
    assert found.most_alike(some_features(BLOCK_SKETCHES), 1) == []
    assert index.count(SKETCH) == 4


def test_the_index_is_bounded_over_many_starts(index: Index) -> None:
    for start in range(12):
        found = FeatureIndex(index, blocks_max=3)
        for number in range(60):
            found.add(chunk(start * 60 + number), some_features(start * 60 + number))
        save(found, index)
        assert index.count(SKETCH) <= 3
    kept = [row.value for _, row in index.scan(SKETCH)]
    assert [len(block) // SKETCH_BYTES for block in kept[:-1]] == [BLOCK_SKETCHES] * 2


def test_what_was_saved_is_found_after_a_start(index: Index) -> None:
    filled(index, 3 * BLOCK_SKETCHES + 5)
    found = FeatureIndex(index, blocks_max=4)
    for number in (0, BLOCK_SKETCHES, 3 * BLOCK_SKETCHES + 4):
        assert found.most_alike(some_features(number), 1) == [chunk(number)[:ID_PREFIX_BYTES]]


def test_a_chunk_seen_again_after_a_start_is_named_by_its_new_sketch(index: Index) -> None:
    filled(index, 10)
    found = FeatureIndex(index, blocks_max=4)
    found.add(chunk(500), some_features(3))
    assert found.most_alike(some_features(3), 1) == [chunk(500)]


def test_old_blocks_are_read_bit_by_bit_and_displace_nothing(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(index, 4 * BLOCK_SKETCHES)
    monkeypatch.setattr(similarity, "_BLOCKS_READ", 1)
    found = FeatureIndex(index, blocks_max=4)
    found.add(chunk(900), some_features(1))  # number 1 stands in the oldest block
    assert found.most_alike(some_features(BLOCK_SKETCHES), 1) == []
    for _ in range(4):
        found.most_alike(some_features(0), 1)
    assert found.most_alike(some_features(BLOCK_SKETCHES), 1)
    assert found.most_alike(some_features(1), 1) == [chunk(900)]


def test_only_what_is_new_is_unsaved(index: Index) -> None:
    found = filled(index, 5)
    assert not found.unsaved
    found.add(chunk(5), some_features(5))
    assert found.unsaved


def test_a_save_that_is_given_up_is_made_up_for(index: Index) -> None:
    found = FeatureIndex(index, blocks_max=4)
    for number in range(BLOCK_SKETCHES + 3):
        found.add(chunk(number), some_features(number))
    with suppress(KeyError), index.operation() as operation:
        found.save(operation)
        raise KeyError  # the operation is given up
    assert found.unsaved
    save(found, index)
    again = FeatureIndex(index, blocks_max=4)
    assert again.most_alike(some_features(0), 1)
    assert again.most_alike(some_features(BLOCK_SKETCHES + 2), 1)


@pytest.mark.parametrize("block", [b"", b"\0" * (SKETCH_BYTES - 1), b"\0" * (SKETCH_BYTES + 1)])
def test_a_block_of_an_odd_size_is_passed_over(index: Index, block: bytes) -> None:
    filled(index, BLOCK_SKETCHES)
    with index.operation() as operation:
        operation.put(SKETCH, number_key(5), RawRecord(block))
    found = FeatureIndex(index, blocks_max=8)
    assert found.most_alike(some_features(4), 1)
    found.add(chunk(700), some_features(700))
    save(found, index)
    assert FeatureIndex(index, blocks_max=8).most_alike(some_features(700), 1)


def test_a_damaged_row_ends_the_reading_and_is_no_error(index: Index) -> None:
    filled(index, 2 * BLOCK_SKETCHES)
    transaction = index._current.transaction  # no user can damage a row
    database = index._current.databases[SKETCH.number]
    transaction.put(number_key(0), b"\0" * 40, db=database)
    found = FeatureIndex(index, blocks_max=4)
    assert found.most_alike(some_features(BLOCK_SKETCHES), 1)
    assert found.most_alike(some_features(0), 1) == []
