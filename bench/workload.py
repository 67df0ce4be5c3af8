"""What one workload is: a function that gets a place to work in and a watch to start."""

import enum
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

MIB = 1 << 20
# When what was put off has begun, with a margin: new files are settled together, a moment after
# the last of them; a file that was synced again and again, some seconds after it was closed.
SOON_SECONDS = 1.0
LATER_SECONDS = 10.0


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How much each workload does."""

    stream_bytes: int = 256 * MIB
    text_bytes: int = 64 * MIB
    small_files: int = 2000
    random_reads: int = 2000
    random_overwrites: int = 500
    tree_files: int = 20_000
    c_sources: int = 300
    transactions: int = 1000
    database_seconds: int = 5


class Unit(enum.StrEnum):
    """What a workload counts per second."""

    BYTES = "MiB/s"
    OPERATIONS = "/s"


class Caches(enum.Enum):
    """What may be remembered when the watch starts."""

    AS_LEFT = "whatever the work before left, or what the workload warms up itself"
    REMOUNTED = "the filesystem is freshly mounted; the host still caches the files below it"
    COLD = "freshly mounted, and the host's caches are dropped: bytes come from the disk"


class Watch:
    """Measures the one part of a workload that counts."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count this part: wall time, and the CPU time this process and its children take."""
        cpu, wall = _cpu_seconds(), time.perf_counter()
        yield
        self.seconds += time.perf_counter() - wall
        self.cpu_seconds += _cpu_seconds() - cpu

    def add(self, seconds: float) -> None:
        """Count what somebody else has measured."""
        self.seconds += seconds


@dataclass(frozen=True, slots=True)
class Place:
    """Where a workload works, how much, and which random numbers it draws."""

    folder: Path
    sizes: Sizes
    seed: int

    @property
    def unique(self) -> Path:
        """The file of random bytes, written by the first workload and read by others."""
        return self.folder / "unique"

    @property
    def small(self) -> Path:
        """The folder of small files."""
        return self.folder / "small"


@dataclass(frozen=True, slots=True)
class Workload:
    """A named measurement.

    `work` returns how much it did: bytes or operations. `needs` names the workloads that leave
    behind what it works on. One that `needs_contents` reads what it has written, so that a
    filesystem which keeps no bytes cannot be asked. `tools` are commands it runs. What it leaves to
    a daemon may be put off, for `put_off_seconds` at most: it is waited for, as it belongs to it.
    """

    name: str
    title: str
    unit: Unit
    work: Callable[[Place, Watch], int]
    caches: Caches = Caches.AS_LEFT
    needs: tuple[str, ...] = ()
    needs_contents: bool = False
    tools: tuple[str, ...] = ()
    put_off_seconds: float = 0.0

    def missing_tools(self) -> list[str]:
        """Commands that are not installed."""
        return [tool for tool in self.tools if shutil.which(tool) is None]


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte, as write(2) may take fewer. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
