"""`cairnfs jobs`: long work that has not ended."""

from typing import Any

import click

from daemon.cli.asking import ask
from daemon.cli.common import json_option, print_json, print_table, store_meant, store_option


@click.group()
def command() -> None:
    """Show and end long work, or go on with what was cut short.

    A scrub, an optimization, a backup or an import that a crash has cut short is gone on with when
    the store is mounted again. The working directory, or --store, says which store is meant.
    """


@command.command("list")
@store_option
@json_option
def list_all(store: str | None, as_json: bool) -> None:
    """Show the jobs that have not ended."""
    found = ask(store_meant(store, None), "jobs-list")
    if as_json:
        print_json(found)
    elif not found["jobs"]:
        click.echo("there are no jobs")
    else:
        print_table(
            [
                (str(job["number"] or "-"), f"{job['state']}  {job['command']}  {_more(job)}")
                for job in found["jobs"]
            ]
        )


def _more(job: dict[str, Any]) -> str:
    """Since when, or of an index that is being built its name and how much is done."""
    if job["number"] is None:
        return f"{job['arguments']}  {job['progress']:.0%}"
    return f"since {job['started']}"


@command.command("resume")
@click.argument("number", type=int)
@store_option
@json_option
def resume(number: int, store: str | None, as_json: bool) -> None:
    """Go on with a job that waits, and return when it is done."""
    result = ask(store_meant(store, None), "jobs-resume", {"number": number})
    if as_json:
        print_json(result)
    else:
        click.echo(f"job {number} is done")


@command.command("cancel")
@click.argument("number", type=int)
@store_option
@json_option
def cancel(number: int, store: str | None, as_json: bool) -> None:
    """End a job before it is done. What it has done stays."""
    job = ask(store_meant(store, None), "jobs-cancel", {"number": number})
    if as_json:
        print_json(job)
    else:
        click.echo(f"job {number}, {job['command']}, is cancelled")
