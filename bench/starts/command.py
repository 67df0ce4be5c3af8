"""`python -m bench starts`: commands from their start to their end, each in a new process."""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from bench.environment import describe
from bench.meter import usage_of
from bench.mounts import run_command
from bench.starts.result import FORMAT, Starts, save, table_of
from bench.systems import COMMAND, Cairnfs

SECONDS_MAX: Final = 60.0
NOTHING: Final = (sys.executable, "-c", "pass")


@click.command()
@click.option("--rounds", default=11, show_default=True, type=click.IntRange(1))
@click.option("--json", "output", type=click.Path(path_type=Path), help="Keep the figures here.")
@click.option(
    "--folder",
    default=tempfile.gettempdir(),
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the store goes: a disk, no tmpfs.",
)
def starts(rounds: int, output: Path | None, folder: Path) -> None:
    """Measure `cairnfs --help`, and mounting an empty store that was unmounted cleanly."""
    with tempfile.TemporaryDirectory(prefix="cairnfs-starts.", dir=folder) as home:
        found = measure(Path(home), rounds)
    if output is not None:
        save(found, output)
    click.echo(table_of(found))


def measure(home: Path, rounds: int) -> Starts:
    """All commands in turn, round after round. Raises BenchProblem."""
    system = Cairnfs(home)
    system.start()  # once more than is counted: what is read from the disk is in memory then
    python, helped, mounted, unmounted, resident = [], [], [], [], list[int]()
    try:
        system.stop()
        for _ in range(rounds):
            python.append(_seconds(NOTHING))
            helped.append(_seconds([*COMMAND, "--help"]))
            system.remount()
            mounted.append(system.mount_seconds)
            resident.append(usage_of(system.serving).resident_bytes)
            began = time.perf_counter()
            system.stop()
            unmounted.append(time.perf_counter() - began)
    except BaseException:
        system.kill()
        raise
    return Starts(
        format=FORMAT,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        environment=describe(home),
        load_average=round(os.getloadavg()[2], 1),
        python=python,
        help=helped,
        mount=mounted,
        unmount=unmounted,
        resident_bytes=resident,
    )


def _seconds(command: Sequence[str | Path]) -> float:
    """Wall time of a command that has to succeed. Raises BenchProblem."""
    began = time.perf_counter()
    run_command(command, SECONDS_MAX)
    return time.perf_counter() - began
