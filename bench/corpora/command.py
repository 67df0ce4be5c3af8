"""`python -m bench corpora`."""

from collections.abc import Sequence
from pathlib import Path

import click

from bench.corpora.build import build_corpora, table_of
from bench.corpora.corpus import Kind, Scale
from bench.options import FOLDER, kinds_option, progress


@click.command()
@kinds_option(Kind, "Not all of them")
@click.option(
    "--scale",
    default=Scale.SMALL.value,
    show_default=True,
    type=click.Choice([scale.value for scale in Scale]),
    help="Tens of MB each, or hundreds.",
)
@click.option("--into", required=True, type=FOLDER, help="What is there already stays.")
def corpora(kinds: Sequence[str], scale: str, into: Path) -> None:
    """Build corpora of public packages for `peers`."""
    wanted = [Kind(kind) for kind in kinds] or [*Kind]
    into.mkdir(parents=True, exist_ok=True)
    built = build_corpora(into, wanted, Scale(scale), progress)
    click.echo(table_of(built))
