"""`cairnfs reload`: a running daemon reads its configuration again."""

from pathlib import Path
from typing import Any, Final

import click

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
from daemon.mount_table import FSTYPE, read_mount_table, store_of
from daemon.problems import NotServed

ANSWER_SECONDS: Final = 30.0


@click.command()
@path_argument
@store_option
@click.option("--pid", type=int, metavar="PID", help="The daemon itself; for systemd.")
@json_option
def command(path: str | None, store: str | None, pid: int | None, as_json: bool) -> None:
    """Let a changed configuration hold without a remount; the same as SIGHUP.

    What can change at once does, and is told; so is what waits for the next mount. When anything
    is wrong, nothing changes and the exit status is 1.
    """
    meant = store_meant(store, path) if pid is None else _store_of_process(pid)
    with ControlClient(meant) as client:
        reloaded = client.ask("reload", timeout_seconds=ANSWER_SECONDS)
    if as_json:
        print_json(reloaded)
    else:
        print_table(_rows(reloaded) or [("nothing has changed", "")])


def _rows(reloaded: dict[str, Any]) -> list[tuple[str, str]]:
    changed = reloaded["changed"].items()
    now = [(name, f"{change['old']} -> {change['new']}") for name, change in changed]
    return now + [(name, "waits for the next mount") for name in reloaded["next_mount"]]


def _store_of_process(pid: int) -> Path:
    """What a process serves, whatever files say by now. Raises NotServed."""
    for mount in read_mount_table():
        store = store_of(mount) if mount.fstype == FSTYPE else None
        daemon = None if store is None else running_daemon(store)
        if store is not None and daemon is not None and daemon.pid == pid:
            return store
    raise NotServed(f"process {pid} serves no mount: see `cairnfs status`")
