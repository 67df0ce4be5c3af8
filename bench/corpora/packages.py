"""Public packages: fetched once by the machine's own package clients, then unpacked where wanted.

Which registry answers is the configuration of `pip` and `apt-get`; here stand names and versions.
"""

import os
import sys
import zipfile
from pathlib import Path

from bench.mounts import BenchProblem, run_command

FETCH_SECONDS_MAX = 900.0
# Wheels for one platform and interpreter, so that every machine builds the same corpora.
WHEEL_OPTIONS = (
    "--no-deps",
    "--only-binary=:all:",
    "--platform=manylinux_2_28_x86_64",
    "--platform=manylinux2014_x86_64",
    "--implementation=cp",
    "--python-version=3.11",
)


class Packages:
    """Packages in a folder of their own, which later runs use again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self.used: list[str] = []

    def unpack_wheel(self, name: str, version: str, into: Path) -> Path:
        """Unpack a wheel from the Python package index below a folder. Raises BenchProblem."""
        downloaded = self._folder / f"{name}-{version}"
        if not downloaded.is_dir():
            requirement = f"{name}=={version}"
            command = [sys.executable, "-m", "pip", "download", "--quiet", *WHEEL_OPTIONS]
            self._fetch([*command, "--dest", ".", requirement], downloaded)
        made = into / f"{name}-{version}"
        with zipfile.ZipFile(_only_file(downloaded)) as wheel:
            wheel.extractall(made)
        self.used.append(f"{name} {version}")
        return made

    def unpack_debian(self, name: str, into: Path) -> Path:
        """Unpack a Debian package below a folder. Raises BenchProblem."""
        downloaded = self._folder / f"debian-{name}"
        if not downloaded.is_dir():
            self._fetch(["apt-get", "download", "--quiet", name], downloaded)
        archive = _only_file(downloaded)
        made = into / name
        made.mkdir(parents=True)
        run_command(["dpkg-deb", "--extract", archive, made], FETCH_SECONDS_MAX)
        version = run_command(["dpkg-deb", "--field", archive, "Version"], FETCH_SECONDS_MAX)
        self.used.append(f"{name} {version.strip()} (Debian)")
        return made

    def _fetch(self, command: list[str], into: Path) -> None:
        """Run a package client that downloads into its working directory."""
        partial = into.with_name(f"{into.name}.partial.{os.getpid()}")
        partial.mkdir(parents=True)
        run_command(["env", f"--chdir={partial}", *command], FETCH_SECONDS_MAX)
        partial.rename(into)


def _only_file(folder: Path) -> Path:
    found = [path for path in folder.iterdir() if path.is_file()]
    if len(found) != 1:
        raise BenchProblem(f"{folder} holds {len(found)} files instead of a package: remove it")
    return found[0]
