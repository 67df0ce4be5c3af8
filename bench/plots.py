"""Plots for the documents: lines over a logarithmic axis, as SVG that carries its own colours.

`cairnfs report` draws for a page with a style of its own, over time and from 0 up
(daemon/report/charts.py). Here an image stands alone, on light pages and dark ones, and both axes
count in powers of ten, where a line that stays level is a cost that does not grow.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 360
LEFT: Final = 70
RIGHT: Final = 230  # room for the names
TOP: Final = 40
BOTTOM: Final = 50
NAME_HEIGHT: Final = 18
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666")
TEXT: Final = "#808080"  # legible on white and on black


@dataclass(frozen=True, slots=True)
class Series:
    """A name, and values over positions, all above 0."""

    name: str
    points: Sequence[tuple[float, float]]


class Scale:
    """Where values of a logarithmic axis come to lie, from one power of ten to another."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        """Raises ValueError for values that are not above 0."""
        self._low = math.floor(math.log10(min(values)))
        self._high = max(math.ceil(math.log10(max(values))), self._low + 1)
        self._start, self._end = start, end

    def at(self, value: float) -> float:
        """The position of a value."""
        share = (math.log10(value) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        """The powers of ten, both ends included."""
        return [10.0**power for power in range(self._low, self._high + 1)]


def plot(title: str, x_label: str, lines: Sequence[Series]) -> str:
    """Lines with a mark for each value, and its exact value as the mark's title.

    Raises ValueError when there is no value, or one that is not above 0.
    """
    points = [point for line in lines for point in line.points]
    x = Scale([at for at, _ in points], LEFT, WIDTH - RIGHT)
    y = Scale([value for _, value in points], HEIGHT - BOTTOM, TOP)
    body = [_text(LEFT, TOP - 16, title, "start"), *_axes(x, y, x_label)]
    for number, line in enumerate(lines):
        body += _line(x, y, line, COLOURS[number % len(COLOURS)])
        body += _name(number, line.name)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12">\n<title>{escape(title)}</title>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _axes(x: Scale, y: Scale, x_label: str) -> Iterator[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for tick in y.ticks():
        at = y.at(tick)
        yield _rule(LEFT, at, right, at)
        yield _text(LEFT - 8, at + 4, f"{tick:,g}", "end")
    for tick in x.ticks():
        at = x.at(tick)
        yield _rule(at, TOP, at, bottom)
        yield _text(at, bottom + 18, f"{tick:,.0f}", "middle")
    yield _text((LEFT + right) / 2, bottom + 38, x_label, "middle")


def _line(x: Scale, y: Scale, line: Series, colour: str) -> Iterator[str]:
    places = [(x.at(at), y.at(value), value) for at, value in line.points]
    path = " ".join(f"{left:.1f},{top:.1f}" for left, top, _ in places)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for left, top, value in places:
        title = f"<title>{escape(f'{line.name}: {value:,.4g}')}</title>"
        yield f'<circle cx="{left:.1f}" cy="{top:.1f}" r="4" fill="{colour}">{title}</circle>'


def _name(number: int, name: str) -> Iterator[str]:
    left, top = WIDTH - RIGHT + 20, TOP + number * NAME_HEIGHT
    colour = COLOURS[number % len(COLOURS)]
    yield f'<rect x="{left}" y="{top}" width="10" height="10" fill="{colour}"/>'
    yield _text(left + 16, top + 10, name, "start")


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    places = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {places} stroke="{TEXT}" stroke-opacity="0.3"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{TEXT}" text-anchor="{anchor}">{escape(text)}</text>'
    )
