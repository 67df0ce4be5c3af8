"""`cairnfs import`: a folder of the host into a store, without a mount."""

import os
from pathlib import Path
from typing import Any

import click

from daemon.cli.asking import ask
from daemon.cli.common import human_size, json_option, print_json, store_option
from daemon.cli.reporting import DONE, FAILED
from daemon.mount_table import mount_holding, read_mount_table, store_of
from daemon.problems import UsageProblem
from daemon.store_paths import store_path


@click.command()
@click.argument("source", metavar="FOLDER", type=click.Path(path_type=Path))
@click.argument("path", metavar="PATH")
@store_option
@json_option
def command(source: Path, path: str, store: str | None, as_json: bool) -> int:
    """Bring a folder of the host into a store, mounted or not.

    All that is below FOLDER, on its filesystem, is then below PATH, with modes, owners, times,
    attributes, links and what is one file under several names. What is there already with the same
    size, times, owner and mode stays; other files become earlier versions. An import that a crash
    has cut short is gone on with when the store is mounted again.

    Exit status: 0 all of it is imported, 1 some entries are not, or it could not be done.
    """
    meant = store_path(store, path)
    folder = source.resolve()
    mount = mount_holding(read_mount_table(), str(folder))
    if mount is not None and store_of(mount) == meant.store:
        raise UsageProblem(f"{source} lies in that store already: copy it with `cairnfs clone`")
    made = ask(meant.store, "import", {"source": os.fsencode(folder), "path": meant.path})
    if as_json:
        print_json(made)
    else:
        _print(source, made)
    return FAILED if made["failures"] else DONE


def _print(source: Path, made: dict[str, Any]) -> None:
    for failed in made["failed"]:
        click.echo(f"not imported: {failed['path']}: {failed['reason']}", err=True)
    untold = made["failures"] - len(made["failed"])
    if untold:
        click.echo(f"not imported: {untold} more", err=True)
    entries = made["files"] + made["directories"] + made["others"] + made["links"]
    click.echo(
        f"{source}: {entries} entries, {human_size(made['imported_bytes'])}; "
        f"{made['unchanged']} were there already"
    )
