"""`cairnfs config`: which settings a store is served with, and where each comes from."""

import os

import click

from daemon.cli.common import json_option, print_json, print_table, store_meant, store_option
from daemon.config import ResolvedSettings, load_settings
from daemon.instance import load_instance
from daemon.settings_schema import settings_reference


@click.group()
def command() -> None:
    """Show the settings, and where each comes from."""


@command.command("show")
@click.argument("path", required=False, metavar="[PATH]")
@store_option
@json_option
@click.pass_context
def show(ctx: click.Context, path: str | None, store: str | None, as_json: bool) -> None:
    """Show every setting a mount made now would have, and where its value comes from.

    A running daemon has those of its start, and of `cairnfs reload`. The file of a named mount
    counts when that is named: cairnfs --instance NAME config show.
    """
    name = ctx.find_root().params.get("instance")
    named = None if name is None else load_instance(name)
    layer = None if named is None else (named.origin, named.settings)
    resolved = load_settings(store_meant(store, path), os.environ, instance=layer)
    document = settings_document(resolved)
    if as_json:
        print_json(document)
        return
    print_table(
        [(key, f"{item['value']!s:<12} {item['origin']}") for key, item in document.items()]
    )


@command.command("describe")
@json_option
def describe(as_json: bool) -> None:
    """Describe every setting: default, unit, meaning, and the variable that sets it.

    `cairnfs reload` lets them hold without a remount, but for those that say otherwise.
    """
    reference = settings_reference()
    if as_json:
        print_json({item.name: item for item in reference})
        return
    for item in reference:
        unit = f" {item.unit}" if item.unit else ""
        click.echo(f"{item.name} = {item.default}{unit}   ({item.environment_name})")
        click.echo(f"    {item.meaning}{'' if item.live else ' Counts from the next mount on.'}")


def settings_document(resolved: ResolvedSettings) -> dict[str, dict[str, object]]:
    """Value and origin by setting."""
    return {
        key: {"value": getattr(resolved.values, key), "origin": origin}
        for key, origin in resolved.origins.items()
    }
