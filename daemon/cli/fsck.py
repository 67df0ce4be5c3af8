"""`cairnfs fsck`: the whole store against itself."""

import click

from daemon.cli.asking import ask
from daemon.cli.common import json_option, path_argument, print_json, store_meant, store_option
from daemon.cli.reporting import DONE, FAILED


@click.command()
@path_argument
@store_option
@json_option
def command(path: str | None, store: str | None, as_json: bool) -> int:
    """Check a store for consistency.

    Everything that can be derived is derived again and compared; nothing is changed. Works on a
    mounted store too, as of this moment. The bytes of files are not read.

    Exit status: 0 nothing is wrong, 1 something was found or the check could not be made.
    """
    report = ask(store_meant(store, path), "fsck")
    if as_json:
        print_json(report)
    else:
        for finding in report["findings"]:
            click.echo(f"{finding['part']}: {finding['text']}")
        found = len(report["findings"])
        click.echo(f"{report['inodes']} inodes, {report['objects']} objects: {found} findings")
    return DONE if report["clean"] else FAILED
