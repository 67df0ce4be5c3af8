"""JSON from outside: what is accepted, and that nothing else is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.documents.bounded_json import DEPTH_MAX, compact, members_of, parse_object
from fsmodel.errors import DocumentInvalid

TEXT = st.text(st.characters(codec="utf-8"), max_size=10)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=4)


@given(value=OBJECTS, indent=st.sampled_from([None, 2]), ascii_only=st.booleans())
def test_objects_are_accepted_and_kept(
    value: dict[str, Any], indent: int | None, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    if "Infinity" not in text:
        assert parse_object(text.encode()) == value
        assert parse_object(compact(members_of(text.encode()))) == value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no JSON"),
        (b'{"a": 1', "no JSON"),
        (b"{'a': 1}", "no JSON"),
        (b'{"a": 1} {}', "no JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "no JSON"),
        (b'{"a": "\xff"}', "byte 7 is no UTF-8"),
        (b"[]", "no JSON object"),
        (b"null", "no JSON object"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "key 'c' stands in one object twice"),
        (b'{"a": 1, "\\u0061": 2}', "twice"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b'{"a": -Infinity}', "Infinity is no JSON"),
        (b'{"a": [1e400]}', "larger than readers can hold"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\udc00": 1}', "surrogate"),
        (b'{"a": ' + b"9" * 5000 + b"}", "no usable JSON"),
        (b'{"a": ' * 100 + b"1" + b"}" * 100, "in each other"),
        (b'{"a": ' + b"[" * 2_000_000, "in each other"),
        (b'{"a": ' * 500_000, "in each other"),
        (b"[" * 2_000_000 + b"]" * 2_000_000, "in each other"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_all_else_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(DocumentInvalid, match=reason):
        parse_object(data)


def test_the_depth_that_is_accepted() -> None:
    deepest = b'{"a":' + b"[" * (DEPTH_MAX - 1) + b"]" * (DEPTH_MAX - 1) + b"}"
    assert parse_object(deepest)
    with pytest.raises(DocumentInvalid):
        parse_object(b'{"a":' + b"[" * DEPTH_MAX + b"]" * DEPTH_MAX + b"}")


def test_numbers_stay_as_they_are_written() -> None:
    data = b'{"a": 1.10, "b": 1e300, "c": 123456789012345678901234567890}'
    assert compact(members_of(data)) == data.replace(b" ", b"")
