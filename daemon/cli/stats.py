"""`cairnfs stats`: what a store holds and what that takes."""

import click

from daemon.cli.asking import ask
from daemon.cli.common import (
    human_size,
    json_option,
    path_argument,
    print_json,
    print_table,
    store_meant,
    store_option,
)


@click.command()
@path_argument
@store_option
@json_option
def command(path: str | None, store: str | None, as_json: bool) -> None:
    """Show what a store holds and what that takes.

    PATH names the store by any path in its mount. The figures are those of the whole store,
    mounted or not.
    """
    figures = ask(store_meant(store, path), "stats")
    if as_json:
        print_json(figures)
    else:
        print_table([(name, _shown(name, value)) for name, value in figures.items()])


def _shown(name: str, value: float) -> str:
    return human_size(int(value)) if name.endswith("_bytes") else f"{value:,}"
