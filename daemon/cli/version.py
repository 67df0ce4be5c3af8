"""`cairnfs version`."""

import click

from daemon import __version__


@click.command()
def command() -> None:
    """Show the version of this command."""
    click.echo(f"cairnfs {__version__}")
