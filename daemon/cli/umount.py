"""`cairnfs umount`: unmount, and wait until everything is stored."""

import os

import click

import daemon.cli.common  # noqa: F401  # shows the warnings of what is called below
from daemon.instance import load_instance
from daemon.mount_table import read_mount_table
from daemon.mounting import clear_dead_mount, clear_dead_mounts
from daemon.problems import UsageProblem
from daemon.unmounting import unmount


@click.command()
@click.argument("mountpoint", required=False, metavar="MOUNTPOINT")
@click.option("--instance", metavar="NAME", help="That of /etc/cairnfs/NAME.toml; for systemd.")
@click.option(
    "--stale",
    is_flag=True,
    help="Only clear what a killed daemon left there, or anywhere; else nothing.",
)
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
def command(
    mountpoint: str | None, instance: str | None, stale: bool, lazy: bool, timeout_seconds: float
) -> None:
    """Unmount, and wait until everything is stored and the daemon has ended.

    With --lazy a mount that is in use goes out of sight at once; its daemon ends with its last
    user. What a killed daemon left is cleared.
    """
    if stale and mountpoint is None and instance is None:
        clear_dead_mounts(read_mount_table())
        return
    if (mountpoint is None) == (instance is None):
        raise UsageProblem("missing argument 'MOUNTPOINT': give it or --instance NAME")
    place = os.path.realpath(mountpoint or load_instance(instance or "").mountpoint)
    if stale:
        clear_dead_mount(read_mount_table(), place)
    else:
        unmount(place, lazy=lazy, timeout_seconds=timeout_seconds)
