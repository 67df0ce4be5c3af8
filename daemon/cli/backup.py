"""`cairnfs backup`: a store in one file, made while it is in use."""

import os
from dataclasses import asdict
from pathlib import Path

import click
import msgspec

from daemon.cli.asking import ask
from daemon.cli.common import human_size, json_option, print_json, store_meant, store_option
from daemon.cli.progress import shown_progress
from daemon.cli.reporting import DONE, FAILED
from daemon.control_protocol import Progress
from daemon.mount_table import mount_holding, read_mount_table, store_of
from daemon.problems import UsageProblem


@click.group()
def command() -> None:
    """Put a store into one file, and make a store of such a file.

    A backup holds everything: files with all their attributes, versions, snapshots, analyses,
    series. It is made beside normal use. Where the file is there already, only what is new is
    added, and the former backup counts until the new one is complete.
    """


@command.command("create")
@click.argument("file", type=click.Path(path_type=Path))
@store_option
@json_option
def create(file: Path, store: str | None, as_json: bool) -> None:
    """Back up everything as it is now.

    The working directory, or --store, says which store is meant. FILE lies on another disk.
    """
    place = store_meant(store, None)
    target = file.parent.resolve() / file.name
    mount = mount_holding(read_mount_table(), str(target.parent))
    if mount is not None and store_of(mount) == place:
        raise UsageProblem(f"{target} lies in the mount that is backed up: name another place")
    made = ask(place, "backup-create", {"file": os.fsencode(target)})
    if as_json:
        print_json(made)
    else:
        click.echo(
            f"{target}: {human_size(made['store_bytes'])} in {made['packs']} packs, "
            f"{human_size(made['added_bytes'])} of it new"
        )


@command.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("store", type=click.Path(path_type=Path))
@json_option
def restore(file: Path, store: Path, as_json: bool) -> int:
    """Make a store of a backup, in an empty folder or one that is not there.

    Exit status: 0 all of it is restored, 1 something is missing or it could not be done.
    """
    from fsmodel.backup.restoring import restore_backup

    with shown_progress() as show:
        report = restore_backup(
            file, store.absolute(), lambda done, total, text: show(Progress(done, total, text))
        )
    if as_json:
        print_json({"complete": report.complete, **msgspec.to_builtins(report)})
    else:
        missing = "" if report.complete else "; something is missing: see --json"
        click.echo(f"{store}: {report.inodes} inodes as of {report.root_time}{missing}")
    return DONE if report.complete else FAILED


@command.command("verify")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--thorough", is_flag=True, help="Make a store of it for a trial, beside the file.")
@json_option
def verify(file: Path, thorough: bool, as_json: bool) -> int:
    """Read a whole backup and compare it with its checksums.

    Exit status: 0 it can be restored, 1 it is damaged or cannot be read.
    """
    from fsmodel.backup.restoring import verify_backup

    with shown_progress() as show:
        report = verify_backup(
            file.absolute(),
            lambda done, total, text: show(Progress(done, total, text)),
            thorough=thorough,
        )
    sound = not report.damaged and report.restorable is not False
    if as_json:
        print_json({"sound": sound, **asdict(report)})
    else:
        for name in report.damaged:
            click.echo(f"damaged: {name}")
        tried = "" if report.restorable is None else ", a store was made of it for a trial"
        state = "sound" if sound else "not sound"
        click.echo(f"{file}: {human_size(report.store_bytes)} of {report.created}: {state}{tried}")
    return DONE if sound else FAILED
