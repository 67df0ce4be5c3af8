"""`cairnfs clone`: a copy of a file or folder that shares its data."""

import click

from daemon.cli.asking import ask
from daemon.cli.common import json_option, print_json, store_option
from daemon.store_paths import store_path


@click.command()
@click.argument("source", metavar="SRC")
@click.argument("destination", metavar="DST")
@store_option
@json_option
def command(source: str, destination: str, store: str | None, as_json: bool) -> None:
    """Copy a file or folder without copying its data.

    The copy has all that `cp -a` keeps and appears as a whole under DST, which must not exist. It
    takes no space until one of both changes. SRC may lie in a snapshot. Paths are such in the mount
    or, of a store that is not mounted, from its root.
    """
    meant = store_path(store, source)
    target = store_path(str(meant.store), destination)
    done = ask(meant.store, "clone", {"source": meant.path, "destination": target.path})
    if as_json:
        print_json(done)
    else:
        click.echo(f"{done['clone']} is a clone of {done['source']}")
