"""The source package and the wheel made from it: complete, and importable without this tree."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.test_tidiness import project_files

PROJECT: Final = Path(__file__).parents[2]
SETUPTOOLS_MIN: Final = 80  # as pyproject.toml asks for
LEFT_OUT: Final = {".gitignore", ".ci/run"}
BUILD: Final = "import sys; from setuptools import build_meta as b; b.build_sdist(sys.argv[1])"
LOOK: Final = """
import daemon, fsmodel.content._chunking as native, lmdb_index
print(daemon.__version__, native.__file__)
"""


def finished(*command: str | Path, cwd: Path) -> str:
    """What a command printed; its own words when it failed."""
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = find_spec("pip") is None or find_spec("setuptools") is None
    if missing or int(version("setuptools").partition(".")[0]) < SETUPTOOLS_MIN:
        pytest.skip(f"building takes pip and setuptools {SETUPTOOLS_MIN}")
    tree = tmp_path_factory.mktemp("tree")
    for file in project_files():
        copy = tree / file.relative_to(PROJECT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
    folder = tmp_path_factory.mktemp("dist")
    finished(sys.executable, "-W", "ignore", "-c", BUILD, folder, cwd=tree)
    (package,) = folder.glob("cairnfs-*.tar.gz")
    return package


@pytest.fixture(scope="module")
def wheel(source_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--no-index")
    options = ("--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    finished(*pip, *options, source_package, cwd=folder)
    (built,) = folder.glob("cairnfs-*.whl")
    return built


def test_the_source_package_has_all_that_a_clone_has(source_package: Path) -> None:
    with tarfile.open(source_package) as package:
        members = {member.name.partition("/")[2]: member for member in package.getmembers()}
    tracked = {str(file.relative_to(PROJECT)) for file in project_files()}
    assert tracked - set(members) == LEFT_OUT
    assert members["packaging/stage"].mode & 0o111


def test_the_wheel_has_the_layers_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as package:
        names = package.namelist()
    folders = {name.partition("/")[0] for name in names}
    info = next(name for name in folders if name.endswith(".dist-info"))
    assert folders == {"daemon", "fsmodel", "lmdb_index", info}
    assert {f"{layer}/py.typed" for layer in ("daemon", "fsmodel", "lmdb_index")} <= set(names)
    assert "fsmodel/content/_chunking.pyi" in names


def test_the_wheel_works_in_an_environment_of_its_own(wheel: Path, tmp_path: Path) -> None:
    """A wheel of pure files and one extension may simply be unpacked."""
    finished(sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv", cwd=tmp_path)
    (packages,) = (tmp_path / "venv" / "lib").glob("python3.*/site-packages")
    with zipfile.ZipFile(wheel) as package:
        package.extractall(packages)
    told = finished(tmp_path / "venv" / "bin" / "python", "-I", "-c", LOOK, cwd=tmp_path).split()
    assert told[0] == wheel.name.split("-")[1]
    assert Path(told[1]).is_relative_to(tmp_path)
