"""`python -m bench starts`: commands from their start to their end, each in a new process."""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from bench.kept_json import heading
from bench.meter import usage_of
from bench.mounts import run_command
from bench.options import POSITIVE, finish, folder_option, output_option
from bench.starts.result import Starts, table_of
from bench.systems import COMMAND, Cairnfs, stopping

SECONDS_MAX: Final = 60.0
NOTHING: Final = (sys.executable, "-c", "pass")


@click.command()
@click.option(
    "--rounds", default=11, show_default=True, type=POSITIVE, help="Times of each command."
)
@folder_option
@output_option("starts")
def starts(rounds: int, output: Path, folder: Path) -> None:
    """Measure start-up.

    `cairnfs --help`, and mounting an empty store that was unmounted cleanly.
    """
    with tempfile.TemporaryDirectory(prefix="cairnfs-starts.", dir=folder) as home:
        found = measure(Path(home), rounds)
    finish(found, table_of(found), output)


def measure(home: Path, rounds: int) -> Starts:
    """All commands in turn, round after round. Raises BenchProblem."""
    system = Cairnfs(home)
    python, helped, mounted, unmounted, resident = [], [], [], [], list[int]()
    with stopping(system):
        system.start()  # once more than is counted: what is read from the disk is in memory then
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
    return Starts(
        **heading(Starts, home),
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
