"""`cairnfs series`: what is made, by series and address."""

import os
import sys
from pathlib import Path
from typing import Any, Final

import click

from daemon.cli.asking import ask
from daemon.cli.common import json_option, print_json, print_table, store_meant, store_option
from daemon.problems import Problem

DOCUMENT_BYTES_MAX: Final = 2 << 20  # more than any document of a series may have

name_argument = click.argument("name", metavar="SERIES")


@click.group()
def command() -> None:
    """List, make, delete and restore series; clean an address.

    A series is a document series/NAME.json and the folder output/NAME, with a folder for each kind
    of artifact. The same can be done in the mount, with mkdir, cp, rm and mv.
    """


@command.command("list")
@store_option
@json_option
def list_series(store: str | None, as_json: bool) -> None:
    """List all series, with the number of their artifacts."""
    report = _asked(store, "list", {})
    if as_json:
        print_json(report)
        return
    print_table(
        [
            (each["name"], f"{each['state']:<8} {each['artifacts']:>9}  {each['description']}")
            for each in report["series"]
        ]
    )


@command.command("create")
@name_argument
@click.option("--document", metavar="FILE", help="Its document, - for standard input.")
@store_option
@json_option
def create(name: str, document: str | None, store: str | None, as_json: bool) -> None:
    """Make a series, with the default document or that of FILE."""
    given = {} if document is None else {"document": _read(document)}
    _told(_asked(store, "create", {"name": os.fsencode(name), **given}), as_json, "created")


@command.command("delete")
@name_argument
@store_option
@json_option
def delete(name: str, store: str | None, as_json: bool) -> None:
    """Delete a series so that it can be restored: its output is kept, and hidden."""
    _told(_asked(store, "delete", {"name": os.fsencode(name)}), as_json, "deleted")


@command.command("restore")
@name_argument
@click.option("--as", "new_name", metavar="NAME", help="Let it have another name.")
@store_option
@json_option
def restore(name: str, new_name: str | None, store: str | None, as_json: bool) -> None:
    """Take back the deletion of a series."""
    given = {} if new_name is None else {"new_name": os.fsencode(new_name)}
    _told(_asked(store, "restore", {"name": os.fsencode(name), **given}), as_json, "restored")


@command.command("clean")
@name_argument
@click.argument("address", metavar="ADDRESS")
@store_option
@json_option
def clean(name: str, address: str, store: str | None, as_json: bool) -> None:
    """Remove what an address has, of all kinds at once, and print what that was."""
    given = {"name": os.fsencode(name), "address": os.fsencode(address)}
    report = _asked(store, "clean", given)
    if as_json:
        print_json(report)
    else:
        for path in report["removed"]:
            click.echo(path)


@command.command("status")
@name_argument
@click.argument("address", required=False, metavar="[ADDRESS]")
@store_option
@json_option
def status(name: str, address: str | None, store: str | None, as_json: bool) -> None:
    """Say which kinds of artifacts each address has, or one ADDRESS."""
    given = {} if address is None else {"address": os.fsencode(address)}
    report = _asked(store, "status", {"name": os.fsencode(name), **given})
    if as_json:
        print_json(report)
    else:
        rows = [(each["address"], " ".join(each["kinds"])) for each in report["addresses"]]
        print_table(rows)


def _asked(store: str | None, command_name: str, arguments: dict[str, Any]) -> Any:
    return ask(store_meant(store, None), f"series-{command_name}", arguments)


def _told(report: Any, as_json: bool, done: str) -> None:
    if as_json:
        print_json(report)
    else:
        click.echo(f"series {report['name']} {done}")


def _read(document: str) -> bytes:
    """The bytes of a document, or the beginning of one that is too large anyway."""
    try:
        if document == "-":
            return sys.stdin.buffer.read(DOCUMENT_BYTES_MAX)
        with Path(document).open("rb") as file:
            return file.read(DOCUMENT_BYTES_MAX)
    except OSError as error:
        raise Problem(f"{document} cannot be read: {error.strerror}") from error
