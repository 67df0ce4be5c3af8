"""`cairnfs report`: a page about a store, with plots."""

import os
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile

import click

from daemon.cli.asking import ask
from daemon.cli.common import json_option, path_argument, print_json, store_meant, store_option
from daemon.problems import Problem, UsageProblem, other_version


@click.command()
@path_argument
@store_option
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="Write the page there, else to standard output.",
)
@json_option
def command(path: str | None, store: str | None, output: str | None, as_json: bool) -> None:
    """Make a page about a store, with plots.

    One HTML file that needs nothing else: growth, what deduplication and compression save by folder
    and by kind of file, and how much is replaced or deleted each day. All files are gone through,
    but not their contents. With --json, print what the page is made from.
    """
    if not as_json and output is None and sys.stdout.isatty():
        raise UsageProblem("the page is HTML: name a file with -o FILE, or redirect it")
    document = ask(store_meant(store, path), "report")
    if as_json:
        print_json(document)
        return
    from daemon.report.page import report_page

    try:
        page = report_page(document).encode("utf-8")
    except KeyError as error:
        raise other_version(f"it does not tell {error.args[0]}") from error
    if output is None:
        sys.stdout.buffer.write(page)
    else:
        _write(Path(output), page)


def _write(file: Path, page: bytes) -> None:
    """Put a file in place as a whole, by way of one whose name nobody knows. Raises Problem."""
    try:
        with NamedTemporaryFile(prefix=".", suffix=".new", dir=file.parent, delete=False) as draft:
            try:
                draft.write(page)
                draft.flush()
                os.fchmod(draft.fileno(), 0o666 & ~_umask())
                os.replace(draft.name, file)
            except OSError:
                os.unlink(draft.name)
                raise
    except OSError as error:
        raise Problem(
            f"{file} cannot be written: {error.strerror}: name another file with -o"
        ) from error


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
