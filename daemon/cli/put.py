"""`cairnfs put`: a file into a store, without a mount."""

import sys

import click

from daemon.cli.common import json_option, print_json, store_option
from daemon.problems import Problem
from daemon.store_paths import store_path


@click.command()
@click.argument("source", metavar="FILE")
@click.argument("path", metavar="PATH")
@store_option
@json_option
def command(source: str, path: str, store: str | None, as_json: bool) -> None:
    """Put a file into a store, mounted or not.

    FILE, or with - what comes in, is then at PATH, or when that fails, nothing has changed. What is
    there now becomes an earlier version. Folders above it are made.
    """
    from daemon.library import open_store

    meant = store_path(store, path)
    with open_store(meant.store) as opened:
        if source == "-":
            version = opened.write_file(meant.path, sys.stdin.buffer)
        else:
            try:
                with open(source, "rb") as file:
                    version = opened.write_file(meant.path, file)
            except OSError as error:
                raise Problem(f"{source}: {error.strerror or error}") from error
    if as_json:
        print_json({"version": version})
