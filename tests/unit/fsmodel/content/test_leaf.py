"""The runs of a page in columns: to be used as the list they were encoded from."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.content.leaf import decode_leaf
from fsmodel.content.manifest import Run, encode_leaf
from fsmodel.ids import ObjectId

RUNS = [Run(ObjectId(bytes([n]) * 32), 100 + n, 1 + n % 3) for n in range(9)]

bounds = st.none() | st.integers(-12, 12)


@given(low=bounds, high=bounds)
def test_stretches_of_a_leaf_are_lists_of_runs(low: int | None, high: int | None) -> None:
    assert decode_leaf(encode_leaf(RUNS))[low:high] == RUNS[low:high]


def test_single_runs_are_found_from_both_ends() -> None:
    leaf = decode_leaf(encode_leaf(RUNS))
    assert len(leaf) == len(RUNS)
    assert [leaf[n] for n in range(-9, 9)] == RUNS + RUNS
    for beyond in (9, -10):
        with pytest.raises(IndexError):
            leaf[beyond]


def test_it_knows_where_its_runs_end() -> None:
    assert decode_leaf(encode_leaf(RUNS)).ends == list(accumulate(run.size for run in RUNS))
