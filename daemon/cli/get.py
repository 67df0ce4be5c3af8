"""`cairnfs get`: the bytes of a file in a store, without a mount."""

import os
import sys

import click

from daemon.cli.common import store_option
from daemon.problems import Problem
from daemon.store_paths import store_path


@click.command()
@click.argument("path", metavar="PATH")
@click.option("-o", "--output", metavar="FILE", help="Write them to a file instead.")
@store_option
def command(path: str, output: str | None, store: str | None) -> None:
    """Print a file of a store, mounted or not.

    Fails when it is replaced meanwhile: then what has been printed is not all of one file.
    """
    from daemon.library import open_store

    meant = store_path(store, path)
    with open_store(meant.store) as opened:
        if output is None:
            opened.copy_out(meant.path, sys.stdout.buffer)
            sys.stdout.buffer.flush()
            return
        try:
            with open(output, "wb") as file:
                opened.copy_out(meant.path, file)
        except OSError as error:
            raise Problem(f"{os.fsdecode(output)}: {error.strerror or error}") from error
