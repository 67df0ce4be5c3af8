"""`python -m daemon.manual FOLDER`: write manual and completion below FOLDER, which is a share/."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from daemon.cli.main import cli
from daemon.manual.command_pages import command_page
from daemon.manual.completion import completion_scripts
from daemon.manual.other_pages import helper_page, settings_page
from daemon.manual.overview_page import overview_page
from daemon.manual.roff import Page


def pages() -> Iterator[Page]:
    """Every page of the manual."""
    context = click.Context(cli)
    yield overview_page()
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        yield command_page(name, command)
    yield settings_page()
    yield helper_page()


def write_manual(share: Path) -> None:
    """Write all files, and the folders they lie in. Raises OSError."""
    files = {f"man/{page.file_name}": page.text() for page in pages()} | completion_scripts()
    for place, text in files.items():
        file = share / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


if __name__ == "__main__":
    write_manual(Path(sys.argv[1]))
