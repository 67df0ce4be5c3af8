"""`cairnfs optimize`: measure a store, predict what would make it smaller, and do it."""

from pathlib import Path
from typing import Any, Final

import click

from daemon.cli.asking import ask
from daemon.cli.common import (
    Decorator,
    human_size,
    json_option,
    path_argument,
    print_json,
    print_table,
    store_meant,
    store_option,
)
from fsmodel.optimizer.strategies import StrategyName

strategy_option: Final[Decorator] = click.option(
    "--strategy",
    "strategies",
    multiple=True,
    type=click.Choice([name.value for name in StrategyName]),
    help="What to do; may be given several times. Everything, when left out.",
)


@click.group()
def command() -> None:
    r"""Make a store smaller, or quicker to read, than it was written.

    \b
    deduplication  cut what is not in chunks yet
    delta          find bases for chunks that stand alone
    compression    compress chunks at the level that is set now
    archival       group cold chunks with what resembles them, as small as it gets
    caching        keep chunks plain that are read often
    repacking      put the chunks of a folder in the order of names
    gc             give back what nothing needs

    Works beside normal use on a mounted store, and can be interrupted at any time.
    """


@command.command("analyze")
@path_argument
@store_option
@json_option
def analyze(path: str | None, store: str | None, as_json: bool) -> None:
    """Say what takes how much, and how it lies."""
    found = _asked(path, store, "analyze")
    if as_json:
        print_json(found)
        return
    for title, key in (("kind", "kinds"), ("held as", "codecs")):
        print_table([(f"{title} {name}", _held(held)) for name, held in found[key].items()])
    print_table(
        [
            ("bases needed", ", ".join(f"{n}: {count}" for n, count in found["depths"].items())),
            ("groups", str(found["groups"])),
            ("packs", f"{found['packs']}, {human_size(found['pack_bytes'])}"),
            ("dead bytes known", human_size(found["dead_bytes"])),
            ("of unneeded objects", human_size(found["unreferenced_bytes"])),
            ("out of order", f"{found['file_jumps']} of {found['file_chunks']} chunks"),
            ("not in chunks yet", f"{found['unsettled_bytes']} B of {found['unsettled_files']}"),
            ("read often", f"{found['hot_chunks']} chunks"),
        ]
    )


@command.command("estimate")
@path_argument
@store_option
@strategy_option
@json_option
def estimate(
    path: str | None, store: str | None, strategies: tuple[str, ...], as_json: bool
) -> None:
    """Predict from a sample what each strategy would save, by itself."""
    found = _asked(path, store, "estimate", strategies)
    if as_json:
        print_json(found)
        return
    print_table(
        [
            (each["strategy"], each["note"] or f"{_saved(each)}, {_sampled(each)}")
            for each in found["estimates"]
        ]
    )


@command.command("run")
@path_argument
@store_option
@strategy_option
@json_option
def run(path: str | None, store: str | None, strategies: tuple[str, ...], as_json: bool) -> None:
    """Do what an estimate finds worth doing, and say what came of it.

    What becomes dead comes back with a collection: the strategy gc, or the next one that begins
    by itself.
    """
    found = _asked(path, store, "run", strategies)
    if as_json:
        print_json(found)
        return
    print_table([(each["strategy"], _came(each)) for each in found["results"]])


def _asked(
    path: str | None, store: str | None, what: str, strategies: tuple[str, ...] = ()
) -> dict[str, Any]:
    meant: Path = store_meant(store, path)
    answer: dict[str, Any] = ask(meant, "optimize", {"what": what, "strategies": list(strategies)})
    return answer


def _held(held: dict[str, int]) -> str:
    plain, stored = held["plain_bytes"], held["stored_bytes"]
    return f"{held['objects']}, {human_size(stored)} for {human_size(plain)}"


def _saved(each: dict[str, Any]) -> str:
    verb = "saves" if each["saved_bytes"] >= 0 else "takes"
    size = human_size(abs(each["saved_bytes"]))
    bound = f" give or take {human_size(each['error_bytes'])}" if each["error_bytes"] else ""
    return f"{verb} {size}{bound}"


def _sampled(each: dict[str, Any]) -> str:
    if not each["jobs"]:
        return "all looked at" if each["saved_bytes"] else "nothing to do"
    return f"by {each['sampled_jobs']} of {each['jobs']} samples"


def _came(each: dict[str, Any]) -> str:
    verb = "saved" if each["saved_bytes"] >= 0 else "took"
    size = human_size(abs(each["saved_bytes"]))
    told = f"{verb} {size}, {each['objects']} objects"
    return f"{told}; {each['note']}" if each["note"] else told
