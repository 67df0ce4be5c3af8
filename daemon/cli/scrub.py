"""`cairnfs scrub`: read and verify everything that is stored."""

import click

from daemon.cli.asking import ask
from daemon.cli.common import (
    human_size,
    json_option,
    path_argument,
    print_json,
    store_meant,
    store_option,
)
from daemon.cli.reporting import DONE, FAILED


@click.command()
@path_argument
@store_option
@click.option("--restart", is_flag=True, help="Begin anew instead of going on where one stopped.")
@json_option
def command(path: str | None, store: str | None, restart: bool, as_json: bool) -> int:
    """Read and verify everything that is stored.

    Names the files that damage hurts. Works beside normal use on a mounted store, no faster than
    scrub_bytes_per_second. A scrub that is interrupted goes on where it was. Damaged frames are
    copied to quarantine/ in the store; writing the same bytes again, for example from a backup,
    mends all files that need them.

    Exit status: 0 everything can be read, 1 something is damaged or the scrub could not be made.
    """
    report = ask(store_meant(store, path), "scrub", {"restart": restart})
    if as_json:
        print_json(report)
    else:
        for damaged in report["damaged"]:
            click.echo(f"damaged: {damaged['reason']}")
            for hurt in damaged["paths"]:
                click.echo(f"  needed by {hurt}")
        size = human_size(report["checked_bytes"])
        found = len(report["damaged"])
        click.echo(f"{report['checked_objects']} objects, {size}: {found} damaged")
    return DONE if report["clean"] else FAILED
