"""What the commands of the bench share: where they work, where they keep results, and showing."""

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from bench.kept_json import KeptResult, keep

LOCAL_RESULTS: Final = Path("bench/results/local")
POSITIVE: Final = click.IntRange(1)
SECONDS: Final = click.FloatRange(0, min_open=True)
FILE: Final = click.Path(dir_okay=False, path_type=Path)
FOLDER: Final = click.Path(file_okay=False, path_type=Path)

Command = TypeVar("Command", bound=Callable[..., Any])


def folder_option(command: Command) -> Command:
    """--folder: where stores and other files go while a command measures."""
    return click.option(
        "--folder",
        default=tempfile.gettempdir(),
        show_default=True,
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Where stores and plain files go meanwhile: a disk, no tmpfs.",
    )(command)


def output_option(name: str) -> Callable[[Command], Command]:
    """--output: the file that keeps the result, called like this where nobody says another."""
    return click.option(
        "--output",
        default=LOCAL_RESULTS / f"{name}.json",
        show_default=True,
        type=FILE,
        help="Keep the result here, as JSON.",
    )


def amounts(wanted: Mapping[str, tuple[int, str]]) -> Callable[[Command], Command]:
    """An option for each amount, with what it is by default, and a line of help."""

    def decorate(command: Command) -> Command:
        for name, (amount, text) in reversed([*wanted.items()]):
            option = click.option(name, default=amount, show_default=True, type=POSITIVE, help=text)
            command = option(command)
        return command

    return decorate


def kinds_option(kinds: type[StrEnum], text: str) -> Callable[[Command], Command]:
    """--kind: some of the kinds there are, where nobody names one all of them."""
    return click.option(
        "--kind",
        "kinds",
        multiple=True,
        type=click.Choice([kind.value for kind in kinds]),
        help=f"{text}; may be repeated.",
    )


def progress(line: str) -> None:
    """Tell it, beside the table that is the answer."""
    click.echo(line, err=True)


def finish(result: KeptResult, table: str, output: Path) -> None:
    """Print what was found, and keep it. Raises BenchProblem."""
    click.echo(table)
    keep(result, output)
    progress(f"\nkept in {output}")


def require(missed: Sequence[str], fail: bool) -> None:
    """Name the targets that were missed; where that is to count, it is an exit status."""
    for line in missed:
        progress(line)
    if fail and missed:
        sys.exit(1)
