"""`cairnfs migrate`: the schema of a store's index, and changing it."""

from dataclasses import asdict
from pathlib import Path

import click

from daemon.cli.asking import ask
from daemon.cli.common import json_option, print_json, store_meant, store_option
from daemon.cli.progress import shown_progress
from daemon.control_protocol import Progress
from daemon.store_waiting import open_when_released


@click.group()
def command() -> None:
    """Show and change the schema of a store's index.

    A store of an older version is brought up to date when it is mounted, so that this is needed
    only to go back: bring the store down before an older cairnfs is to use it.
    """


@command.command("status")
@click.argument("folder", required=False, metavar="[STORE]")
@store_option
@json_option
def status(folder: str | None, store: str | None, as_json: bool) -> None:
    """Show which schema a store has, and which migrations there are."""
    found = ask(store_meant(folder or store, None), "migrate-status")
    if as_json:
        print_json(found)
        return
    click.echo(f"schema {found['schema']} of {found['newest']}")
    for each in found["migrations"]:
        click.echo(f"{each['number']}  {'done' if each['done'] else 'to do'}  {each['title']}")


@command.command("up")
@click.argument("folder", required=False, metavar="[STORE]")
@click.option("--to", "schema", type=int, help="The schema; the newest one if not given.")
@store_option
@json_option
def up(folder: str | None, schema: int | None, store: str | None, as_json: bool) -> None:
    """Bring a store that is not mounted up to date. Mounting does the same."""
    _migrate(store_meant(folder or store, None), schema, as_json)


@command.command("down")
@click.argument("folder", required=False, metavar="[STORE]")
@click.option("--to", "schema", type=int, required=True, help="The schema to go back to.")
@store_option
@json_option
def down(folder: str | None, schema: int, store: str | None, as_json: bool) -> None:
    """Bring a store that is not mounted back to a schema that an older version knows.

    Whatever only the newer schema holds is left out; it can be derived again.
    """
    _migrate(store_meant(folder or store, None), schema, as_json)


def _migrate(store: Path, schema: int | None, as_json: bool) -> None:
    """Run migrations, with a copy of the index made before. Raises StoreLocked, and others."""
    from fsmodel.volume import Volume
    from lmdb_index.schema import SCHEMA_VERSION

    with shown_progress() as show:
        volume = open_when_released(store, lambda: Volume.open(store, migrate=False))
        try:
            report = volume.migrate(
                SCHEMA_VERSION if schema is None else schema,
                lambda done, total, text: show(Progress(done, total, text)),
            )
        finally:
            volume.close()
    if as_json:
        print_json(asdict(report))
        return
    for title in report.migrations:
        click.echo(f"done: {title}")
    kept = f"; the former index is in {report.kept_index}" if report.kept_index else ""
    click.echo(f"{store}: schema {report.schema}{kept}")
