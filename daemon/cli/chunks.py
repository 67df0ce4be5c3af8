"""`cairnfs chunks`: what the contents of files are stored as."""

from typing import Any, Final

import click

from daemon.cli.asking import ask
from daemon.cli.common import (
    human_size,
    json_option,
    path_argument,
    print_json,
    print_table,
    store_meant,
    store_option,
)
from daemon.cli.reporting import DONE, FAILED
from daemon.control_commands.chunks import CODECS
from fsmodel.upkeep.chunk_query import LIMIT_MAX, ChunkOrder

SHORT_ID_DIGITS: Final = 16


@click.group()
def command() -> None:
    """List, show and verify the chunks that contents are stored as.

    A chunk has an id, the BLAKE3-256 of its bytes, of which any number of first digits will do
    that only one chunk begins with.
    """


@command.command("list")
@path_argument
@store_option
@click.option("--min-size", type=int, metavar="BYTES", help="Chunks of at least so many bytes.")
@click.option("--max-size", type=int, metavar="BYTES", help="Chunks of at most so many bytes.")
@click.option("--has-base/--no-base", default=None, help="Only deltas, or only others.")
@click.option("--codec", type=click.Choice(list(CODECS)), help="How they are stored.")
@click.option("--min-refs", type=int, metavar="N", help="Named at least so often.")
@click.option("--max-refs", type=int, metavar="N", help="Named at most so often; 0: garbage.")
@click.option(
    "--sort",
    type=click.Choice([order.value for order in ChunkOrder]),
    default=ChunkOrder.SIZE.value,
    help="What comes first: the largest, the most named, the last read.",
)
@click.option("--reverse", is_flag=True, help="The smallest, least named, longest unread first.")
@click.option(
    "--limit", type=click.IntRange(1, LIMIT_MAX), default=100, metavar="N", help="At most N (100)."
)
@json_option
def list_chunks(path: str | None, store: str | None, as_json: bool, **asked: object) -> None:
    """List chunks, the largest first.

    When a chunk was read is known since the store was mounted, and of the last 16,384 that were.
    """
    report = ask(store_meant(store, path), "chunks-list", asked)
    if as_json:
        print_json(report)
        return
    for chunk in report["chunks"]:
        click.echo(
            f"{chunk['id'][:SHORT_ID_DIGITS]}  {chunk['size']:>9} B  {chunk['stored']:>9} B stored"
            f"  {chunk['codec']:<5}  {chunk['references']:>6} refs  {chunk['last_read'] or '-'}"
        )


@command.command("show")
@click.argument("chunk", metavar="ID")
@store_option
@json_option
def show(chunk: str, store: str | None, as_json: bool) -> None:
    """Show a chunk, and the files that cannot be read without it."""
    report = ask(store_meant(store, None), "chunks-show", {"id": chunk})
    if as_json:
        print_json(report)
        return
    print_table(_rows(report))
    for needed_by in report["paths"]:
        click.echo(f"needed by {needed_by}")


@command.command("verify")
@click.argument("chunks", metavar="ID...", nargs=-1, required=True)
@store_option
@json_option
def verify(chunks: tuple[str, ...], store: str | None, as_json: bool) -> int:
    """Read chunks from their packs and compare them with their ids.

    Exit status: 0 all can be read, 1 one is damaged, or is not there.
    """
    report = ask(store_meant(store, None), "chunks-verify", {"ids": list(chunks)})
    if as_json:
        print_json(report)
    else:
        for each in report["chunks"]:
            word = "sound" if each["sound"] else f"damaged: {each['problem']}"
            click.echo(f"{each['id'][:SHORT_ID_DIGITS]}  {word}")
    return DONE if report["sound"] else FAILED


def _rows(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("id", report["id"]),
        ("size", human_size(report["size"])),
        ("stored", human_size(report["stored"])),
        ("codec", report["codec"]),
        ("base", report["base"] or "none"),
        ("references", str(report["references"])),
        ("pack", str(report["pack"])),
        ("last read", report["last_read"] or "not since the store was opened"),
    ]
