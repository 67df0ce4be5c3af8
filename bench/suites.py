"""The commands that run a suite of workloads on every system: `run`, `applications`, and others."""

import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from bench.archival import without_archival
from bench.kept_json import heading
from bench.known_systems import ALWAYS, PEER, SYSTEMS
from bench.known_systems import VARIANTS as VARIANT_SYSTEMS
from bench.mounts import BenchProblem
from bench.options import POSITIVE, finish, folder_option, output_option, progress
from bench.plan import APPLICATIONS, FIO_JOBS, SPEEDS, SUITES, VARIANTS, choose, lacking
from bench.results import Run, WorkloadInfo
from bench.rounds import Rounds, can_drop_caches
from bench.s3ql import is_installed as has_s3ql
from bench.tables import table_of
from bench.workload import MIB, Sizes, Workload

DEFAULTS = Sizes()
VARIANT_SIZES = Sizes(  # smaller: there are more systems, and ratios say it too
    stream_bytes=128 * MIB, text_bytes=32 * MIB, small_files=1000, random_reads=1000
)

Command = Callable[..., None]


def suite_options(suite: str, systems: Sequence[str]) -> Callable[[Command], Command]:
    """The options that every suite has: which systems, how often, where, and what is kept."""
    options = [
        click.option(
            "--systems",
            default=",".join(systems),
            show_default=True,
            help="Of these, with commas between: " + ", ".join(SYSTEMS),
        ),
        click.option("--rounds", default=3, show_default=True, type=POSITIVE),
        click.option(
            "--minutes", default=math.inf, help="Begin no round after so many; one is always made."
        ),
        click.option(
            "--only", multiple=True, help="Workloads whose name contains this; may be repeated."
        ),
        click.option(
            "--limit",
            default=300.0,
            show_default=True,
            help="Seconds that a workload may take on a system; more for larger trees.",
        ),
        folder_option,
        output_option("last" if suite == SPEEDS else suite),
    ]

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def size_options(sizes: Sizes) -> Callable[[Command], Command]:
    """How much the workloads on streams and on small files do."""
    amounts = {
        "--stream-mib": sizes.stream_bytes // MIB,
        "--text-mib": sizes.text_bytes // MIB,
        "--files": sizes.small_files,
        "--reads": sizes.random_reads,
        "--overwrites": sizes.random_overwrites,
    }

    def decorate(command: Command) -> Command:
        for name, amount in reversed(amounts.items()):
            command = click.option(name, default=amount, show_default=True, type=POSITIVE)(command)
        return command

    return decorate


def _sizes(stream_mib: int, text_mib: int, files: int, reads: int, overwrites: int) -> Sizes:
    return Sizes(
        stream_bytes=stream_mib * MIB,
        text_bytes=text_mib * MIB,
        small_files=files,
        random_reads=reads,
        random_overwrites=overwrites,
    )


@click.command()
@suite_options(SPEEDS, ALWAYS)
@size_options(DEFAULTS)
def run(
    stream_mib: int, text_mib: int, files: int, reads: int, overwrites: int, **where: Any
) -> None:
    """Measure, keep the result as JSON, and print it."""
    run_suite(SPEEDS, _sizes(stream_mib, text_mib, files, reads, overwrites), **where)


@click.command()
@suite_options(VARIANTS, VARIANT_SYSTEMS)
@size_options(VARIANT_SIZES)
def variants(
    stream_mib: int, text_mib: int, files: int, reads: int, overwrites: int, **where: Any
) -> None:
    """Measure the same without deltas, with snapshots, and with versions of every file.

    All are mounted side by side and take turns. One has a hundred snapshots from the start and
    takes one more before each workload; in another each file has three earlier versions.
    """
    run_suite(VARIANTS, _sizes(stream_mib, text_mib, files, reads, overwrites), **where)


@click.command()
@suite_options(APPLICATIONS, (*ALWAYS, *((PEER,) if has_s3ql() else ())))
@click.option("--files", default=DEFAULTS.tree_files, show_default=True, type=POSITIVE)
@click.option("--sources", default=DEFAULTS.c_sources, show_default=True, type=POSITIVE)
@click.option("--transactions", default=DEFAULTS.transactions, show_default=True, type=POSITIVE)
@click.option("--seconds", default=DEFAULTS.database_seconds, show_default=True, type=POSITIVE)
def applications(files: int, sources: int, transactions: int, seconds: int, **where: Any) -> None:
    """Measure tar, git, rm, make, SQLite and pgbench on every system.

    What is not installed is left out and named; so is what the ceiling cannot do, which keeps no
    bytes. S3QL is one of the systems where its commands are installed.
    """
    sizes = Sizes(
        tree_files=files, c_sources=sources, transactions=transactions, database_seconds=seconds
    )
    run_suite(APPLICATIONS, sizes, **where)


@click.command()
@suite_options(FIO_JOBS, ALWAYS)
@click.option(
    "--stream-mib", default=DEFAULTS.stream_bytes // MIB, show_default=True, type=POSITIVE
)
@click.option("--overwrites", default=DEFAULTS.random_overwrites, show_default=True, type=POSITIVE)
def fio(stream_mib: int, overwrites: int, **where: Any) -> None:
    """Run the jobs of bench/fio/ with fio on every system."""
    run_suite(FIO_JOBS, Sizes(stream_bytes=stream_mib * MIB, random_overwrites=overwrites), **where)


def run_suite(
    suite: str,
    sizes: Sizes,
    *,
    systems: str,
    rounds: int,
    minutes: float,
    only: Sequence[str],
    limit: float,
    folder: Path,
    output: Path,
) -> None:
    """Measure, keep and print. Raises BenchProblem."""
    names = systems.split(",")
    if unknown := set(names) - SYSTEMS.keys():
        raise BenchProblem(f"unknown system {unknown.pop()}: there are {', '.join(SYSTEMS)}")
    plan = _plan(suite, only)
    with tempfile.TemporaryDirectory(prefix="cairnfs-bench.", dir=folder) as home:
        Path(home).chmod(0o711)  # a server that is not root has to get to its files
        work = Rounds(Path(home), names, plan, sizes, limit, progress, minutes)
        with without_archival():
            result = measure(suite, work, rounds)
    finish(result, table_of(result), output)


def _plan(suite: str, only: Sequence[str]) -> list[Workload]:
    """What can run of what is wanted; what is left out is told. Raises BenchProblem for nothing."""
    if not can_drop_caches():
        progress("not root: workloads with all caches cold are left out")
    for workload in SUITES[suite]:
        if missing := lacking(workload):
            progress(f"{workload.title}: left out, lacks {', '.join(missing)}")
    plan = choose(only, can_drop_caches=can_drop_caches(), suite=suite)
    if not plan:
        wanted = f"is named like {' or '.join(only)}" if only else "is left"
        raise BenchProblem(f"no workload that can run {wanted}")
    return plan


def measure(suite: str, work: Rounds, rounds: int) -> Run:
    """Everything of one run. Raises BenchProblem when no round comes to its end."""
    complete = work.run(rounds)
    return Run(
        **heading(Run, work.home),
        suite=suite,
        rounds=len(complete),
        sizes=work.sizes,
        workloads=[WorkloadInfo(one.name, one.title, one.unit) for one in work.plan],
        measurements=[one for measured in complete for one in measured],
    )
