"""When a delta is worth having."""

from hypothesis import given
from hypothesis import strategies as st

from fsmodel.store.delta_choice import (
    BASE_COST_BYTES,
    BASES_MAX,
    BASES_MAX_LARGE,
    DELTA_BYTES_MIN,
    PLAIN_BYTES_MIN,
    SMALL_BYTES,
    bases_max,
    careful_bytes,
    is_excellent,
    is_promising,
    is_worth_a_base,
    is_worth_seeking,
)

sizes = st.integers(0, 300_000)


def test_a_delta_must_be_clearly_smaller() -> None:
    assert is_worth_a_base(8500 - BASE_COST_BYTES, 10_000)
    assert not is_worth_a_base(8501 - BASE_COST_BYTES, 10_000)


@given(delta=sizes, payload=sizes)
def test_an_accepted_delta_saves_more_than_its_base_costs(delta: int, payload: int) -> None:
    if is_worth_a_base(delta, payload):
        assert delta + BASE_COST_BYTES < payload


@given(delta=sizes, payload=sizes)
def test_an_excellent_delta_is_accepted(delta: int, payload: int) -> None:
    if is_excellent(delta, payload):
        assert is_worth_a_base(delta, payload)


@given(delta=sizes, payload=sizes)
def test_nothing_is_sought_for_what_no_delta_can_improve(delta: int, payload: int) -> None:
    if is_worth_a_base(delta, payload) and delta >= DELTA_BYTES_MIN:
        assert is_worth_seeking(payload)


def test_small_payloads_are_left_alone() -> None:
    assert not is_worth_seeking(PLAIN_BYTES_MIN - 1)
    assert is_worth_seeking(PLAIN_BYTES_MIN)


def test_effort_is_for_small_chunks() -> None:
    assert bases_max(SMALL_BYTES) == BASES_MAX > BASES_MAX_LARGE == bases_max(SMALL_BYTES + 1)


def test_what_was_compressed_in_haste_would_be_smaller_with_care() -> None:
    assert careful_bytes(10_000, hasty=True) == 9_700
    assert careful_bytes(10_000, hasty=False) == 10_000


def test_a_hopeless_trial_is_given_up() -> None:
    assert is_promising(9200 - BASE_COST_BYTES, 10_000)
    assert not is_promising(9201 - BASE_COST_BYTES, 10_000)


@given(delta=sizes, payload=sizes)
def test_what_is_worth_a_base_was_promising(delta: int, payload: int) -> None:
    if is_worth_a_base(delta, payload):
        assert is_promising(delta, payload)
