"""`python -m bench all`: every measurement of speed, and then the tables and plots of the page."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from bench import document, kept
from bench.everything.steps import GROWTH, NAMES, STEPS, Step
from bench.mounts import BenchProblem
from bench.options import FOLDER, LOCAL_RESULTS, folder_option, progress

BENCH: Final = (sys.executable, "-m", "bench")
STOP_SECONDS: Final = 120.0  # in which a command that is told to end takes its mounts down


@click.command("all")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(NAMES),
    help="Not all of it; may be repeated.",
)
@click.option(
    "--stores",
    type=FOLDER,
    help="Measure growth, too, with stores that are kept here; those not there yet are filled.",
)
@click.option("--tiny", is_flag=True, help="Only try whether all of it runs, and keep nothing.")
@folder_option
def everything(only: Sequence[str], stores: Path | None, tiny: bool, folder: Path) -> None:
    """Measure everything, and renew the page.

    It takes about an hour on a machine that does nothing else. How costs grow is left out unless
    --stores says where its stores are, for filling them takes another hour the first time. What is
    not installed is left out, and so is what fails: then the former result stays, and the exit
    status is 1. Results are kept in bench/results, but stand in bench/results/local until all of
    them are there, so that no run finds its own code changed.
    """
    results = LOCAL_RESULTS / ("tiny" if tiny else "all")
    done, failed = list[Path](), list[str]()
    for step, words in _chosen(only, stores, tiny=tiny):
        output = results / f"{step.name}.json"
        progress(f"== {step.name}")
        problem = run_step(
            [*BENCH, *words, "--folder", str(folder), "--output", str(output)],
            step.minutes_max * 60,
        )
        if problem is None:
            done.append(output)
        else:
            failed.append(f"{step.name} failed: {problem}")
    if not tiny:
        _keep(done)
    for line in failed:
        progress(line)
    if failed:
        raise BenchProblem(f"{len(failed)} of {len(failed) + len(done)} commands failed")


def _chosen(
    only: Sequence[str], stores: Path | None, *, tiny: bool
) -> Iterator[tuple[Step, list[str]]]:
    """What is to be run and can be, with its options; what is left out is told."""
    for step in STEPS:
        if only and step.name not in only:
            continue
        if lacking := step.lacking():
            progress(f"{step.name} is left out: {', '.join(lacking)} not installed")
        else:
            yield step, step.words(tiny=tiny)
    if only and GROWTH.name not in only:
        return
    if tiny:
        yield GROWTH, GROWTH.words(tiny=True)
    elif stores is not None:
        yield GROWTH, [*GROWTH.words(tiny=False), "--stores", str(stores)]
    else:
        progress("growth is left out: say where its stores are or may be kept, with --stores")


def run_step(command: Sequence[str], seconds_max: float) -> str | None:
    """Run a command that prints what it does; what went wrong, or None."""
    child = subprocess.Popen(command)
    try:
        status = child.wait(seconds_max)
    except BaseException as problem:
        child.terminate()
        _reap(child)
        if isinstance(problem, subprocess.TimeoutExpired):
            return f"no end after {seconds_max:.0f} s"
        raise
    return None if status == 0 else f"exit {status}"


def _reap(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _keep(results: Sequence[Path]) -> None:
    """Put results where they are kept, and into the page."""
    for path in results:
        shutil.copy(path, kept.RESULTS / path.name)
    document.update()
