"""Plots as SVG, drawn from numbers. Every text in them is escaped here.

Colours are those of the page's style (`series0` and so on), so that dark and light both fit. Each
mark has a title with its exact value, which browsers show.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

from daemon.human import printable, size
from daemon.report.scales import size_ticks, time_ticks

WIDTH: Final = 880
LEFT: Final = 90  # room for what stands at the axis
RIGHT: Final = 20
TOP: Final = 10
BOTTOM: Final = 30
LINES_HEIGHT: Final = 300
COLUMNS_HEIGHT: Final = 200
BAR: Final = 9
BAR_GAP: Final = 12
NAME_WIDTH: Final = 210
NAME_CHARACTERS: Final = 30
VALUE_WIDTH: Final = 90


@dataclass(frozen=True, slots=True)
class Line:
    """A name, and values at moments in seconds since the epoch."""

    name: str
    points: Sequence[tuple[float, float]]


def line_chart(label: str, lines: Sequence[Line]) -> str:
    """Lines over time, from 0 up. There must be a point."""
    moments = [at for line in lines for at, _ in line.points]
    first, last = min(moments), max(moments)
    ticks = size_ticks(max(value for line in lines for _, value in line.points))
    area = _Area(first, max(last, first + 1), ticks[-1], LINES_HEIGHT)
    body = [*area.size_axis(ticks), *area.time_axis(time_ticks(first, last))]
    for number, line in enumerate(lines):
        points = " ".join(f"{area.x(at):.1f},{area.y(value):.1f}" for at, value in line.points)
        body.append(f'<polyline class="line series{number}" points="{points}"/>')
        body += [_dot(area, number, line.name, *point) for point in line.points[-1:]]
    return _svg(label, LINES_HEIGHT, body)


def column_chart(label: str, columns: Sequence[tuple[str, float, str]]) -> str:
    """Columns side by side: a name, a value in bytes, and a title for each. There must be one."""
    ticks = size_ticks(max(value for _, value, _ in columns))
    area = _Area(0, len(columns), ticks[-1], COLUMNS_HEIGHT)
    body = list(area.size_axis(ticks))
    width = min((area.x(1) - area.x(0)) * 0.8, 40)
    for at, (_, value, title) in enumerate(columns):
        top, left = area.y(value), area.x(at + 0.5) - width / 2
        body.append(
            f'<rect class="series0" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{area.bottom - top:.1f}"><title>{_text(title)}</title></rect>'
        )
    for at in {0, len(columns) - 1}:
        x = min(max(area.x(at + 0.5), LEFT + 35), WIDTH - RIGHT - 35)
        body.append(_label(x, area.bottom + 20, columns[at][0], "middle"))
    return _svg(label, COLUMNS_HEIGHT, body)


def bar_chart(label: str, names: Sequence[str], rows: Sequence[tuple[str, list[int]]]) -> str:
    """For each row its name and a bar for each of some values in bytes, named by `names`."""
    largest = max((value for _, values in rows for value in values), default=0) or 1
    room = WIDTH - NAME_WIDTH - VALUE_WIDTH
    height = len(rows) * (len(names) * BAR + BAR_GAP) + TOP
    body: list[str] = []
    for at, (name, values) in enumerate(rows):
        top = TOP + at * (len(names) * BAR + BAR_GAP)
        middle = top + len(names) * BAR / 2 + 4
        body.append(_row_name(middle, name))
        for number, value in enumerate(values):
            width = max(value / largest * room, 1 if value else 0)
            title = _text(f"{printable(name)}: {names[number]} {size(value)}")
            body.append(
                f'<rect class="series{number}" x="{NAME_WIDTH}" y="{top + number * BAR}" '
                f'width="{width:.1f}" height="{BAR - 1}"><title>{title}</title></rect>'
            )
        longest = NAME_WIDTH + max(values) / largest * room
        body.append(_label(longest + 8, middle, size(max(values)), "start"))
    return _svg(label, height, body)


def legend(names: Sequence[str]) -> str:
    """Which colour is which."""
    items = (
        f'<li><span class="key series{number}"></span>{_text(name)}</li>'
        for number, name in enumerate(names)
    )
    return f'<ul class="legend">{"".join(items)}</ul>'


class _Area:
    """Where values come to lie: x from first to last, y from 0 to the largest."""

    def __init__(self, first: float, last: float, largest: float, height: int) -> None:
        self._first = first
        self._wide = (WIDTH - LEFT - RIGHT) / (last - first)
        self._high = (height - TOP - BOTTOM) / largest
        self.bottom = height - BOTTOM

    def x(self, at: float) -> float:
        """From the left."""
        return LEFT + (at - self._first) * self._wide

    def y(self, value: float) -> float:
        """From the top."""
        return self.bottom - value * self._high

    def size_axis(self, ticks: Sequence[float]) -> Iterator[str]:
        """Lines across, with sizes."""
        for tick in ticks:
            y = self.y(tick)
            yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield _label(LEFT - 8, y + 4, size(tick), "end")

    def time_axis(self, ticks: Sequence[tuple[float, str]]) -> Iterator[str]:
        """Moments below."""
        for at, text in ticks:
            x = min(max(self.x(at), LEFT + 35), WIDTH - RIGHT - 35)
            yield _label(x, self.bottom + 20, text, "middle")


def _svg(label: str, height: int, body: Sequence[str]) -> str:
    return (
        f'<svg role="img" aria-label="{_text(label)}" viewBox="0 0 {WIDTH} {height}">\n'
        + "\n".join(body)
        + "\n</svg>"
    )


def _dot(area: _Area, number: int, name: str, at: float, value: float) -> str:
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
    title = _text(f"{name}, {when} UTC: {size(value)}")
    return (
        f'<circle class="series{number}" cx="{area.x(at):.1f}" cy="{area.y(value):.1f}" r="4">'
        f"<title>{title}</title></circle>"
    )


def _row_name(y: float, name: str) -> str:
    """A name, shortened to what there is room for; its title has it whole."""
    whole = printable(name)
    short = whole if len(whole) <= NAME_CHARACTERS else f"{whole[: NAME_CHARACTERS - 1]}…"
    return (
        f'<text x="{NAME_WIDTH - 8}" y="{y:.1f}" text-anchor="end">{_text(short)}'
        f"<title>{_text(whole)}</title></text>"
    )


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_text(text)}</text>'


def _text(text: str) -> str:
    return escape(printable(text))
