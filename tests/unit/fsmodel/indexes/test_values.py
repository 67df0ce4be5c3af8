"""What an index has of a document."""

import json
from typing import Any

import pytest

from fsmodel.indexes.definition import Definition
from fsmodel.indexes.values import KEY_BYTES_MAX, entry_key, value_from_text, values_of


def values(document: Any, *fields: str) -> list[Any]:
    entries = values_of(Definition("i", "runs/*.json", fields), document).entries
    return [json.loads(text) for _, text in entries]


@pytest.mark.parametrize(
    ("document", "found"),
    [
        ({"a": {"b": 1}}, [[1]]),
        ({"a": [{"b": 2}, {"b": 1}, {"c": 3}, 4]}, [[1], [2]]),
        ({"a": {"b": [2, 1, 2]}}, [[1], [2]]),
        ({"a": {"b": [[1, 2]]}}, [[[1, 2]]]),
        ({"a": {"b": None}}, [[None]]),
        ({"a": {"b": {"y": 1, "x": 2}}}, [[{"x": 2, "y": 1}]]),
        ({"a": {"b": []}}, []),
        ({"a": 1}, []),
        ({}, []),
        (7, []),
    ],
)
def test_fields_are_followed_through_objects_and_lists(document: Any, found: list[Any]) -> None:
    assert values(document, "a.b") == found


def test_several_fields_make_all_combinations() -> None:
    assert values({"a": [1, 2], "b": ["x", "y"]}, "a", "b") == [
        [1, "x"],
        [1, "y"],
        [2, "x"],
        [2, "y"],
    ]
    assert values({"a": [1, 2]}, "a", "b") == []


def test_keys_are_bounded_and_tell_long_values_apart() -> None:
    several = tuple("abcdefgh")
    definition = Definition("i", "runs/*.json", several)
    long = ["x" * 3000] * len(several)
    first, second = entry_key(definition, long), entry_key(definition, [*long[1:], "x" * 3001])
    assert first != second
    assert max(len(first), len(second)) <= KEY_BYTES_MAX


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("1.5", 1.5), ("null", None), ("x", "x"), ('"1"', "1"), ("", ""), ("NaN", "NaN")],
)
def test_words_mean_json_or_themselves(text: str, value: object) -> None:
    assert value_from_text(text) == value
    assert type(value_from_text(text)) is type(value)
