"""`cairnfs mount`: a daemon that serves a store."""

import os
from dataclasses import replace

import click

from daemon.cli.starting import MountRequest, start
from daemon.instance import load_instance
from daemon.problems import UsageProblem


@click.command()
@click.argument("places", nargs=-1, metavar="[STORE] MOUNTPOINT")
@click.option("--store", metavar="DIR", help="The store, instead of STORE.")
@click.option("-o", "options", multiple=True, metavar="OPTIONS", help="As mount(8) has them.")
@click.option("-r", "--read-only", is_flag=True, help="Refuse every change; the same as -o ro.")
@click.option("--instance", metavar="NAME", help="What /etc/cairnfs/NAME.toml says; for systemd.")
@click.option("--create", is_flag=True, help="Make the store if there is none.")
@click.option("-f", "--foreground", is_flag=True, help="Stay, and log to standard error.")
@click.option("--log-file", metavar="FILE", help="Log there. Default: STORE/daemon.log.")
@click.option("--log-format", metavar="text|json", help="How an event is written.")
@click.option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
def command(
    places: tuple[str, ...],
    store: str | None,
    options: tuple[str, ...],
    read_only: bool,
    instance: str | None,
    create: bool,
    foreground: bool,
    log_file: str | None,
    log_format: str | None,
    log_level: str | None,
) -> None:
    """Mount a store. Returns when the mount is usable.

    STORE defaults to $CAIRNFS_STORE, else $CAIRNFS_DATA_DIR, else the platform's folder for user
    data; those last two are made at first use.
    """
    overrides = {"log_format": log_format, "log_level": log_level}
    request = MountRequest(
        store=None,
        mountpoint="",
        options=options,
        read_only=read_only,
        create=create,
        foreground=foreground,
        log_file=log_file,
        overrides=overrides,
    )
    if instance is not None:
        start(_of_instance(request, instance, places))
        return
    named, mountpoint = _places(places, store)
    start(replace(request, store=named, mountpoint=os.path.realpath(mountpoint)))


def _of_instance(request: MountRequest, name: str, places: tuple[str, ...]) -> MountRequest:
    """What a named mount asks for. Raises UsageProblem, ConfigInvalid."""
    if places:
        raise UsageProblem("--instance says what is mounted where: leave out STORE and MOUNTPOINT")
    found = load_instance(name)
    return replace(
        request,
        store=found.store,
        mountpoint=os.path.realpath(found.mountpoint),
        options=(found.options, *request.options),
        create=True,
        instance=found,
    )


def _places(places: tuple[str, ...], store: str | None) -> tuple[str | None, str]:
    """The store, if named, and the mount point. Raises UsageProblem."""
    match places:
        case (mountpoint,):
            return store, mountpoint
        case (named, mountpoint) if store is None:
            return named, mountpoint
        case (_, _):
            raise UsageProblem("the store is named twice: give STORE or --store")
    raise UsageProblem("name a mount point: cairnfs mount [STORE] MOUNTPOINT")
