"""`cairnfs reload`: a running daemon reads its configuration again."""

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

ANSWER_SECONDS: Final = 30.0


@click.command()
@path_argument
@store_option
@json_option
def command(path: str | None, store: str | None, as_json: bool) -> None:
    """Let a changed configuration hold without a remount; the same as SIGHUP.

    What can change at once does, and is told; so is what waits for the next mount. When anything
    is wrong, nothing changes and the exit status is 1.
    """
    with ControlClient(store_meant(store, path)) as client:
        reloaded = client.ask("reload", timeout_seconds=ANSWER_SECONDS)
    if as_json:
        print_json(reloaded)
    else:
        print_table(_rows(reloaded) or [("nothing has changed", "")])


def _rows(reloaded: dict[str, Any]) -> list[tuple[str, str]]:
    changed = reloaded["changed"].items()
    now = [(name, f"{change['old']} -> {change['new']}") for name, change in changed]
    return now + [(name, "waits for the next mount") for name in reloaded["next_mount"]]
