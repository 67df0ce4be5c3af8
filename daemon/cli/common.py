"""Options and steps that several commands share."""

import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from daemon.mount_table import read_mount_table
from daemon.problems import Problem
from daemon.store_choice import choose_store

# Warnings of the modules a command uses; a daemon replaces this by its own log.
logging.basicConfig(format="cairnfs: %(message)s", level=logging.WARNING)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

store_option: Decorator = click.option(
    "--store", metavar="DIR", help="The store; else $CAIRNFS_STORE, else that of PATH's mount."
)
json_option: Decorator = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document."
)
path_argument: Decorator = click.argument("path", required=False, metavar="[PATH]")


def store_meant(named: str | None, path: str | None) -> Path:
    """The store a command is about. Raises Problem when a PATH that was given is not there."""
    if path is not None and named is None:
        _require_path(path)
    table = read_mount_table()
    return choose_store(named, os.environ, table, path or os.getcwd()).folder


def _require_path(path: str) -> None:
    try:
        os.lstat(path)
    except PermissionError as error:
        raise Problem(f"{path}: {error.strerror}") from error
    except OSError as error:
        raise Problem(
            f"{path} does not exist: name a folder in a mount, or give --store"
        ) from error


def print_json(document: object) -> None:
    """Print a document for programs, in UTF-8."""
    encoded = msgspec.json.format(msgspec.json.encode(document), indent=2)
    sys.stdout.buffer.write(encoded + b"\n")


def print_table(rows: list[tuple[str, str]]) -> None:
    """Print names and values for people, aligned."""
    width = max((len(name) for name, _ in rows), default=0)
    for name, value in rows:
        click.echo(f"{name:<{width}}  {value}")


def human_size(size_bytes: int) -> str:
    """A size such as `12.3 MiB`, with the exact bytes where they differ."""
    units = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
    value, unit = float(size_bytes), 0
    while value >= 1024 and unit < len(units) - 1:
        value, unit = value / 1024, unit + 1
    return f"{size_bytes} B" if unit == 0 else f"{value:.1f} {units[unit]} ({size_bytes} B)"
