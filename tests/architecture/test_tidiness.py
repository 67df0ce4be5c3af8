"""Every module says what it is for and is used; the tree names no machine it was written on."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import grimp
import pytest

from daemon.cli.lazy_group import module_of
from daemon.cli.main import COMMANDS

PROJECT = Path(__file__).parents[2]
LAYERS = ("daemon", "fsmodel", "lmdb_index")
WORKPLACES = "root|work|workspace|builds"
SOMEONES_PATH = re.compile(rf"""(?:^|[\s"'`=:(])/(?:{WORKPLACES})/\w""", re.MULTILINE)
REGISTRY = re.compile(r"(?:index-url|find-links|trusted-host)[ =]+[^-\s]|https?://\S*pypi")


def project_files() -> list[Path]:
    """What git tracks or would add, so that a forgotten file counts too."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = (PROJECT / name for name in names.split("\0") if name)
    return [path for path in paths if path.is_file()]


def modules() -> list[Path]:
    return [path for path in project_files() if path.suffix == ".py"]


def entry_points() -> set[str]:
    """Modules found by name: console scripts in pyproject.toml, and the commands behind them."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    scripts = {target.partition(":")[0] for target in project["scripts"].values()}
    return scripts | {module_of(command) for command in COMMANDS}


def test_every_module_has_a_docstring() -> None:
    silent = [
        str(path.relative_to(PROJECT))
        for path in modules()
        if not ast.get_docstring(ast.parse(path.read_bytes()))
    ]
    assert silent == []


def test_every_folder_of_modules_is_a_package() -> None:
    """Import contracts see packages only: a module beside no __init__.py escapes them."""
    folders = {path.parent for path in modules() if path.relative_to(PROJECT).parts[0] in LAYERS}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_module_is_imported_by_another() -> None:
    graph = grimp.build_graph(*LAYERS, cache_dir=None)
    packages = {module for module in graph.modules if graph.find_children(module)}
    unused = {
        module
        for module in graph.modules - packages - entry_points()
        if not module.endswith("__main__") and not graph.find_modules_that_directly_import(module)
    }
    assert unused == set()


@pytest.mark.parametrize("pattern", [SOMEONES_PATH, REGISTRY], ids=["path", "registry"])
def test_no_file_names_the_machine_it_was_written_on(pattern: re.Pattern[str]) -> None:
    found = []
    for path in project_files():
        text = path.read_text(encoding="utf-8", errors="replace")
        if path != Path(__file__) and (match := pattern.search(text)):
            found.append(f"{path.relative_to(PROJECT)}: {match.group().strip()}")
    assert found == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (SOMEONES_PATH, "cd /builds/someone/src"),
        (SOMEONES_PATH, '"/root/x"'),
        (REGISTRY, "--index-url https://example.org"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)
