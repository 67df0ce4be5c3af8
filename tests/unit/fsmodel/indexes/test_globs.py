"""Globs against fnmatch, and below which folders they can mean anything."""

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fsmodel.errors import InvalidArgument
from fsmodel.indexes.globs import Glob

parts = st.text("ab*?[]!.", min_size=1, max_size=4).filter(lambda part: "**" not in part)
names = st.text("ab].!", min_size=1, max_size=4).filter(lambda name: name not in (".", ".."))


@given(st.text("ab*?.", min_size=1, max_size=4), names)
def test_one_name_is_matched_as_by_fnmatch(part: str, name: str) -> None:
    if "**" in part or part in (".", ".."):
        return
    assert Glob(part).matches(name.encode()) == fnmatchcase(name, part)


@given(
    st.lists(st.sampled_from(["a", "b", "*", "**"]), min_size=1, max_size=5),
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5),
)
def test_folders_are_matched_as_by_an_expression(glob: list[str], path: list[str]) -> None:
    means = {"*": "/[^/]+", "**": "(?:/[^/]+)*"}
    expression = "".join(means.get(part, f"/{part}") for part in glob)
    matches = re.fullmatch(expression, "/" + "/".join(path)) is not None
    assert Glob("/".join(glob)).matches("/".join(path).encode()) == matches
    if matches:
        for depth in range(len(path)):
            assert Glob("/".join(glob)).may_match_below("/".join(path[:depth]).encode())


@pytest.mark.parametrize(
    ("glob", "folder", "may"),
    [
        ("runs/*.json", "runs", True),
        ("runs/*.json", "runs/x", False),
        ("runs/*.json", "mine", False),
        ("**/*.json", "any/where", True),
        ("output/*/selector/*.json", "output/art", True),
        ("output/*/selector/*.json", "output/art/title", False),
    ],
)
def test_folders_that_cannot_hold_what_is_meant(glob: str, folder: str, may: bool) -> None:
    assert Glob(glob).may_match_below(folder.encode()) is may


def test_a_name_that_almost_fits_takes_no_longer() -> None:
    """Not ended within years, if every way to share the name among the stars were tried."""
    glob = Glob("*a" * 120 + "*[ab]?.json")
    assert not glob.matches(b"a" * 249 + b".jsom")
    assert glob.matches(b"a" * 250 + b".json")


def test_brackets_and_bytes() -> None:
    assert Glob("[ab]?.json").matches("aé.json".encode())
    assert not Glob("[!ab]?.json").matches(b"ax.json")
    assert Glob("é*.json").matches("é\udcff.json".encode("utf-8", "surrogateescape"))
    with pytest.raises(InvalidArgument, match="brackets"):
        Glob("[z-a].json")
    with pytest.raises(InvalidArgument, match="at most"):
        Glob("a" * 1025)
