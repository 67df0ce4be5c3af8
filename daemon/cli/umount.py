"""`cairnfs umount`: unmount, and wait until everything is stored."""

import os

import click

import daemon.cli.common  # noqa: F401  # shows the warnings of what is called below
from daemon.unmounting import unmount


@click.command()
@click.argument("mountpoint", metavar="MOUNTPOINT")
@click.option("-l", "--lazy", is_flag=True, help="Detach now, also if in use; do not wait.")
@click.option(
    "--timeout",
    "timeout_seconds",
    type=click.FloatRange(min=1),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the daemon to store everything and end.",
)
def command(mountpoint: str, lazy: bool, timeout_seconds: float) -> None:
    """Unmount, and wait until everything is stored and the daemon has ended.

    With --lazy a mount that is in use goes out of sight at once; its daemon ends with its last
    user. What a killed daemon left is cleared.
    """
    unmount(os.path.realpath(mountpoint), lazy=lazy, timeout_seconds=timeout_seconds)
