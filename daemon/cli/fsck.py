"""`cairnfs fsck`: the whole store against itself."""

from typing import Any, Final

import click

from daemon.cli.asking import ask
from daemon.cli.common import json_option, path_argument, print_json, store_meant, store_option
from daemon.cli.reporting import DONE, FAILED

DETAILS_SHOWN: Final = 10  # of what one finding sums up
REPAIRS_SHOWN: Final = 20


@click.command()
@path_argument
@store_option
@click.option("--repair", is_flag=True, help="Put right what is wrong.")
@click.option("-v", "--verbose", is_flag=True, help="Show every object and path concerned.")
@json_option
def command(path: str | None, store: str | None, repair: bool, verbose: bool, as_json: bool) -> int:
    """Check a store for consistency, and put it right.

    Everything that can be derived is derived again and compared. Works on a mounted store too, as
    of this moment. The bytes of files are not read: that is what scrub is for.

    Without --repair nothing is changed. With it, on a mounted store, references, packs, trees and
    counters are put right; names, contents, the journal and the index need it unmounted. What is
    taken out goes to quarantine/ in the store, what has no name to lost+found in the root. Bytes
    that are lost stay lost until they are written again: the files are named, and all else in
    them can be read.

    Exit status: 0 nothing is wrong (any more), 1 something is, or it could not be done.
    """
    report = ask(store_meant(store, path), "fsck", {"repair": repair})
    if as_json:
        print_json(report)
    else:
        _print(report, repair=repair, verbose=verbose)
    return DONE if report["clean"] else FAILED


def _print(report: dict[str, Any], *, repair: bool, verbose: bool) -> None:
    done = [f"repaired: {each['part']}: {each['text']}" for each in report["repaired"]]
    _print_some(done, None if verbose else REPAIRS_SHOWN, "")
    for place in report["set_aside"]:
        click.echo(f"set aside: {place}")
    for finding in report["findings"]:
        click.echo(f"{finding['part']}: {finding['text']}")
        _print_some(finding["details"], None if verbose else DETAILS_SHOWN, "  ")
    found = len(report["findings"])
    what = "left" if repair else "findings"
    click.echo(f"{report['inodes']} inodes, {report['objects']} objects: {found} {what}")
    advice = _advice(report, repair=repair)
    if advice:
        click.echo(advice)


def _print_some(lines: list[str], limit: int | None, indent: str) -> None:
    for line in lines[:limit]:
        click.echo(f"{indent}{line}")
    if limit is not None and len(lines) > limit:
        click.echo(f"{indent}{len(lines) - limit} more; --verbose shows them")


def _advice(report: dict[str, Any], *, repair: bool) -> str:
    """What to do about what is left."""
    parts = {finding["part"] for finding in report["findings"]}
    if parts == {"damage"}:
        return "write the files named above again, or delete them, then run cairnfs gc"
    if parts and not repair:
        return "run cairnfs fsck --repair"
    if parts and report["mounted"]:
        return "what is left needs cairnfs umount first, then cairnfs fsck --repair"
    return ""
