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
from bench.options import POSITIVE, SECONDS, amounts, finish, folder_option, output_option, progress
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
            callback=_systems,
            help="Of these, with commas between: " + ", ".join(SYSTEMS),
        ),
        click.option(
            "--rounds", default=3, show_default=True, type=POSITIVE, help="Turns of each system."
        ),
        click.option(
            "--minutes",
            default=math.inf,
            type=click.FloatRange(0),
            help="Begin no round after so many; one is always made.",
        ),
        click.option(
            "--only", multiple=True, help="Workloads whose name contains this; may be repeated."
        ),
        click.option(
            "--limit",
            default=300.0,
            show_default=True,
            type=SECONDS,
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


def _systems(context: click.Context, option: click.Parameter, text: str) -> list[str]:
    """The systems that are named, each once. Raises BadParameter."""
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in names if name not in SYSTEMS]:
        raise click.BadParameter(
            f"there is no system {unknown[0]!r}, but {', '.join(SYSTEMS)}", context, option
        )
    return names


def size_options(sizes: Sizes) -> Callable[[Command], Command]:
    """How much the workloads on streams and on small files do."""
    return amounts(
        {
            "--stream-mib": (sizes.stream_bytes // MIB, "Of the file that streams write and read."),
            "--text-mib": (sizes.text_bytes // MIB, "Of the stream of source text."),
            "--files": (sizes.small_files, "Small files in a folder."),
            "--reads": (sizes.random_reads, "Reads of 4 KiB at random places."),
            "--overwrites": (sizes.random_overwrites, "Overwrites of 4 KiB, each synced."),
        }
    )


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
    """Measure streams, random access, small files.

    In a mount of cairnfs, in a plain folder of the filesystem below it, and in a mount of a
    filesystem that does nothing, which no other can surpass. All take turns.
    """
    run_suite(SPEEDS, _sizes(stream_mib, text_mib, files, reads, overwrites), **where)


@click.command()
@suite_options(VARIANTS, VARIANT_SYSTEMS)
@size_options(VARIANT_SIZES)
def variants(
    stream_mib: int, text_mib: int, files: int, reads: int, overwrites: int, **where: Any
) -> None:
    """Measure stores with deltas off, snapshots, versions.

    They stand beside a new store and take turns with it. One has a hundred snapshots from the
    start and one more before each workload; in another each file has three earlier versions.
    """
    run_suite(VARIANTS, _sizes(stream_mib, text_mib, files, reads, overwrites), **where)


@click.command()
@suite_options(APPLICATIONS, (*ALWAYS, *((PEER,) if has_s3ql() else ())))
@amounts(
    {
        "--files": (DEFAULTS.tree_files, "Of the tree that is unpacked, committed and removed."),
        "--sources": (DEFAULTS.c_sources, "Source files of the C project that is made."),
        "--transactions": (DEFAULTS.transactions, "Of SQLite, one row each."),
        "--seconds": (DEFAULTS.database_seconds, "Of pgbench."),
    }
)
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
@amounts(
    {
        "--stream-mib": (DEFAULTS.stream_bytes // MIB, "Of each job's file."),
        "--overwrites": (DEFAULTS.random_overwrites, "Of 4 KiB, each synced."),
    }
)
def fio(stream_mib: int, overwrites: int, **where: Any) -> None:
    """Run the jobs in bench/fio/ on every system."""
    run_suite(FIO_JOBS, Sizes(stream_bytes=stream_mib * MIB, random_overwrites=overwrites), **where)


def run_suite(
    suite: str,
    sizes: Sizes,
    *,
    systems: Sequence[str],
    rounds: int,
    minutes: float,
    only: Sequence[str],
    limit: float,
    folder: Path,
    output: Path,
) -> None:
    """Measure, keep and print. Raises BenchProblem."""
    if any(name.startswith(PEER) for name in systems) and not has_s3ql():
        raise BenchProblem(f"S3QL is not installed: leave {PEER} out of --systems")
    plan = _plan(suite, only)
    with tempfile.TemporaryDirectory(prefix="cairnfs-bench.", dir=folder) as home:
        Path(home).chmod(0o711)  # a server that is not root has to get to its files
        work = Rounds(Path(home), systems, plan, sizes, limit, progress, minutes)
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
