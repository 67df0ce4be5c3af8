"""`python -m bench growth`: the same operations on stores that are large in different ways."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from bench.archival import without_archival
from bench.environment import describe
from bench.growth.probe import probe
from bench.growth.result import FORMAT, Growth, Point, Round, save
from bench.growth.scenarios import Kind, Scenario
from bench.growth.stores import filled, mounted
from bench.growth.tables import table_of
from bench.meter import usage_of, usage_when_quiet
from bench.mounts import BenchProblem
from bench.peers.tools import held_by
from bench.rounds import rotated

FILES: Final = (10_000, 100_000, 1_000_000)
GIGABYTES: Final = (1, 10)
LEVELS: Final = (10, 200)
ENTRIES: Final = (5_000, 50_000, 500_000)
SNAPSHOTS: Final = (100, 1000, 10_000)
AT_LEAST_ONE: Final = click.IntRange(1)


@click.command()
@click.option("--files", multiple=True, default=FILES, show_default=True, type=AT_LEAST_ONE)
@click.option("--gb", multiple=True, default=GIGABYTES, show_default=True, type=AT_LEAST_ONE)
@click.option("--depth", multiple=True, default=LEVELS, show_default=True, type=AT_LEAST_ONE)
@click.option("--width", multiple=True, default=ENTRIES, show_default=True, type=AT_LEAST_ONE)
@click.option("--snapshots", multiple=True, default=SNAPSHOTS, show_default=True, type=AT_LEAST_ONE)
@click.option("--kind", "kinds", multiple=True, type=click.Choice([kind.value for kind in Kind]))
@click.option(
    "--repeated",
    default=0,
    show_default=True,
    type=click.IntRange(0, 99),
    help="Percent of the GB that are stored already, which needs so much less room on the disk.",
)
@click.option("--rounds", default=5, show_default=True, type=AT_LEAST_ONE)
@click.option("--operations", default=500, show_default=True, type=AT_LEAST_ONE)
@click.option(
    "--rest",
    default=900.0,
    show_default=True,
    help="Seconds at most that the daemon may tidy a store that has just been filled.",
)
@click.option("--json", "output", type=click.Path(path_type=Path), help="Keep the figures here.")
@click.option(
    "--stores",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the filled stores here, and use those that are there.",
)
@click.option("--fill", is_flag=True, help="Only fill them, for another time.")
@click.option(
    "--folder",
    default=tempfile.gettempdir(),
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where stores go that are not kept: a disk, no tmpfs.",
)
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
    output: Path | None,
    stores: Path | None,
    fill: bool,
    folder: Path,
) -> None:
    """Measure how costs grow with files, bytes, depth, width and snapshots.

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
            for scenario in wanted:
                filled(home, scenario, rest)
            return
        found = measure(home, wanted, rounds, operations, rest)
    if output is not None:
        save(found, output)
    click.echo(table_of(found))


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

    A round that fails is told and left out. Raises BenchProblem when a store cannot be filled, or
    none could be measured.
    """
    seconds = {scenario: filled(home, scenario, rest_seconds) for scenario in wanted}
    found: dict[Scenario, list[Round]] = {scenario: [] for scenario in wanted}
    for number in range(rounds):
        for scenario in rotated(wanted, number):
            click.echo(f"round {number + 1} of {rounds}: {scenario.name}", err=True)
            try:
                found[scenario].append(_round(home / scenario.name, scenario, operations, number))
            except BenchProblem as error:  # the other stores are still worth their time
                click.echo(f"{scenario.name}: this round is left out: {error}", err=True)
    if not any(found.values()):
        raise BenchProblem("no store could be measured")
    return Growth(
        format=FORMAT,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        environment=describe(home),
        operations=operations,
        load_average=round(os.getloadavg()[2], 1),
        points=[
            _point(home / scenario.name / "store", scenario, seconds[scenario], found[scenario])
            for scenario in wanted
            if found[scenario]
        ],
    )


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
