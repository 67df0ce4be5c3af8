"""What a store is busy with while small operations are timed."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.mounts import run_command
from bench.systems import COMMAND
from bench.workload import MIB
from daemon.control_client import ControlClient

COMMAND_SECONDS_MAX: Final = 600.0
GARBAGE_BYTES: Final = 64 << 10  # in each file that becomes garbage
SNAPSHOT_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Busy:
    """A mounted store, and how much to do with it."""

    folder: Path
    store: Path
    seconds: float
    mib: int


def nothing(busy: Busy) -> None:
    """Wait."""
    time.sleep(busy.seconds)


def write_stream(busy: Busy) -> None:
    """One big file of random bytes, written as quickly as it goes."""
    draw = random.Random(3)
    with (busy.folder / "stream").open("wb", buffering=0) as file:
        for _ in range(busy.mib):
            file.write(draw.randbytes(MIB))


def leave_garbage(busy: Busy) -> None:
    """Make files and delete four of five, so that every pack has something to keep."""
    folder = busy.folder / "garbage"
    folder.mkdir()
    draw = random.Random(4)
    paths = [folder / f"{number:06}" for number in range(busy.mib * MIB // GARBAGE_BYTES)]
    for path in paths:
        path.write_bytes(draw.randbytes(GARBAGE_BYTES))
    run_command(["sync", "--file-system", folder], COMMAND_SECONDS_MAX)
    for number, path in enumerate(paths):
        if number % 5:
            path.unlink()


def collect(busy: Busy) -> None:
    """`cairnfs gc` of what was left."""
    run_command([*COMMAND, "gc", busy.folder], COMMAND_SECONDS_MAX)


def take_snapshots(busy: Busy) -> None:
    """A snapshot, hence a checkpoint and a new root, again and again."""
    until = time.monotonic() + busy.seconds
    with ControlClient(busy.store) as client:
        number = 0
        while number == 0 or time.monotonic() < until:
            client.ask("snapshot-create", {"name": f"s{number:06}"})
            number += 1
            time.sleep(SNAPSHOT_PAUSE_SECONDS)


QUIET: Final = "nothing else"
LOADS: Final[Mapping[str, Callable[[Busy], None]]] = {
    QUIET: nothing,
    "a big write": write_stream,
    "a collection": collect,
    "snapshots and checkpoints": take_snapshots,
}
