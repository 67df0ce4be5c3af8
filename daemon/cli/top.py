"""`cairnfs top`: what a mounted store is doing, live."""

import os
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click
import msgspec

from daemon.cli.common import json_option, path_argument, print_json, store_meant, store_option
from daemon.control_client import ControlClient
from daemon.live_figures import LiveTotals
from daemon.live_rates import LiveRates, rates_between
from daemon.live_table import live_lines
from daemon.metric_catalogue import FLAT
from daemon.problems import NotServed, Problem, other_version

if TYPE_CHECKING:
    from pathlib import Path

ANSWER_SECONDS: Final = 30.0
DUMB: Final = "dumb"  # a terminal that can do nothing but print
INTERVAL: Final = click.FloatRange(min=0.05, max=3600)


@click.command()
@path_argument
@store_option
@click.option("--once", is_flag=True, help="Show it once, over one interval, and end.")
@click.option(
    "--interval", type=INTERVAL, default=1.0, show_default=True, help="Seconds between two looks."
)
@json_option
def command(
    path: str | None, store: str | None, once: bool, interval: float, as_json: bool
) -> None:
    """Show what a mounted store is doing, live.

    Requests of the kernel, how long they take, throughput, cache, savings and memory. Ctrl-C ends
    it. Where standard output is no terminal, lines follow each other. With --json, one document of
    rates over one interval is printed.
    """
    views = _views(store_meant(store, path), interval)
    if as_json:
        print_json(next(views))
    elif once:
        click.echo("\n".join(_lines(next(views))))
    else:
        _follow(views)


def _views(store: "Path", interval: float) -> Iterator[LiveRates]:
    """What happened in each interval, for ever. Raises Problem when no daemon answers."""
    try:
        with ControlClient(store) as client:
            before = _look(client)
            while True:
                time.sleep(interval)
                after = _look(client)
                yield rates_between(before, after)
                before = after
    except NotServed:
        raise Problem(f"{store} is not mounted: there is nothing to watch") from None


def _look(client: ControlClient) -> LiveTotals:
    """Totals of this moment. Raises Problem when a daemon of another version has other ones."""
    answer = client.ask("live", timeout_seconds=ANSWER_SECONDS)
    try:
        totals = msgspec.convert(answer, LiveTotals)
    except msgspec.ValidationError as error:
        raise other_version(str(error)) from error
    missing = [metric.key for metric in FLAT if metric.key not in totals.figures]
    if missing:
        raise other_version(f"it does not tell {missing[0]}")
    return totals


def _lines(rates: LiveRates) -> list[str]:
    return live_lines(rates, datetime.now().astimezone().strftime("%H:%M:%S"))


def _follow(views: Iterator[LiveRates]) -> None:
    """Show one view after the other until somebody has seen enough."""
    try:
        if sys.stdout.isatty() and os.environ.get("TERM", DUMB) != DUMB:
            _on_screen(views)
        else:
            for rates in views:
                click.echo("\n".join([*_lines(rates), ""]))
    except KeyboardInterrupt:
        return  # that is how it ends


def _on_screen(views: Iterator[LiveRates]) -> None:
    from rich.live import Live
    from rich.text import Text

    def shown(lines: list[str]) -> Text:
        return Text("\n".join(lines), no_wrap=True, overflow="crop")

    with Live(shown(["looking ..."]), screen=True, auto_refresh=False) as live:
        for rates in views:
            live.update(shown(_lines(rates)), refresh=True)
