"""Names in the structured folders."""

import pytest

from fsmodel.errors import NameInvalid
from fsmodel.series.artifact_names import (
    ArtifactName,
    check_series_name,
    check_strict_name,
    series_of_document,
    split_artifact,
)


@pytest.mark.parametrize(
    "name",
    ["a", "a b", "Ünïcode", "日本語", "a.b.c", "x" * 255, "-rf", "emoji 🎨"],
)
def test_text_is_a_name(name: str) -> None:
    assert check_strict_name(name.encode()) == name


@pytest.mark.parametrize(
    "name",
    [
        b"\xff",
        b"\xed\xa0\x80",  # half of a surrogate pair
        b"a\n",
        b"a\x00b",
        b"a\x7f",
        "a\u0085".encode(),
        "a\u202etxt.exe".encode(),
        "\u2066a\u2069".encode(),
        "a\u200fb".encode(),
        "a\u2028b".encode(),
        "e\u0301".encode(),  # not composed
        "\u212b".encode(),  # the angstrom sign: another character in form C
        b" a",
        b"a ",
        "a\u00a0".encode(),
    ],
)
def test_what_looks_like_something_else_is_no_name(name: bytes) -> None:
    with pytest.raises(NameInvalid):
        check_strict_name(name)


@pytest.mark.parametrize("name", [b"", b".", b"..", b".hidden", b"a/b", b"../a", b"x" * 251])
def test_no_name_of_a_series(name: bytes) -> None:
    with pytest.raises(NameInvalid):
        check_series_name(name)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        (b"one.txt", (b"one", b".txt")),
        (b"one.two.txt", (b"one.two", b".txt")),
        (b"one", None),
        (b"one.", None),
        (b".txt", None),
        (b".one.txt.Ab12", None),
        (b"one..txt", (b"one.", b".txt")),
    ],
)
def test_the_extension_begins_at_the_last_dot(
    name: bytes, parts: tuple[bytes, bytes] | None
) -> None:
    assert split_artifact(name) == (None if parts is None else ArtifactName(*parts))


@pytest.mark.parametrize(
    ("name", "series"),
    [
        (b"a.json", b"a"),
        (b".a.json", None),
        (b".json", None),
        (b"a.txt", None),
        (b"a.b.json", b"a.b"),
    ],
)
def test_the_series_of_a_document(name: bytes, series: bytes | None) -> None:
    assert series_of_document(name) == series
