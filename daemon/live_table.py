"""`cairnfs top` for people: a few lines about the store, and one for each kind of request."""

from collections.abc import Iterator
from typing import Final

from daemon.human import duration, printable, size
from daemon.live_rates import LiveRates, OperationRates

OPERATIONS_SHOWN: Final = 15
HEAD: Final = f"{'request':<12}{'/s':>10}{'mean':>11}{'median':>11}{'99 %':>11}{'errors/s':>11}"


def live_lines(rates: LiveRates, clock: str) -> list[str]:
    """The view as lines. `clock` is the time of day to show."""
    lines = [f"{printable(rates.store)} at {printable(rates.mountpoint)}  {clock}", ""]
    lines += [f"{name:<12}{'   '.join(facts)}" for name, facts in _summary(rates)]
    lines += ["", HEAD]
    lines += [
        _operation(name, each) for name, each in list(rates.operations.items())[:OPERATIONS_SHOWN]
    ]
    return lines if rates.operations else [*lines, "nobody asks for anything"]


def _summary(rates: LiveRates) -> Iterator[tuple[str, list[str]]]:
    """Names of lines, and the facts on each."""
    figures = rates.figures
    hits = rates.cache_hit_rate
    yield (
        "requests",
        [
            f"{rates.operations_per_second:,.0f}/s",
            f"{figures['operations_in_flight']} waiting",
            f"{figures['errors']} errors logged",
        ],
    )
    yield (
        "throughput",
        [
            f"read {size(rates.read_bytes_per_second)}/s",
            f"written {size(rates.written_bytes_per_second)}/s",
            f"{size(figures['dirty_bytes'])} not stored yet",
        ],
    )
    yield (
        "cache",
        ["no chunk wanted" if hits is None else f"{hits:.1%} hits", size(figures["cache_bytes"])],
    )
    yield (
        "store",
        [
            f"{size(figures['logical_bytes'])} in {figures['files']:,} files",
            f"{size(figures['unique_bytes'])} unique",
            f"{size(figures['stored_bytes'])} stored",
        ],
    )
    yield (
        "savings",
        [
            f"dedupe {figures['dedupe_ratio']:.2f}",
            f"compression {figures['compression_ratio']:.2f}",
            f"deltas {size(figures['delta_saved_bytes'])}",
            f"garbage {size(figures['garbage_bytes'])}",
        ],
    )
    yield (
        "journal",
        [
            f"{figures['journal_changes']:,} changes in {size(figures['journal_bytes'])}",
            f"last checkpoint {duration(figures['checkpoint_age_seconds'])} ago",
            *(["CHECKPOINTS FAIL"] if figures["checkpoint_failing"] else []),
        ],
    )
    yield (
        "process",
        [
            f"{size(figures['process_resident_memory_bytes'])} of memory",
            f"{rates.cpu_ratio:.0%} of a processor",
            f"{figures['open_files']} files open",
        ],
    )
    if rates.long_work:
        yield "running", [printable(rates.long_work)]


def _operation(name: str, rates: OperationRates) -> str:
    return (
        f"{printable(name):<12}{rates.per_second:>10,.1f}{duration(rates.mean_seconds):>11}"
        f"{duration(rates.median_seconds):>11}{duration(rates.p99_seconds):>11}"
        f"{rates.errors_per_second:>11,.1f}"
    )
