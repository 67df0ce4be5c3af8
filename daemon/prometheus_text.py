"""Metrics in the text format of Prometheus, version 0.0.4.

https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterable, Iterator
from typing import Final

from daemon import __version__
from daemon.metric_catalogue import BUILD_INFO, DURATIONS, ERRORS, FLAT, Metric
from daemon.operation_tallies import OperationTally, Tallies

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
# Bounds of the histogram: every second class of the tallies, 8 us to 8.6 s.
BOUND_EXPONENTS: Final = range(13, 34, 2)

Figures = dict[str, int | float]
Sample = tuple[str, int | float]  # what follows the metric's name, and the value


def prometheus_text(figures: Figures, tallies: Tallies) -> bytes:
    """All metrics. Kinds of requests that nobody has made are left out."""
    lines: list[str] = []
    for metric in FLAT:
        lines += _family(metric, [("", figures[metric.key])])
    lines += _family(BUILD_INFO, [(f'{{version="{_escaped(__version__)}"}}', 1)])
    used = {name: tally for name, tally in tallies.items() if tally.started}
    lines += _family(DURATIONS, _histograms(used))
    lines += _family(ERRORS, _errors(used))
    return "\n".join((*lines, "")).encode()


def _family(metric: Metric, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.meaning}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for rest, value in samples:
        yield f"{metric.name}{rest} {value}"


def _histograms(tallies: Tallies) -> Iterator[Sample]:
    for name, tally in tallies.items():
        yield from _histogram(f'operation="{name}"', tally)


def _histogram(label: str, tally: OperationTally) -> Iterator[Sample]:
    for exponent in BOUND_EXPONENTS:
        yield f'_bucket{{{label},le="{2**exponent / 1e9}"}}', tally.at_most(exponent)
    yield f'_bucket{{{label},le="+Inf"}}', tally.ended
    yield f"_sum{{{label}}}", tally.total_ns / 1e9
    yield f"_count{{{label}}}", tally.ended


def _errors(tallies: Tallies) -> Iterator[Sample]:
    for name, tally in tallies.items():
        for errno, times in sorted(tally.errors.items()):
            yield f'{{operation="{name}",errno="{_escaped(errno)}"}}', times


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
