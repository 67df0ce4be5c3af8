"""`cairnfs versions`: earlier contents of files."""

import click

from daemon.cli.asking import ask
from daemon.cli.common import (
    human_size,
    json_option,
    print_json,
    print_table,
    store_meant,
    store_option,
)
from daemon.problems import UsageProblem
from daemon.store_paths import store_path

path_argument = click.argument("path", metavar="PATH")


@click.group()
def command() -> None:
    """Show, bring back or drop earlier contents of files.

    Each is named after the time until which a file was like that. On a mounted store they can be
    read as DIR/.versions/NAME/TIME.
    """


@command.command("list")
@path_argument
@store_option
@json_option
def list_versions(path: str, store: str | None, as_json: bool) -> None:
    """List the versions of a file, or of all files that are or were in a directory."""
    meant = store_path(store, path)
    report = ask(meant.store, "versions-list", {"path": meant.path})
    if as_json:
        print_json(report)
        return
    print_table(
        [
            (version["time"], f"{human_size(version['size']):>24}  {version['name']}")
            for version in report["versions"]
        ]
    )


@command.command("restore")
@path_argument
@click.option("--time", metavar="TIME", help="Which version, as listed; the last by default.")
@store_option
@json_option
def restore(path: str, time: str | None, store: str | None, as_json: bool) -> None:
    """Let a file be again what it was until TIME, or before it changed last.

    Also brings back a deleted file. What is there now becomes a version itself.
    """
    meant = store_path(store, path)
    report = ask(meant.store, "versions-restore", {"path": meant.path, "time": time})
    if as_json:
        print_json(report)
    else:
        click.echo(f"{path} is again what it was until {report['time']}")


@command.command("prune")
@click.argument("path", required=False, metavar="[PATH]")
@click.option("--all", "everything", is_flag=True, help="Drop every version of the store.")
@store_option
@json_option
def prune(path: str | None, everything: bool, store: str | None, as_json: bool) -> None:
    """Drop every version of a file, or of what is or was below a directory.

    Without PATH: those that are too many or too old by now, which also happens by itself; with
    --all every version of the store. `cairnfs gc` then gives the space back.
    """
    if path is not None and everything:
        raise UsageProblem("--all means the whole store: leave out PATH, or --all")
    if path is None:
        report = ask(store_meant(store, None), "versions-prune", {"everything": everything})
    else:
        meant = store_path(store, path)
        report = ask(meant.store, "versions-prune", {"path": meant.path})
    if as_json:
        print_json(report)
    else:
        click.echo(f"{report['dropped']} versions dropped")
