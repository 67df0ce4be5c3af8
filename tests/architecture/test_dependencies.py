"""The locked libraries are those that pyproject.toml asks for, and are explained."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from daemon.cli.lazy_group import module_of
from daemon.cli.main import COMMANDS

PROJECT = Path(__file__).parents[2]
SLOW_TO_IMPORT = {"h11", "lmdb", "pyfuse3", "rich", "trio"}
TOLD_BY_THE_MODEL = {"chunks"}


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
    assert SLOW_TO_IMPORT & loaded_with("daemon.cli.main") == set()


def test_help_of_a_command_imports_nothing_slow() -> None:
    """But for those whose choices the model has to say."""
    modules = [module_of(name) for name in COMMANDS if name not in TOLD_BY_THE_MODEL]
    assert SLOW_TO_IMPORT & loaded_with(*modules) == set()


def loaded_with(*modules: str) -> set[str]:
    """All modules that a process has loaded when it has imported these."""
    return set(
        subprocess.run(
            [sys.executable, "-c", f"import sys, {', '.join(modules)}; print(*sys.modules)"],
            capture_output=True,
            text=True,
            check=True,
            cwd=PROJECT,
        ).stdout.split()
    )
