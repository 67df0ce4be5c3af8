"""Stores that differ from a new one in a single thing."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

from bench.mounts import MOUNT_SECONDS_MAX, run_command
from bench.systems import COMMAND, Cairnfs

SNAPSHOTS: Final = 100  # there from the start
VERSIONS: Final = 3  # of each file
REWRITTEN_BYTES_MAX: Final = 1 << 20  # larger files are cloned and edited
EDIT_BYTES: Final = 512
CLONE_SECONDS_MAX: Final = 300.0


class WithoutDeltas(Cairnfs):
    """Chunks are never stored as deltas."""

    name: ClassVar[str] = "cairnfs-no-delta"

    def start(self) -> None:
        """Make a store that says so, and mount it."""
        self.folder.mkdir()
        run_command([*COMMAND, "mkfs", self.store], MOUNT_SECONDS_MAX)
        with (self.store / "cairnfs.toml").open("a") as settings:
            settings.write("delta = false\n")
        self.remount()


class WithSnapshots(Cairnfs):
    """A hundred snapshots, and one more before each workload, so that it shows all there is."""

    name: ClassVar[str] = "cairnfs-snapshots"
    _taken: int = 0

    def start(self) -> None:
        """Mount a new store; between the first snapshots a folder appears each time."""
        super().start()
        for _ in range(SNAPSHOTS):
            (self.folder / f"before-{self._taken}").mkdir()
            self.before_work()

    def before_work(self) -> None:
        """One snapshot more. Raises OSError."""
        (self.folder / ".snapshots" / f"s{self._taken:06d}").mkdir()
        self._taken += 1


class WithVersions(Cairnfs):
    """Each file has three earlier versions."""

    name: ClassVar[str] = "cairnfs-versions"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._versioned: set[Path] = set()

    def start(self) -> None:
        """Mount a new store; what it has from the start is left as it is."""
        super().start()
        self._versioned.update(self._files())

    def before_work(self) -> None:
        """Replace each file that has no versions yet by others of its size.

        Raises BenchProblem, OSError.
        """
        todo = [path for path in self._files() if path not in self._versioned]
        for path in todo:
            for _ in range(VERSIONS):
                self._replace(path)
        self._versioned.update(todo)

    def _files(self) -> Iterator[Path]:
        for folder, _, names in os.walk(self.folder):
            yield from (Path(folder) / name for name in names)

    def _replace(self, path: Path) -> None:
        """Another file gets the name; what had it becomes a version."""
        other = path.with_name(f".{path.name}.replacing")
        if path.stat().st_size > REWRITTEN_BYTES_MAX:
            run_command([*COMMAND, "clone", path, other], CLONE_SECONDS_MAX)
        else:
            shutil.copy(path, other)
        with other.open("r+b") as file:
            file.write(os.urandom(min(EDIT_BYTES, path.stat().st_size)))
        other.rename(path)
