"""`cairnfs mkfs`: an empty store."""

import os

import click

from daemon.cli.common import store_option
from daemon.problems import UsageProblem
from daemon.store_choice import default_store, named_store


@click.command()
@click.argument("folder", required=False, metavar="[STORE]")
@store_option
@click.option("--plain", is_flag=True, help="Leave out the structured folders.")
def command(folder: str | None, store: str | None, plain: bool) -> None:
    """Create an empty store.

    STORE is a folder that is empty or does not exist yet; else $CAIRNFS_STORE, else
    $CAIRNFS_DATA_DIR, else the platform's folder for user data.
    """
    if folder is not None and store is not None:
        raise UsageProblem("the store is named twice: give STORE or --store")
    from fsmodel.volume import Volume

    chosen = named_store(folder or store, os.environ) or default_store(os.environ)
    Volume.create(chosen.folder, plain=plain)
    click.echo(f"store created in {chosen.folder}")
