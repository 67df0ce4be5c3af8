"""The bench's command line: run, show, compare."""

import signal
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from bench import compare as comparison
from bench import document as performance_page
from bench import report
from bench.corpora.command import corpora
from bench.environment import describe
from bench.indexes.command import indexes
from bench.mounts import BenchProblem
from bench.pauses.command import pauses
from bench.peers.command import peers
from bench.plan import choose
from bench.results import FORMAT, Run, WorkloadInfo, load, save
from bench.rounds import can_drop_caches, run_rounds
from bench.systems import SYSTEMS
from bench.workload import MIB, Sizes

RESULT_PATH = Path("bench/results/local/last.json")
DEFAULTS = Sizes()
POSITIVE = click.IntRange(1)


@click.group()
def cli() -> None:
    """Measure cairnfs beside a plain folder and a FUSE filesystem that does nothing."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that mounts are taken down


@cli.command()
@click.option("--systems", default=",".join(SYSTEMS), show_default=True)
@click.option("--rounds", default=3, show_default=True, type=POSITIVE)
@click.option("--only", multiple=True, help="Workloads whose name contains this; may be repeated.")
@click.option(
    "--folder",
    default=tempfile.gettempdir(),
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where stores and plain files go: a disk, no tmpfs.",
)
@click.option("--output", default=RESULT_PATH, show_default=True, type=click.Path(path_type=Path))
@click.option(
    "--stream-mib", default=DEFAULTS.stream_bytes // MIB, show_default=True, type=POSITIVE
)
@click.option("--text-mib", default=DEFAULTS.text_bytes // MIB, show_default=True, type=POSITIVE)
@click.option("--files", default=DEFAULTS.small_files, show_default=True, type=POSITIVE)
@click.option("--reads", default=DEFAULTS.random_reads, show_default=True, type=POSITIVE)
@click.option("--overwrites", default=DEFAULTS.random_overwrites, show_default=True, type=POSITIVE)
def run(
    systems: str,
    rounds: int,
    only: Sequence[str],
    folder: Path,
    output: Path,
    stream_mib: int,
    text_mib: int,
    files: int,
    reads: int,
    overwrites: int,
) -> None:
    """Measure, keep the result as JSON, and print it."""
    sizes = Sizes(
        stream_bytes=stream_mib * MIB,
        text_bytes=text_mib * MIB,
        small_files=files,
        random_reads=reads,
        random_overwrites=overwrites,
    )
    names = systems.split(",")
    if unknown := set(names) - SYSTEMS.keys():
        raise BenchProblem(f"unknown system {unknown.pop()}: there are {', '.join(SYSTEMS)}")
    if not can_drop_caches():
        click.echo("not root: workloads with all caches cold are left out", err=True)
    result = measure(names, rounds, only, folder, sizes)
    save(result, output)
    click.echo(report.table_of(result))
    click.echo(f"\nkept in {output}", err=True)


def measure(
    systems: Sequence[str], rounds: int, only: Sequence[str], folder: Path, sizes: Sizes
) -> Run:
    """Everything of one run, in a folder of its own that is gone afterwards."""
    plan = choose(only, can_drop_caches=can_drop_caches())
    if not plan:
        raise BenchProblem(f"no workload is named like {' or '.join(only)}")
    made_at = datetime.now(UTC).isoformat(timespec="seconds")
    with tempfile.TemporaryDirectory(prefix="cairnfs-bench.", dir=folder) as home:
        progress = run_rounds(
            Path(home), systems, plan, sizes, rounds, lambda line: click.echo(line, err=True)
        )
        return Run(
            format=FORMAT,
            made_at=made_at,
            rounds=rounds,
            sizes=sizes,
            environment=describe(Path(home)),
            workloads=[WorkloadInfo(one.name, one.title, one.unit) for one in plan],
            measurements=list(progress),
        )


@cli.command()
@click.argument("result", type=click.Path(path_type=Path), default=RESULT_PATH)
def show(result: Path) -> None:
    """Print a result kept by `run`."""
    click.echo(report.table_of(load(result)))


@cli.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--system", default=report.SUBJECT, show_default=True)
@click.option("--fail", is_flag=True, help="Exit 1 when something became slower beyond the noise.")
def compare(before: Path, after: Path, system: str, fail: bool) -> None:
    """Set two results beside each other."""
    found = comparison.changes(load(before), load(after), system)
    if not found:
        raise BenchProblem(f"the two results share no workload measured on {system}")
    click.echo(comparison.table_of(found))
    if fail and any(change.verdict == "slower" for change in found):
        sys.exit(1)


@cli.command()
def document() -> None:
    """Put the tables of the kept results into docs/performance.md."""
    performance_page.update()


cli.add_command(corpora)
cli.add_command(peers)
cli.add_command(pauses)
cli.add_command(indexes)


def main() -> None:
    """Run the command line; what went wrong is one line on stderr."""
    try:
        cli(prog_name="python -m bench")
    except (BenchProblem, msgspec.ValidationError) as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
