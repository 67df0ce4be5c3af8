"""The bench's command line: what can be measured, and showing and comparing what was."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from bench import compare as comparison
from bench import document as performance_page
from bench import kept, report, tables, targets
from bench.corpora.command import corpora
from bench.everything.command import everything
from bench.growth.command import growth
from bench.indexes.command import indexes
from bench.kept_json import read_kept
from bench.latency.command import latency
from bench.mounts import BenchProblem
from bench.options import LOCAL_RESULTS, progress
from bench.pauses.command import pauses
from bench.peers.command import peers
from bench.results import Run
from bench.starts.command import starts
from bench.suites import applications, fio, run, variants

PATH = click.Path(path_type=Path)
THERE = click.Path(exists=True, dir_okay=False, path_type=Path)
RESULT_PATH = LOCAL_RESULTS / "last.json"


@click.group()
def cli() -> None:
    """Measure cairnfs beside a plain folder, a FUSE filesystem that does nothing, and peers.

    Each command prints what it has found as a table, and keeps it as JSON for `show`, `compare`
    and `targets`. `all` runs whatever docs/performance.md shows of speed.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that mounts are taken down


@cli.command()
@click.argument("result", type=PATH, default=RESULT_PATH)
def show(result: Path) -> None:
    """Print a kept result, of whichever command."""
    click.echo(tables.table_of_file(result))


@cli.command()
@click.argument("before", type=PATH)
@click.argument("after", type=PATH)
@click.option("--system", default=report.SUBJECT, show_default=True, help="Whose work is compared.")
@click.option("--fail", is_flag=True, help="Exit 1 when something became slower beyond the noise.")
def compare(before: Path, after: Path, system: str, fail: bool) -> None:
    """Set two results beside each other.

    They are of `run`, or both of another command that takes turns with several systems. What is
    compared is the ratio to the ceiling where both have it. "slower" and "faster" are said only
    where the middle halves of both results' rounds lie apart.
    """
    old, new = read_kept(before, Run), read_kept(after, Run)
    found = comparison.changes(old, new, system)
    if not found:
        raise BenchProblem(f"the two results share no workload measured on {system}")
    click.echo(comparison.table_of(found))
    if differing := comparison.sizes_that_differ(old, new):
        progress(f"the two were made with other {', '.join(differing)}: differences may be of that")
    if fail and any(change.verdict == "slower" for change in found):
        sys.exit(1)


@cli.command("targets")
@click.argument("suites", nargs=-1, type=PATH, metavar="[RESULTS]...")
@click.option("--starts", type=THERE, help="A result of `starts`.")
@click.option("--growth", type=THERE, help="A result of `growth`.")
@click.option("--latency", type=THERE, help="A result of `latency`.")
@click.option("--fail", is_flag=True, help="Exit 1 when a target that was measured is not met.")
def show_targets(suites: Sequence[Path], fail: bool, **others: Path | None) -> None:
    """Set what was measured beside what is aimed at.

    RESULTS are files of `run`, `applications`, `variants` and `fio`; the first that has a ratio
    tells it. What is not given is what is kept in bench/results. Programs, and stores with deltas
    off, snapshots or versions, have no target: what was found is stated.
    """
    measured = suites or kept.suites()
    found = kept.judge(measured, **{name: path for name, path in others.items() if path})
    click.echo(targets.table_of([*found, *kept.state(measured)]))
    if fail and any(one.good is False for one in found):
        sys.exit(1)


@cli.command()
def document() -> None:
    """Renew docs/performance.md and its plots.

    Its tables are those of the results in bench/results.
    """
    performance_page.update()


SUITES = (run, applications, fio, variants)
OTHERS = (everything, starts, growth, latency, corpora, peers, pauses, indexes)
for command in (*SUITES, *OTHERS):
    cli.add_command(command)


def main() -> None:
    """Run the command line; what went wrong is one line on stderr.

    Python keeps bytecode for the commands that are measured, as that of an installed cairnfs is.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        cli(prog_name="python -m bench")
    except BenchProblem as error:
        click.echo(f"bench: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
