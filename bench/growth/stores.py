"""Stores to be measured: filled once, left to rest, kept, and mounted when it is their turn."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from bench.growth.scenarios import GB, Scenario, populate
from bench.meter import wait_for_rest
from bench.mounts import BenchProblem
from bench.options import progress
from bench.systems import Cairnfs, stopping
from fsmodel.errors import CairnError

FILLED: Final = "filled.json"  # beside a store that is complete: how long that took
ROOM_FACTOR: Final = 1.2  # so that the disk is not full afterwards


def filled(home: Path, scenario: Scenario, rest_seconds: float) -> float:
    """Fill a store unless it is complete, and let it rest; the seconds filling took, now or then.

    Raises BenchProblem.
    """
    folder = home / scenario.name
    note = folder / FILLED
    if note.exists():
        return float(msgspec.json.decode(note.read_bytes(), type=float))
    shutil.rmtree(folder, ignore_errors=True)  # what was cut short
    require_room(home, scenario)
    (folder / "mount").mkdir(parents=True)
    progress(f"filling {scenario.name}")
    began = time.perf_counter()
    try:
        populate(folder / "store", scenario, progress)
    except CairnError as error:
        raise BenchProblem(f"{folder}: {error}") from error
    seconds = round(time.perf_counter() - began, 1)
    if rest_seconds > 0:
        with mounted(folder) as system:
            wait_for_rest(system.serving, rest_seconds)
    note.write_bytes(msgspec.json.encode(seconds))
    return seconds


def require_room(home: Path, scenario: Scenario) -> None:
    """Raises BenchProblem where a store would not find room, or leave the disk nearly full."""
    needed = int(scenario.disk_bytes * ROOM_FACTOR)
    free = shutil.disk_usage(home).free
    if needed > free:
        raise BenchProblem(
            f"{scenario.name} needs {needed / GB:.1f} GB of room in {home}, which has "
            f"{free / GB:.1f}: leave it out, ask for less, or give --folder or --stores elsewhere"
        )


@contextmanager
def mounted(folder: Path) -> Iterator[Cairnfs]:
    """The store of a folder, mounted; unmounted at the end, by force after a failure."""
    system = Cairnfs(folder)
    with stopping(system):
        system.remount()
        yield system
