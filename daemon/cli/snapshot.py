"""`cairnfs snapshot`: the whole tree as it was, kept under a name."""

from typing import Any, Final

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
from daemon.store_paths import store_path

path_option: Final[Decorator] = click.option(
    "--path", default=None, metavar="PATH", help="Only this file or folder."
)


@click.group()
def command() -> None:
    """Keep the whole tree as it is under a name.

    Later it can be compared with, and anything brought back from it.

    A snapshot copies no data and costs what has changed since the one before. On a mounted store
    the working directory, or --store, says which is meant.
    """


@command.command("create")
@click.argument("name")
@store_option
@json_option
def create(name: str, store: str | None, as_json: bool) -> None:
    """Take a snapshot of everything as it is now."""
    made = ask(store_meant(store, None), "snapshot-create", {"name": name})
    if as_json:
        print_json(made)
    else:
        click.echo(f"{made['name']}: {_figures(made)}")


@command.command("list")
@store_option
@json_option
def list_all(store: str | None, as_json: bool) -> None:
    """Show all snapshots."""
    found = ask(store_meant(store, None), "snapshot-list")
    if as_json:
        print_json(found)
    elif not found["snapshots"]:
        click.echo("there are no snapshots")
    else:
        rows = [
            (each["name"], f"{each['created']}  {_figures(each)}") for each in found["snapshots"]
        ]
        print_table(rows)


@command.command("delete")
@click.argument("name")
@store_option
@json_option
def delete(name: str, store: str | None, as_json: bool) -> None:
    """Delete a snapshot; gc gives back what only it needed."""
    gone = ask(store_meant(store, None), "snapshot-delete", {"name": name})
    if as_json:
        print_json(gone)
    else:
        click.echo(f"{gone['name']} is deleted")


@command.command("diff")
@click.argument("former", metavar="A")
@click.argument("later", metavar="[B]", required=False)
@path_option
@store_option
@json_option
def diff(
    former: str, later: str | None, path: str | None, store: str | None, as_json: bool
) -> None:
    """Show what differs between snapshot A and snapshot B, or the present.

    Each line says what has become of a path: + added, - removed, * modified, % other attributes.
    """
    arguments: dict[str, Any] = {"former": former, "later": later}
    if path is None:
        found = ask(store_meant(store, None), "snapshot-diff", arguments)
    else:
        meant = store_path(store, path)
        found = ask(meant.store, "snapshot-diff", {**arguments, "path": meant.path})
    if as_json:
        print_json(found)
        return
    for each in found["differences"]:
        slash = "/" if each["type"] == "directory" else ""
        click.echo(f"{_SIGNS[each['change']]} {each['path']}{slash}")
    left = found["count"] - len(found["differences"])
    if left:
        click.echo(f"and {left} more")


@command.command("restore")
@click.argument("name")
@click.argument("path")
@click.option("--to", "destination", metavar="PATH", help="Elsewhere than where it was.")
@store_option
@json_option
def restore(
    name: str, path: str, destination: str | None, store: str | None, as_json: bool
) -> None:
    """Bring a file or folder back from snapshot NAME.

    What is there now is replaced as a whole. PATH is one in the mount or, of a store that is not
    mounted, one from its root.
    """
    meant = store_path(store, path)
    arguments: dict[str, Any] = {"name": name, "path": meant.path}
    if destination is not None:
        arguments["destination"] = store_path(str(meant.store), destination).path
    done = ask(meant.store, "snapshot-restore", arguments)
    if as_json:
        print_json(done)
    else:
        click.echo(f"{done['restored_to']} is as it was in {name}")


_SIGNS: Final = {"added": "+", "removed": "-", "modified": "*", "attributes": "%"}


def _figures(snapshot: dict[str, Any]) -> str:
    return f"{snapshot['files']} files, {human_size(snapshot['logical_bytes'])}"
