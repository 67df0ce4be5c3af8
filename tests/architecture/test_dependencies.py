"""The locked libraries are those that pyproject.toml asks for, and are explained."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SLOW_TO_IMPORT = {"lmdb", "pyfuse3", "rich", "trio"}


def normal(requirement: str) -> str:
    """The name at the start of a requirement, as registries compare names."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def asked_for() -> set[str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return {normal(requirement) for group in groups for requirement in group}


def locked(file: str) -> dict[str, str]:
    """What a constraints file holds, by name."""
    entries = re.split(r"\n(?=\S)", (PROJECT / file).read_text())
    return {normal(entry): entry for entry in entries}


def test_all_that_is_asked_for_is_locked() -> None:
    assert asked_for() - locked("constraints.txt").keys() == set()


@pytest.mark.parametrize("file", ["constraints.txt", "constraints-build.txt"])
def test_every_locked_release_has_a_version_and_hashes(file: str) -> None:
    loose = [
        name
        for name, entry in locked(file).items()
        if not re.match(r"\S+==\d\S*", entry) or "--hash=sha256:" not in entry
    ]
    assert loose == []


def test_all_that_is_asked_for_is_explained() -> None:
    explained = (PROJECT / "docs" / "dependencies.md").read_text()
    assert {name for name in asked_for() if f"**{name}**" not in explained} == set()


def test_no_other_distribution_brings_a_package_named_daemon() -> None:
    assert "python-daemon" not in locked("constraints.txt")
    found = subprocess.run(
        [sys.executable, "-c", "import daemon; print(daemon.__file__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
    ).stdout.strip()
    assert Path(found) == PROJECT / "daemon" / "__init__.py"


def test_help_imports_nothing_slow() -> None:
    """`cairnfs --help` promises 0.2 s; each of these costs 30 to 105 ms."""
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, daemon.cli.main; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
    ).stdout.split()
    assert SLOW_TO_IMPORT & set(loaded) == set()
