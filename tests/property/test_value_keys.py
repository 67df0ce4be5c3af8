"""Keys of values order as the values do, and never run into each other."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lmdb_index.value_keys import value_key, values_key

numbers = st.one_of(
    st.integers(),
    st.integers(min_value=-(1 << 400), max_value=1 << 400),
    st.floats(allow_nan=False),
    st.floats(allow_nan=False).map(lambda value: value + 0.0),
    st.sampled_from([0, -0.0, 1, 1.0, 2**53, 2**53 + 1, float(2**53), 5e-324, -5e-324, 1.5, -1.5]),
)
texts = st.text()
times = st.datetimes(timezones=st.just(UTC))
anything = st.one_of(st.none(), st.booleans(), numbers, texts, times)


def sign(left: Any, right: Any) -> int:
    return int(left > right) - int(left < right)


@pytest.mark.parametrize("values", [numbers, texts, times, st.booleans()])
def test_within_a_type_keys_order_as_python_does(values: st.SearchStrategy[object]) -> None:
    @given(values, values)
    def check(left: object, right: object) -> None:
        assert sign(value_key(left), value_key(right)) == sign(left, right)

    check()


@given(numbers)
def test_neighbours_are_told_apart(number: float) -> None:
    if number not in (float("inf"), float("-inf")):
        assert value_key(int(number)) < value_key(int(number) + 1)


def test_types_are_ordered() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    infinity = float("inf")
    ordered: list[Any] = [
        None,
        False,
        True,
        float("nan"),
        -infinity,
        0,
        infinity,
        moment,
        "",
        "a",
        [],
        {},
    ]
    keys = [value_key(value) for value in ordered[:-2]]
    assert keys == sorted(keys)
    assert max(keys) < value_key([])
    assert value_key([]) != value_key({})


@given(st.lists(anything, max_size=4), st.lists(anything, max_size=4))
@example([512, -512], [513, -513])  # bits behind the leading one: none, and some that begin with 00
@example([""], ["\0"])
def test_no_key_begins_another(left: list[object], right: list[object]) -> None:
    """So a field ends where it ends, whatever follows."""
    keys = [value_key(value) for value in [*left, *right]]
    for one in keys:
        for other in keys:
            assert one == other or not other.startswith(one)


@given(texts, texts, numbers, numbers)
def test_several_fields_order_by_the_first_then_the_second(
    a: str, b: str, x: float, y: float
) -> None:
    assert sign(values_key([a, x]), values_key([b, y])) == sign((a, x), (b, y))


def test_a_moment_has_one_key_whatever_its_zone() -> None:
    moment = datetime(2026, 11, 20, 12, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert value_key(moment) == value_key(elsewhere)
    with pytest.raises(TypeError):
        value_key(datetime(2026, 11, 20, 12))  # noqa: DTZ001  # what is to be refused
