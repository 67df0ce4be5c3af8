"""`cairnfs lock`: let a file or folder stay as it is."""

import click

from daemon.cli.asking import ask
from daemon.cli.common import json_option, print_json, store_option
from daemon.store_paths import store_path


@click.command()
@click.argument("path")
@click.option("--recursive", "-r", is_flag=True, help="And all that is in it now.")
@click.option("--undo", is_flag=True, help="Let it change again; root only.")
@store_option
@json_option
def command(path: str, recursive: bool, undo: bool, store: str | None, as_json: bool) -> None:
    """Let a file or folder stay as it is, whoever asks.

    A locked file cannot be written, renamed, linked or removed, nor can its attributes be changed;
    in a locked folder nothing can be made, removed or renamed.
    """
    meant = store_path(store, path)
    arguments = {"path": meant.path, "recursive": recursive, "undo": undo}
    done = ask(meant.store, "lock", arguments)
    if as_json:
        print_json(done)
    else:
        state = "locked" if done["locked"] else "no longer locked"
        click.echo(f"{done['path']} is {state} ({done['changed']} changed)")
