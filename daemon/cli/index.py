"""`cairnfs index`: find JSON documents by the values they hold."""

import json
from collections.abc import Sequence
from typing import Any

import click

from daemon.cli.asking import ask
from daemon.cli.common import (
    Decorator,
    human_size,
    json_option,
    print_json,
    print_table,
    store_meant,
    store_option,
)
from daemon.cli.reporting import DONE, FAILED

OPEN_BOUND = "*"

name_argument = click.argument("name", metavar="NAME")


def asking_options(command: Any) -> Any:
    """The options of what asks an index."""
    options: list[Decorator] = [
        click.option("--limit", type=click.IntRange(min=0), metavar="N", help="At most N matches."),
        click.option("--reverse", is_flag=True, help="The greatest value first."),
        click.option("--string", is_flag=True, help="Take values as text, also if they are JSON."),
        store_option,
        click.option("--json", "as_json", is_flag=True, help="Print values and documents, too."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


equal_option = click.option(
    "--equal", multiple=True, metavar="VALUE", help="Fix the first field; again for the second."
)


@click.group()
def command() -> None:
    """Find JSON documents by the values they hold.

    An index is about the documents whose paths fit a glob, and about one or several of their
    fields. It follows every change at once. A VALUE is JSON if it can be read as that, else text:
    3 is a number, flux a text, '"3"' a text again. In a mount the same is found as
    .cairnfs/indexes/NAME/VALUE/ and .cairnfs/indexes/NAME/LOW..HIGH/.
    """


@command.command("create")
@name_argument
@click.option("--glob", required=True, metavar="GLOB", help="Which paths; ** is any folders.")
@click.option(
    "--field", "fields", required=True, multiple=True, metavar="FIELD", help="Such as size.width."
)
@click.option(
    "--type",
    "kind",
    type=click.Choice(["hash", "btree"]),
    default="btree",
    show_default=True,
    help="hash answers equality only.",
)
@click.option("--unique", is_flag=True, help="Refuse a second document with the same values.")
@click.option("--times", is_flag=True, help="Take texts such as 2026-11-20T10:11:12Z as times.")
@store_option
@json_option
def create(
    name: str,
    glob: str,
    fields: Sequence[str],
    kind: str,
    unique: bool,
    times: bool,
    store: str | None,
    as_json: bool,
) -> None:
    """Make an index, and build it beside normal use.

    Building goes on by itself in a mount if this command is interrupted.
    """
    options = {"type": kind, "unique": unique, "times": times}
    report = _asked(store, "create", {"name": name, "glob": glob, "fields": fields, **options})
    _done(report, as_json, "created")


@command.command("list")
@store_option
@json_option
def list_indexes(store: str | None, as_json: bool) -> None:
    """List all indexes."""
    report = _asked(store, "list", {})
    if as_json:
        print_json(report)
    else:
        print_table([(each["name"], _summary(each)) for each in report["indexes"]])


@command.command("stats")
@name_argument
@store_option
@json_option
def stats(name: str, store: str | None, as_json: bool) -> None:
    """Count what an index holds."""
    report = _asked(store, "stats", {"name": name})
    if as_json:
        print_json(report)
        return
    counted = ("documents", "entries", "values", "skipped", "hidden")
    rows = [(key, str(report[key])) for key in counted]
    size = human_size(report["key_bytes"])
    print_table([("index", _summary(report)), *rows, ("keys", size)])


@command.command("rebuild")
@name_argument
@store_option
@json_option
def rebuild(name: str, store: str | None, as_json: bool) -> None:
    """Build an index anew; the former one answers meanwhile."""
    _done(_asked(store, "rebuild", {"name": name}), as_json, "built anew")


@command.command("verify")
@name_argument
@store_option
@json_option
def verify(name: str, store: str | None, as_json: bool) -> int:
    """Read every document again and compare; exit status 1 if anything differs."""
    report = _asked(store, "verify", {"name": name})
    if as_json:
        print_json(report)
    else:
        for wrong in report["wrong"]:
            click.echo(wrong)
        state = "right" if report["clean"] else f"wrong: run `cairnfs index rebuild {name}`"
        click.echo(f"index {name} is {state}; {report['documents']} documents were read")
    return DONE if report["clean"] else FAILED


@command.command("drop")
@name_argument
@store_option
@json_option
def drop(name: str, store: str | None, as_json: bool) -> None:
    """Forget an index."""
    _done(_asked(store, "drop", {"name": name}), as_json, "dropped")


@command.command("query")
@name_argument
@click.argument("values", nargs=-1, required=True, metavar="VALUE...")
@asking_options
def query(
    name: str,
    values: Sequence[str],
    limit: int | None,
    reverse: bool,
    string: bool,
    store: str | None,
    as_json: bool,
) -> None:
    """Print the paths of the documents that have VALUE; of several fields, one VALUE for each."""
    options = {"limit": limit, "reverse": reverse, "string": string, "documents": as_json}
    _print(_asked(store, "query", {"name": name, "values": values, **options}), as_json)


@command.command("range")
@name_argument
@click.argument("low", metavar="LOW")
@click.argument("high", metavar="HIGH")
@equal_option
@asking_options
def find_range(
    name: str,
    low: str,
    high: str,
    equal: Sequence[str],
    limit: int | None,
    reverse: bool,
    string: bool,
    store: str | None,
    as_json: bool,
) -> None:
    """Print the paths of documents with LOW <= value <= HIGH, in the order of the values.

    A bound of '*' is none. With one bound values are of its type.
    """
    options = {"limit": limit, "reverse": reverse, "string": string, "documents": as_json}
    bounds = {"low": _bound(low), "high": _bound(high), "equal": equal}
    _print(_asked(store, "range", {"name": name, **bounds, **options}), as_json)


@command.command("prefix")
@name_argument
@click.argument("prefix", metavar="PREFIX")
@equal_option
@asking_options
def find_prefix(
    name: str,
    prefix: str,
    equal: Sequence[str],
    limit: int | None,
    reverse: bool,
    string: bool,
    store: str | None,
    as_json: bool,
) -> None:
    """Print the paths of documents with a text that begins with PREFIX, in order."""
    options = {"limit": limit, "reverse": reverse, "string": string, "documents": as_json}
    given = {"name": name, "prefix": prefix, "equal": equal, **options}
    _print(_asked(store, "prefix", given), as_json)


def _asked(store: str | None, command_name: str, arguments: dict[str, Any]) -> Any:
    return ask(store_meant(store, None), f"index-{command_name}", arguments)


def _bound(text: str) -> str | None:
    return None if text == OPEN_BOUND else text


def _done(report: Any, as_json: bool, what: str) -> None:
    if as_json:
        print_json(report)
    else:
        click.echo(f"index {report['name']} {what}")


def _summary(index: dict[str, Any]) -> str:
    marks = [mark for mark in ("unique", "times") if index[mark]]
    state = "" if index["state"] == "ready" else f"  {index['state']} ({index['progress']:.0%})"
    about = f"{', '.join(index['fields'])} of {index['glob']}"
    return " ".join([index["type"], *marks, about]) + state


def _print(report: Any, as_json: bool) -> None:
    """Paths for people; values and documents for programs, with all digits of their numbers."""
    if not as_json:
        for match in report["matches"]:
            click.echo(match["path"])
        return
    for match in report["matches"]:
        for key in {"values", "document"} & match.keys():
            match[key] = json.loads(match[key])
    click.echo(json.dumps(report, ensure_ascii=False, indent=2))
