"""`cairnfs rebuild-index`: the index of a store made again from its packs."""

from typing import Any

import click
import msgspec

from daemon.cli.common import json_option, print_json, store_meant, store_option
from daemon.cli.progress import shown_progress
from daemon.cli.reporting import DONE, FAILED
from daemon.control_protocol import Progress
from daemon.store_waiting import open_when_released

SHOWN_MAX = 20  # of each list; --json has them all


@click.command()
@click.argument("folder", required=False, metavar="[STORE]")
@store_option
@json_option
def command(folder: str | None, store: str | None, as_json: bool) -> int:
    """Make the index of a store again from its packs.

    For a store whose index is lost or damaged, and that is not mounted. Everything is restored as
    the packs show it: names, contents, attributes, inode numbers. They are told of changes every
    minute and when a store is unmounted; what came later is taken from the journal if that fits.
    The old index and journal are kept in the store's quarantine/.

    Exit status: 0 all of it is restored, 1 something is missing or it could not be done.
    """
    from fsmodel.rebuild.rebuild import rebuild_index

    place = store_meant(folder or store, None)
    with shown_progress() as show:
        report = open_when_released(
            place,
            lambda: rebuild_index(
                place, lambda done, total, text: show(Progress(done, total, text))
            ),
        )
    document = {"complete": report.complete, **msgspec.to_builtins(report)}
    if as_json:
        print_json(document)
    else:
        _print(document)
    return DONE if report.complete else FAILED


def _print(document: dict[str, Any]) -> None:
    for reason in document["passed_over"]:
        click.echo(f"passed over: {reason}")
    _print_list("damaged", document["damage"], document["damaged_places"])
    _print_list("needs what is lost", document["hurt_files"])
    _print_list("lacks its last bytes", document["unsettled_files"])
    _print_list("lacks an attribute", document["lost_attributes"])
    _print_list("lost snapshot", document["lost_snapshots"])
    if document["journal_problem"]:
        click.echo(f"the journal was not used to its end: {document['journal_problem']}")
    for place in document["set_aside"]:
        click.echo(f"set aside: {place}")
    replayed = document["replayed_operations"]
    later = f", and {replayed} operations of the journal" if replayed else ""
    click.echo(
        f"{document['inodes']} inodes and {document['objects']} objects, from {document['packs']} "
        f"packs, as of {document['root_time']}{later}"
    )


def _print_list(what: str, items: list[str], number: int | None = None) -> None:
    for item in items[:SHOWN_MAX]:
        click.echo(f"{what}: {item}")
    more = (len(items) if number is None else number) - SHOWN_MAX
    if more > 0:
        click.echo(f"{what}: {more} more; --json lists them")
