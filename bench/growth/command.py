"""`python -m bench growth`: the same operations on stores that are large in different ways."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click

from bench.archival import without_archival
from bench.growth.probe import probe
from bench.growth.result import Growth, Point, Round
from bench.growth.scenarios import Kind, Scenario
from bench.growth.stores import filled, mounted
from bench.growth.tables import table_of
from bench.kept_json import heading
from bench.meter import usage_of, usage_when_quiet
from bench.mounts import BenchProblem
from bench.options import (
    FOLDER,
    POSITIVE,
    Command,
    finish,
    folder_option,
    kinds_option,
    output_option,
    progress,
)
from bench.peers.tools import held_by
from bench.rounds import rotated

FILES: Final = (10_000, 100_000, 1_000_000)
GIGABYTES: Final = (1, 10)
LEVELS: Final = (10, 200)
ENTRIES: Final = (5_000, 50_000, 500_000)
SNAPSHOTS: Final = (100, 1000, 10_000)


def _amounts(name: str, defaults: Sequence[int], text: str) -> Callable[[Command], Command]:
    """An option that names one store each time."""
    return click.option(
        name, multiple=True, default=defaults, show_default=True, type=POSITIVE, help=text
    )


@click.command()
@_amounts("--files", FILES, "Stores of so many files.")
@_amounts("--gb", GIGABYTES, "Stores of so many GB.")
@_amounts("--depth", LEVELS, "Stores with folders so many levels deep.")
@_amounts("--width", ENTRIES, "Stores with so many files in one folder.")
@_amounts("--snapshots", SNAPSHOTS, "Stores with so many snapshots.")
@kinds_option(Kind, "Only stores that are large in this way")
@click.option(
    "--repeated",
    default=0,
    show_default=True,
    type=click.IntRange(0, 99),
    help="Percent of the GB that are stored already, which needs so much less room on the disk.",
)
@click.option("--rounds", default=5, show_default=True, type=POSITIVE, help="Turns of each store.")
@click.option(
    "--operations",
    default=500,
    show_default=True,
    type=POSITIVE,
    help="Of each kind, in each round.",
)
@click.option(
    "--rest",
    default=900.0,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds at most that the daemon may tidy a store that has just been filled.",
)
@click.option(
    "--stores",
    type=FOLDER,
    help="Keep the filled stores here, and use those that are there.",
)
@click.option("--fill", is_flag=True, help="Only fill them, for another time.")
@folder_option
@output_option("growth")
def growth(
    files: Sequence[int],
    gb: Sequence[int],
    depth: Sequence[int],
    width: Sequence[int],
    snapshots: Sequence[int],
    kinds: Sequence[str],
    repeated: int,
    rounds: int,
    operations: int,
    rest: float,
    output: Path,
    stores: Path | None,
    fill: bool,
    folder: Path,
) -> None:
    """Measure how costs grow with what a store holds.

    Files, GB, levels of folders, entries of one folder, and snapshots: the same operations in
    stores that are large in one of these ways each.


    Each of the amounts can be given several times. Stores are filled in this process, without a
    mount; a million files take some minutes, 10 GB some more. Then each is mounted once until its
    daemon has come to rest, for it packs the index. Nothing is archived. With --stores, what was
    filled is used again, so that a run that was cut short begins where it was.
    """
    amounts = {
        Kind.FILES: files,
        Kind.BYTES: gb,
        Kind.DEPTH: depth,
        Kind.WIDTH: width,
        Kind.SNAPSHOTS: snapshots,
    }
    wanted = [
        Scenario(kind, amount, repeated if kind is Kind.BYTES else 0)
        for kind, each in amounts.items()
        if not kinds or kind.value in kinds
        for amount in each
    ]
    if fill and stores is None:
        raise BenchProblem("--fill keeps what it fills: say where, with --stores FOLDER")
    with _home(stores, folder) as home, without_archival():
        if fill:
            _fill(home, wanted, rest)
            return
        found = measure(home, wanted, rounds, operations, rest)
    finish(found, table_of(found), output)


@contextmanager
def _home(stores: Path | None, folder: Path) -> Iterator[Path]:
    """Where the stores are: a folder that stays, or one that goes."""
    if stores is not None:
        stores.mkdir(parents=True, exist_ok=True)
        yield stores.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="cairnfs-growth.", dir=folder) as home:
        yield Path(home)


def measure(
    home: Path, wanted: Sequence[Scenario], rounds: int, operations: int, rest_seconds: float
) -> Growth:
    """Fill what is not there yet, then measure all stores in turn.

    A store that cannot be filled, or a round that fails, is told and left out. Raises BenchProblem
    when none could be measured.
    """
    seconds = _fill(home, wanted, rest_seconds)
    there = list(seconds)
    found: dict[Scenario, list[Round]] = {scenario: [] for scenario in there}
    for number in range(rounds if there else 0):
        for scenario in rotated(there, number):
            progress(f"round {number + 1} of {rounds}: {scenario.name}")
            try:
                found[scenario].append(_round(home / scenario.name, scenario, operations, number))
            except BenchProblem as error:  # the other stores are still worth their time
                progress(f"{scenario.name}: this round is left out: {error}")
    if not any(found.values()):
        raise BenchProblem("no store could be measured")
    return Growth(
        **heading(Growth, home),
        operations=operations,
        points=[
            _point(home / scenario.name / "store", scenario, seconds[scenario], found[scenario])
            for scenario in there
            if found[scenario]
        ],
    )


def _fill(home: Path, wanted: Sequence[Scenario], rest_seconds: float) -> dict[Scenario, float]:
    """Fill what is not there yet: how long each took. One that cannot be filled is told."""
    seconds = dict[Scenario, float]()
    for scenario in wanted:
        try:
            seconds[scenario] = filled(home, scenario, rest_seconds)
        except BenchProblem as error:
            progress(f"left out: {error}")
    return seconds


def _round(folder: Path, scenario: Scenario, operations: int, number: int) -> Round:
    """Mount, measure, unmount."""
    with mounted(folder) as system:
        spent = usage_when_quiet(system.serving).cpu_seconds
        costs = probe(system.folder, system.serving, scenario, operations, number)
        resident = usage_of(system.serving).resident_bytes
        began = time.perf_counter()
    return Round(
        mount_seconds=round(system.mount_seconds, 3),
        mount_cpu_seconds=round(spent, 3),
        unmount_seconds=round(time.perf_counter() - began, 3),
        resident_bytes=resident,
        costs=list(costs),
    )


def _point(store: Path, scenario: Scenario, seconds: float, rounds: list[Round]) -> Point:
    return Point(
        scenario=scenario,
        populate_seconds=seconds,
        index_bytes=held_by(store / "index").allotted_bytes,
        store_bytes=held_by(store).allotted_bytes,
        rounds=rounds,
    )
