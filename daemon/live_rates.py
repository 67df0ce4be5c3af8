"""Rates between two looks at a daemon: the document of `cairnfs top --json`."""

from typing import Final

import msgspec

from daemon.live_figures import LiveTotals, OperationTotals

NOTHING: Final = OperationTotals(0, 0, 0, ())
NS: Final = 1e-9


class OperationRates(msgspec.Struct, frozen=True):
    """One kind of request in the time between. Times are null when none ended."""

    per_second: float
    errors_per_second: float
    mean_seconds: float | None
    median_seconds: float | None  # within a factor of two, as is the next
    p99_seconds: float | None


class LiveRates(msgspec.Struct, frozen=True):
    """A served store in the time between."""

    store: str
    mountpoint: str
    version: str
    long_work: str
    seconds: float  # between the two looks
    operations_per_second: float
    errors_per_second: float  # answers to the kernel; most are everyday ones, such as ENOENT
    read_bytes_per_second: float
    written_bytes_per_second: float
    cache_hit_rate: float | None  # null when no chunk was wanted
    cpu_ratio: float  # of one processor
    figures: dict[str, int | float]  # at the end
    operations: dict[str, OperationRates]  # those that took most time first


def rates_between(before: LiveTotals, after: LiveTotals) -> LiveRates:
    """What happened between two looks at the same daemon."""
    seconds = max(after.monotonic_seconds - before.monotonic_seconds, NS)

    def gained(key: str) -> float:
        return after.figures[key] - before.figures[key]

    hits, misses = gained("cache_hits"), gained("cache_misses")
    ended = {
        name: _gained(before.operations.get(name, NOTHING), totals)
        for name, totals in after.operations.items()
    }
    busiest = sorted(ended, key=lambda name: (-ended[name].total_ns, name))
    return LiveRates(
        store=after.store,
        mountpoint=after.mountpoint,
        version=after.version,
        long_work=after.long_work,
        seconds=seconds,
        operations_per_second=gained("operations") / seconds,
        errors_per_second=sum(each.errors for each in ended.values()) / seconds,
        read_bytes_per_second=gained("read_bytes") / seconds,
        written_bytes_per_second=gained("written_bytes") / seconds,
        cache_hit_rate=hits / (hits + misses) if hits + misses else None,
        cpu_ratio=gained("process_cpu_seconds") / seconds,
        figures=after.figures,
        operations={name: _rates(ended[name], seconds) for name in busiest if ended[name].started},
    )


def _gained(before: OperationTotals, after: OperationTotals) -> OperationTotals:
    classes = before.classes or (0,) * len(after.classes)
    return OperationTotals(
        after.started - before.started,
        after.total_ns - before.total_ns,
        after.errors - before.errors,
        tuple(new - old for old, new in zip(classes, after.classes, strict=True)),
    )


def _rates(totals: OperationTotals, seconds: float) -> OperationRates:
    ended = sum(totals.classes)
    return OperationRates(
        per_second=totals.started / seconds,
        errors_per_second=totals.errors / seconds,
        mean_seconds=totals.total_ns * NS / ended if ended else None,
        median_seconds=quantile(totals.classes, 0.5),
        p99_seconds=quantile(totals.classes, 0.99),
    )


def quantile(classes: tuple[int, ...], share: float) -> float | None:
    """The time below which that share of requests ended, in seconds; None when none did.

    Within a class, times are taken to be spread evenly, as Prometheus does.
    """
    wanted = share * sum(classes)
    if not wanted:
        return None
    below = 0
    for exponent, count in enumerate(classes):
        if below + count >= wanted:
            start = 1 << (exponent - 1) if exponent else 0
            return (start + ((1 << exponent) - start) * (wanted - below) / count) * NS
        below += count
    raise AssertionError("the classes hold what their sum says")
