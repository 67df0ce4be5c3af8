"""Axes: round numbers and moments between the ends of what is plotted."""

from datetime import UTC, datetime
from typing import Final

TICKS_MAX: Final = 5
_STEPS_SECONDS: Final = (
    *(1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600),
    *(86400 * days for days in (1, 2, 7, 14, 30, 91, 182, 365, 730, 1825, 3650)),
)


def size_ticks(largest: float) -> list[float]:
    """Round sizes from 0 up to the largest or a little beyond; two or more."""
    step = 1.0
    while largest / step > TICKS_MAX:
        step *= 2
    return [step * number for number in range(max(int(-(-largest // step)), 1) + 1)]


def time_ticks(first: float, last: float) -> list[tuple[float, str]]:
    """Round moments between two, in seconds since the epoch, with what to write there; in UTC."""
    span = last - first
    fitting = (step for step in _STEPS_SECONDS if span / step <= TICKS_MAX)
    step = next(fitting, _STEPS_SECONDS[-1])
    form = "%Y-%m-%d" if step >= 86400 else "%m-%d %H:%M" if step >= 60 else "%H:%M:%S"
    at = -(-first // step) * step
    ticks: list[tuple[float, str]] = []
    while at <= last and len(ticks) <= 2 * TICKS_MAX:
        ticks.append((at, datetime.fromtimestamp(at, UTC).strftime(form)))
        at += step
    return ticks
