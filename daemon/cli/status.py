"""`cairnfs status`: whether a store is mounted, and how its daemon does."""

from pathlib import Path
from typing import Any, Final

import click
import msgspec

from daemon.cli.common import (
    json_option,
    path_argument,
    print_json,
    print_table,
    store_meant,
    store_option,
)
from daemon.control_client import ControlClient
from daemon.daemon_record import running_daemon
from daemon.mount_table import mount_at, mount_of_store, read_mount_table
from daemon.problems import NotServed, Problem
from daemon.status_report import offline_report
from fsmodel.store.format_file import read_format
from fsmodel.store.layout import StoreLayout

ANSWER_SECONDS: Final = 10.0


@click.command()
@path_argument
@store_option
@json_option
def command(path: str | None, store: str | None, as_json: bool) -> None:
    """Show whether a store is mounted, and how its daemon does.

    Exit status: 0 the answer is known, also when it is that the store is not mounted.
    """
    document = _status(store_meant(store, path))
    if as_json:
        print_json(document)
    else:
        print_table([(name, _shown(value)) for name, value in document.items()])


def _status(store: Path) -> dict[str, Any]:
    """The daemon's own word, else what can be seen without one. Raises Problem, NotAStore."""
    try:
        with ControlClient(store) as client:
            answer: dict[str, Any] = client.ask("status", timeout_seconds=ANSWER_SECONDS)
            return answer
    except NotServed:
        read_format(StoreLayout(store))
    daemon = running_daemon(store)
    mounts = read_mount_table()
    if daemon is not None and mount_at(mounts, daemon.mountpoint) is not None:
        raise Problem(
            f"process {daemon.pid} serves {store} at {daemon.mountpoint} and does not answer: "
            "only its own user and root may ask it"
        )
    mount = mount_of_store(mounts, store)
    report = offline_report(store, mount.mountpoint if mount is not None else None)
    document: dict[str, Any] = msgspec.to_builtins(report)
    return document


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else str(value)
