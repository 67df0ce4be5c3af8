"""Plots of what a run of `python -m bench growth` has found: a line for each operation."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench.growth.probe import Cost
from bench.growth.result import UNITS, Growth, Point, cpu, wall
from bench.growth.scenarios import Kind
from bench.plots import Series, plot

NAMES: Final = {  # of what grows, in titles
    Kind.FILES: "number of files",
    Kind.BYTES: "GB",
    Kind.DEPTH: "depth",
    Kind.WIDTH: "entries of one folder",
    Kind.SNAPSHOTS: "number of snapshots",
}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A plot: what its file is called, what it shows, and the SVG."""

    name: str
    title: str
    svg: str


def drawings_of(growth: Growth) -> list[Drawing]:
    """Four plots over the number of files, and one for each other way to be large.

    A way in which only one store was measured has none.
    """
    found = list[Drawing]()
    for kind in Kind:
        points = growth.of(kind)
        if len({point.scenario.amount for point in points}) > 1:
            draw = _by_files if kind is Kind.FILES else _by_others
            found += draw(kind, points, growth.works())
    return found


def _by_files(kind: Kind, points: Sequence[Point], works: Sequence[str]) -> Iterator[Drawing]:
    drawn = partial(_drawing, kind)
    yield drawn("growth-wall.svg", "Wall time of an operation, us", _costs(points, works, wall))
    yield drawn(
        "growth-cpu.svg", "The daemon's CPU time of an operation, us", _costs(points, works, cpu)
    )
    sizes = {
        "resident memory": lambda point: point.resident_bytes / 1e6,
        "index": lambda point: point.index_bytes / 1e6,
        "store": lambda point: point.store_bytes / 1e6,
    }
    yield drawn("growth-sizes.svg", "Memory and disk, MB", _lines(points, sizes))
    mounts = {
        "wall time": lambda point: point.mount_seconds,
        "the daemon's CPU time": lambda point: point.mount_cpu_seconds,
    }
    yield drawn("growth-mount.svg", "Mount after a clean unmount, s", _lines(points, mounts))


def _by_others(kind: Kind, points: Sequence[Point], works: Sequence[str]) -> Iterator[Drawing]:
    title = "The daemon's CPU time of an operation, us"
    yield _drawing(kind, f"growth-{kind}.svg", title, _costs(points, works, cpu))


def _drawing(kind: Kind, name: str, title: str, lines: Sequence[Series]) -> Drawing:
    return Drawing(name, f"{title}, by {NAMES[kind]}", plot(title, UNITS[kind], lines))


Value = Callable[[Point], float | None]


def _costs(
    points: Sequence[Point], works: Sequence[str], what: Callable[[Cost], float]
) -> list[Series]:
    return _lines(points, {work: partial(Point.cost, work=work, what=what) for work in works})


def _lines(points: Sequence[Point], values: dict[str, Value]) -> list[Series]:
    """A line for each value that some of the points have."""
    found = [
        Series(name, [(float(one.scenario.amount), y) for one in points if (y := value(one))])
        for name, value in values.items()
    ]
    return [series for series in found if series.points]
