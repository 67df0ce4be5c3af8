"""Sums over distinct chunks: exact as long as memory allows, close to it beyond."""

import pytest

from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ObjectId
from fsmodel.optimizer.distinct_sums import DistinctSums, Sums

CHUNKS = [object_id(str(number).encode()) for number in range(8000)]


def sizes(chunk: ObjectId) -> Sums:
    return Sums(100 + chunk[0], 50)


def test_a_chunk_counts_once_in_a_group() -> None:
    sums = DistinctSums(sizes)
    for group, chunk in (("a", 0), ("a", 0), ("a", 1), ("b", 1)):
        sums.add(group, CHUNKS[chunk])
    expected = {
        "a": Sums(sizes(CHUNKS[0]).plain + sizes(CHUNKS[1]).plain, 100),
        "b": Sums(sizes(CHUNKS[1]).plain, 50),
    }
    assert sums.by_group() == expected
    assert sums.one_in == 1


def test_a_chunk_without_a_row_is_left_out() -> None:
    sums = DistinctSums(lambda chunk: None)
    sums.add("a", CHUNKS[0])
    assert sums.by_group() == {}


def test_memory_is_bounded_and_the_sums_stay_close() -> None:
    sums = DistinctSums(sizes, pairs_max=2000)
    for number, chunk in enumerate(CHUNKS):
        sums.add("all", chunk)
        if number % 2:
            sums.add("half", chunk)
        assert len(sums._held) <= 2000
    found = sums.by_group()
    assert sums.one_in in (8, 16)
    assert found["all"].stored == pytest.approx(50 * len(CHUNKS), rel=0.1)
    assert found["half"].stored == pytest.approx(25 * len(CHUNKS), rel=0.1)
    assert found["all"].plain == pytest.approx(sum(sizes(each).plain for each in CHUNKS), rel=0.1)
