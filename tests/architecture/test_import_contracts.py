"""The import contracts hold, and each of them notices the fault it is there for."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")
LAYERS = ("daemon", "fsmodel", "lmdb_index")


def lint(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Check the packages in a folder against the contracts in its pyproject.toml."""
    return subprocess.run(
        [LINTER, "--no-cache", "--no-logo", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def skeleton(folder: Path) -> Path:
    """A tree of the same contracts and layers, without any content."""
    shutil.copy(PROJECT / "pyproject.toml", folder)
    for layer in LAYERS:
        (folder / layer).mkdir()
        (folder / layer / "__init__.py").touch()
    for module in modules_with_pyfuse3():
        (folder / "daemon" / f"{module}.py").write_text("import pyfuse3\n")
    return folder


def modules_with_pyfuse3() -> list[str]:
    """The modules of the daemon that may, as the contract names them."""
    tables = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    (contract,) = (
        one for one in tables["tool"]["importlinter"]["contracts"] if one["id"] == "pyfuse3"
    )
    importers = (line.partition(" -> ")[0] for line in contract["ignore_imports"])
    return [importer.removeprefix("daemon.") for importer in importers]


def test_the_project_keeps_its_contracts() -> None:
    run = lint(PROJECT)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_skeleton_keeps_them_too(tmp_path: Path) -> None:
    run = lint(skeleton(tmp_path))
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("contract", "modules"),
    [
        ("layers", {"fsmodel/bad.py": "import daemon.operations"}),
        ("layers", {"lmdb_index/bad.py": "import fsmodel"}),
        ("model-alone", {"fsmodel/bad.py": "import trio"}),
        ("model-alone", {"lmdb_index/bad.py": "import socket"}),
        ("lmdb", {"fsmodel/bad.py": "import lmdb"}),
        ("pyfuse3", {"daemon/bad.py": "import pyfuse3"}),
        ("acyclic", {"fsmodel/a.py": "import fsmodel.b", "fsmodel/b.py": "import fsmodel.a"}),
    ],
)
def test_a_planted_fault_is_noticed(tmp_path: Path, contract: str, modules: dict[str, str]) -> None:
    skeleton(tmp_path)
    for path, source in modules.items():
        (tmp_path / path).write_text(source + "\n")
    run = lint(tmp_path, "--contract", contract)
    assert run.returncode == 1
    assert "BROKEN" in run.stdout, run.stdout + run.stderr
