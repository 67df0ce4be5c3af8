"""What a sample says about all: right on the average, with a bound, exact when it is all."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.optimizer.sampling import Tried, predict, sample


@given(count=st.integers(0, 300), wanted=st.integers(1, 40))
def test_a_sample_is_in_order_and_spread(count: int, wanted: int) -> None:
    found = sample(range(count), wanted)
    assert len(found) == min(count, wanted)
    assert found == sorted(set(found))
    if count > wanted:
        gaps = [after - before for before, after in pairwise(found)]
        widest = max(gaps, default=0)
        assert widest <= 2 * count / wanted + 1


def test_all_jobs_give_the_exact_figure() -> None:
    tried = [Tried(100, 30, offered=True), Tried(50, -5, offered=True), Tried(10, 0, offered=False)]
    found = predict(tried, 3, 160)
    assert (found.saved_bytes, found.error_bytes, found.offered) == (25, 0, True)


def test_nothing_to_do_saves_nothing() -> None:
    found = predict([], 0, 0)
    assert (found.saved_bytes, found.error_bytes, found.jobs, found.offered) == (0, 0, 0, False)


def test_one_of_many_bounds_nothing() -> None:
    found = predict([Tried(100, 30, offered=True)], 10, 900)
    assert (found.saved_bytes, found.error_bytes) == (270, 900)


@pytest.mark.parametrize("seed", range(5))
def test_the_truth_lies_within_the_bound(seed: int) -> None:
    source = random.Random(seed)
    jobs = []
    for _ in range(400):
        stored = source.randrange(1000, 3000)
        jobs.append(Tried(stored, int(stored * source.uniform(0.1, 0.5)), offered=True))
    found = predict(sample(jobs), len(jobs), sum(job.stored_bytes for job in jobs))
    truth = sum(job.saved_bytes for job in jobs)
    assert 0 < found.error_bytes < truth / 3
    assert abs(found.saved_bytes - truth) <= 1.5 * found.error_bytes
