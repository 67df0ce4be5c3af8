"""Keys sort as the numbers and names they are made of, and can be taken apart again."""

from hypothesis import given
from hypothesis import strategies as st

from lmdb_index.keys import (
    KEY_BYTES_MAX,
    after_prefix,
    name_of,
    named_key,
    number_key,
    number_of,
    pair_key,
    pair_of,
    second_of,
    triple_key,
    triple_of,
)

numbers = st.integers(0, 2**64 - 1)
names = st.binary(max_size=255)


@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=2))
def test_keys_sort_as_their_numbers(triples: list[tuple[int, int, int]]) -> None:
    assert sorted(triples) == sorted(triples, key=lambda triple: triple_key(*triple))
    pairs = [triple[:2] for triple in triples]
    assert sorted(pairs) == sorted(pairs, key=lambda pair: pair_key(*pair))
    firsts = [triple[0] for triple in triples]
    assert sorted(firsts) == sorted(firsts, key=number_key)


@given(st.lists(st.tuples(numbers, names), min_size=2))
def test_named_keys_sort_by_number_then_name(pairs: list[tuple[int, bytes]]) -> None:
    assert sorted(pairs) == sorted(pairs, key=lambda pair: named_key(*pair))


@given(numbers, numbers, numbers, names)
def test_keys_can_be_taken_apart(first: int, second: int, third: int, name: bytes) -> None:
    assert number_of(number_key(first)) == first
    assert pair_of(pair_key(first, second)) == (first, second)
    assert second_of(pair_key(first, second)) == second
    assert triple_of(triple_key(first, second, third)) == (first, second, third)
    assert (number_of(named_key(first, name)), name_of(named_key(first, name))) == (first, name)


def test_the_longest_key_is_within_the_limit() -> None:
    assert len(named_key(2**64 - 1, b"n" * 255)) <= KEY_BYTES_MAX


@given(names, st.lists(names))
def test_nothing_with_a_prefix_sorts_behind_what_follows_it(
    prefix: bytes, others: list[bytes]
) -> None:
    stop = after_prefix(prefix)
    for key in [prefix, prefix + b"\xff" * 9, *(prefix + other for other in others)]:
        assert stop is None or key < stop
    for other in others:
        inside = prefix <= other and (stop is None or other < stop)
        assert inside == other.startswith(prefix)


def test_nothing_follows_the_highest_prefix() -> None:
    assert after_prefix(b"") is None
    assert after_prefix(b"\xff\xff") is None
    assert after_prefix(b"a\xff") == b"b"
