"""`cairnfs stats`: what a store holds and what that takes."""

from typing import Final

import click

from daemon.cli.asking import ask
from daemon.cli.common import json_option, path_argument, print_json, store_meant, store_option
from daemon.human import size
from daemon.metric_catalogue import FLAT

# Figures that belong together, in the order they are shown; what is new stands at the end.
GROUPS: Final = (
    "files directories symlinks inodes logical_bytes versions version_bytes".split(),
    "dedupe_ratio unique_bytes compression_ratio stored_bytes".split(),
    "chunks delta_chunks delta_saved_bytes packs garbage_bytes".split(),
    "cache_hit_rate cache_hits cache_misses cache_bytes".split(),
)
MEANINGS: Final = {metric.key: metric.meaning for metric in FLAT}


@click.command()
@path_argument
@store_option
@json_option
def command(path: str | None, store: str | None, as_json: bool) -> None:
    """Show what a store holds and what that takes.

    PATH names the store by any path in its mount. The figures are those of the whole store,
    mounted or not.
    """
    figures = ask(store_meant(store, path), "stats")
    if as_json:
        print_json(figures)
    else:
        click.echo("\n".join(stats_lines(figures)))


def stats_lines(figures: dict[str, int | float]) -> list[str]:
    """Name, value and meaning of each figure, in groups, aligned."""
    known = {name for group in GROUPS for name in group}
    groups = [*GROUPS, [name for name in figures if name not in known]]
    names = max(map(len, figures))
    values = max(len(_shown(name, value)) for name, value in figures.items())
    lines: list[str] = []
    for group in groups:
        rows = [
            f"{name:<{names}}  {_shown(name, figures[name]):>{values}}  {MEANINGS.get(name, '')}"
            for name in group
            if name in figures
        ]
        lines += [*([""] if lines and rows else []), *(row.rstrip() for row in rows)]
    return lines


def _shown(name: str, value: float) -> str:
    if name.endswith("_bytes"):
        return size(value)
    if name.endswith("_rate"):
        return f"{value:.1%}"
    return f"{value:.3f}" if name.endswith("_ratio") else f"{value:,}"
