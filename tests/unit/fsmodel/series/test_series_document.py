"""What a series' document may say."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.errors import DocumentInvalid
from fsmodel.series.series_document import (
    DEFAULT_DOCUMENT,
    DEFAULT_KINDS,
    SERIES_BYTES_MAX,
    SeriesConfig,
    decode_config,
    description_of,
    parse_series,
)
from fsmodel.versions.policy import NO_VERSIONS, VersionPolicy


def parsed(document: Any) -> SeriesConfig:
    return parse_series(json.dumps(document).encode())


def test_the_default_document_configures_nothing() -> None:
    assert parse_series(DEFAULT_DOCUMENT) == SeriesConfig()
    assert parsed({}).kinds == DEFAULT_KINDS


def test_everything_that_can_be_configured() -> None:
    config = parsed(
        {
            "description": "d",
            "kinds": {"video": [".mp4", ".webm"]},
            "retention": {"versions": 3, "days": 7},
            "metadata_view": False,
            "symlinks": "none",
            "filters": [{"free": True}],
        }
    )
    assert config == SeriesConfig(
        {"video": (".mp4", ".webm")}, VersionPolicy(3, 7), metadata_view=False, symlinks=False
    )


def test_half_a_retention_has_the_default_for_the_rest() -> None:
    assert parsed({"retention": {"days": 2}}).versions == VersionPolicy(10, 2)
    assert parsed({"retention": "off"}).versions == NO_VERSIONS


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "no JSON object"),
        ("text", "no JSON object"),
        ({"description": 1}, "description"),
        ({"kinds": []}, "kinds"),
        ({"kinds": {"a/b": [".txt"]}}, "a/b"),
        ({"kinds": {"": [".txt"]}}, "cannot name a folder"),
        ({"kinds": {".a": [".txt"]}}, "cannot name a folder"),
        ({"kinds": {"..": [".txt"]}}, "cannot name a folder"),
        ({"kinds": {"a\u202e": [".txt"]}}, "U+202E"),
        ({"kinds": {"a\u0000": [".txt"]}}, "U+0000"),
        ({"kinds": {"x" * 65: [".txt"]}}, "at most 64"),
        ({"kinds": {str(number): [".txt"] for number in range(65)}}, "at most 64"),
        ({"kinds": {"a": ".txt"}}, "a list"),
        ({"kinds": {"a": []}}, "a list"),
        ({"kinds": {"a": ["txt"]}}, "no extension"),
        ({"kinds": {"a": [".tar.gz"]}}, "no extension"),
        ({"kinds": {"a": [".t\u00e9"]}}, "no extension"),
        ({"kinds": {"a": [1]}}, "no extension"),
        ({"kinds": {"a": [".txt\n"]}}, "no extension"),
        ({"retention": 3}, "retention"),
        ({"retention": {"count": 3}}, "retention"),
        ({"retention": {"versions": True}}, "whole number"),
        ({"retention": {"versions": -1}}, "whole number"),
        ({"retention": {"days": 10**9}}, "whole number"),
        ({"metadata_view": "yes"}, "metadata_view"),
        ({"symlinks": "free"}, "symlinks"),
        ({"symlinks": ["contained"]}, "symlinks"),
        ({"symlinks": {}}, "symlinks"),
    ],
)
def test_what_is_wrong_is_named(document: Any, told: str) -> None:
    with pytest.raises(DocumentInvalid) as caught:
        parsed(document)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{}{}",
        b'{"a": 1, "a": 2}',
        b"\xff{}",
        b'{"a": NaN}',
        b'{"a": "\\ud800"}',
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
        b" " * (SERIES_BYTES_MAX + 1),
        b'{"a": ' + b"1" * 10_000 + b"}",
    ],
    ids=range(11),
)
def test_bytes_that_are_no_document(data: bytes) -> None:
    with pytest.raises(DocumentInvalid):
        parse_series(data)


def test_the_description_is_shown() -> None:
    assert description_of(b'{"description": "\\u00e9"}') == "é"
    assert description_of(b"{}") == ""


@given(
    st.dictionaries(
        st.text("abcxyz é", min_size=1, max_size=8).filter(lambda text: text == text.strip()),
        st.lists(st.from_regex(r"\A\.[a-z0-9]{1,5}\Z"), min_size=1, max_size=4),
        max_size=6,
    ),
    st.none() | st.builds(VersionPolicy, st.integers(0, 100), st.integers(0, 100)),
    st.none() | st.booleans(),
    st.booleans(),
)
def test_what_is_stored_of_a_configuration_is_all_of_it(
    kinds: dict[str, list[str]],
    versions: VersionPolicy | None,
    view: bool | None,
    symlinks: bool,
) -> None:
    config = SeriesConfig(
        {kind: tuple(each) for kind, each in kinds.items()}, versions, view, symlinks
    )
    assert decode_config(config.encoded()) == config
