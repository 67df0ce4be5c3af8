"""What a run of `python -m bench growth` has found, as data, as tables and as plots."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from bench.growth.probe import Cost
from bench.growth.scenarios import Kind, Scenario
from bench.mounts import BenchProblem
from bench.plots import Series, plot
from bench.report import NOTHING, aligned
from bench.results import Environment
from bench.targets import Judged

FORMAT: Final = 1
FACTOR_MAX: Final = 1.3  # what an operation may cost in the largest store beside the smallest
MOUNT_SECONDS_MAX: Final = 1.0
UNITS: Final = {
    Kind.FILES: "files",
    Kind.BYTES: "GB",
    Kind.DEPTH: "levels deep",
    Kind.WIDTH: "entries in a folder",
    Kind.SNAPSHOTS: "snapshots",
}


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One mount of a store, and what was measured before it was unmounted."""

    mount_seconds: float
    mount_cpu_seconds: float  # of the daemon, until it was quiet
    unmount_seconds: float
    resident_bytes: int  # after the operations
    costs: list[Cost]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One store."""

    scenario: Scenario
    populate_seconds: float  # without a mount
    index_bytes: int
    store_bytes: int
    rounds: list[Round]

    @property
    def title(self) -> str:
        """As people say it."""
        return f"{self.scenario.amount:,} {UNITS[self.scenario.kind]}"

    @property
    def mount_seconds(self) -> float:
        """The median."""
        return median(one.mount_seconds for one in self.rounds)

    @property
    def resident_bytes(self) -> float:
        """The median, after the operations."""
        return median(one.resident_bytes for one in self.rounds)

    def cost(self, work: str, what: Callable[[Cost], float]) -> float | None:
        """The median of one work's cost; None where it was not measured."""
        found = [what(one) for each in self.rounds for one in each.costs if one.work == work]
        return median(found) if found else None


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one run."""

    format: int
    made_at: str
    environment: Environment
    operations: int
    load_average: float  # of the machine when it ended: what else it did
    points: list[Point]

    def works(self) -> list[str]:
        """Every work, in the order of a round."""
        rounds = (one for point in self.points for one in point.rounds)
        return list(dict.fromkeys(cost.work for one in rounds for cost in one.costs))

    def by_files(self) -> list[Point]:
        """The stores that differ in their number of files, smallest first."""
        found = (point for point in self.points if point.scenario.kind is Kind.FILES)
        return sorted(found, key=lambda point: point.scenario.amount)


def wall(cost: Cost) -> float:
    """Wall time, in microseconds."""
    return cost.wall_us


def cpu(cost: Cost) -> float:
    """The daemon's CPU time, in microseconds."""
    return cost.cpu_us


def judge(growth: Growth) -> list[Judged]:
    """The targets of the largest number of files: mounting, and each operation."""
    points = growth.by_files()
    if not points:
        return []
    first, last = points[0], points[-1]
    seconds = last.mount_seconds
    aim = f"under {MOUNT_SECONDS_MAX:.0f} s"
    mounted = Judged(f"mount, {last.title}", aim, f"{seconds:.2f} s", seconds < MOUNT_SECONDS_MAX)
    return [mounted, *_factors(growth, first, last)]


def _factors(growth: Growth, first: Point, last: Point) -> Iterator[Judged]:
    aim = f"within {FACTOR_MAX} of {first.title}"
    for work in growth.works():
        for name, what in (("wall time", wall), ("CPU time", cpu)):
            small, large = first.cost(work, what), last.cost(work, what)
            if small and large:
                factor = large / small
                yield Judged(f"{work}, {name}", aim, f"{factor:.2f}", factor <= FACTOR_MAX)


def resident(growth: Growth) -> list[int]:
    """The daemon's memory after each round of each store."""
    return [one.resident_bytes for point in growth.points for one in point.rounds]


def table_of(growth: Growth) -> str:
    """The page's tables: what each store takes, what each operation costs, the targets."""
    return "\n".join(
        [
            _conditions(growth),
            "",
            *aligned(_sizes(growth)),
            "",
            "Microseconds for each operation: wall time / the daemon's CPU time.",
            "",
            *aligned(_costs(growth)),
            "",
            *aligned(_judged(growth)),
        ]
    )


def _conditions(growth: Growth) -> str:
    machine = growth.environment
    rounds = min(len(point.rounds) for point in growth.points)
    return (
        f"{machine.processor}, {machine.cores} cores, Linux {machine.kernel}, on "
        f"{machine.host_filesystem}; cairnfs {machine.cairnfs} ({machine.commit}), "
        f"{growth.made_at[:10]}. Medians of {rounds} rounds of {growth.operations} operations "
        f"each, the stores taking turns; the machine's load at the end was "
        f"{growth.load_average:.1f}."
    )


def _sizes(growth: Growth) -> list[list[str]]:
    header = [
        "store",
        "files",
        "mount, s",
        "mount, CPU s",
        "unmount, s",
        "resident, MB",
        "index, MB",
        "store, MB",
    ]
    return [
        header,
        *(
            [
                point.title,
                f"{point.scenario.files:,}",
                f"{point.mount_seconds:.2f}",
                f"{_mount_cpu(point):.2f}",
                f"{median(one.unmount_seconds for one in point.rounds):.2f}",
                f"{point.resident_bytes / 1e6:.0f}",
                f"{point.index_bytes / 1e6:.1f}",
                f"{point.store_bytes / 1e6:.0f}",
            ]
            for point in growth.points
        ),
    ]


def _costs(growth: Growth) -> list[list[str]]:
    works = growth.works()
    rows = [[point.title, *(_cost(point, work) for work in works)] for point in growth.points]
    return [["store", *works], *rows]


def _cost(point: Point, work: str) -> str:
    found = [point.cost(work, what) for what in (wall, cpu)]
    return " / ".join(NOTHING if one is None else f"{one:,.0f}" for one in found)


def _judged(growth: Growth) -> list[list[str]]:
    rows = [[one.work, one.aim, one.found, one.verdict] for one in judge(growth)]
    return [["target", "at most", "found", ""], *rows]


def plots_of(growth: Growth) -> dict[str, str]:
    """SVG plots by the names of their files: how everything grows with the number of files."""
    points = growth.by_files()

    def line(name: str, value: Callable[[Point], float | None]) -> Series:
        found = [(float(point.scenario.amount), value(point)) for point in points]
        return Series(name, [(x, y) for x, y in found if y is not None])

    def costs(what: Callable[[Cost], float]) -> list[Series]:
        return [line(work, partial(Point.cost, work=work, what=what)) for work in growth.works()]

    sizes = [
        line("resident memory", lambda point: point.resident_bytes / 1e6),
        line("index", lambda point: point.index_bytes / 1e6),
        line("store", lambda point: point.store_bytes / 1e6),
    ]
    mounts = [
        line("wall time", lambda point: point.mount_seconds),
        line("the daemon's CPU time", _mount_cpu),
    ]
    return {
        "growth-wall.svg": plot("Wall time of an operation, us", "files", costs(wall)),
        "growth-cpu.svg": plot("The daemon's CPU time for an operation, us", "files", costs(cpu)),
        "growth-sizes.svg": plot("Memory and disk, MB", "files", sizes),
        "growth-mount.svg": plot("Mount after a clean unmount, s", "files", mounts),
    }


def _mount_cpu(point: Point) -> float:
    return median(one.mount_cpu_seconds for one in point.rounds)


def save(growth: Growth, path: Path) -> None:
    """Keep a result as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(growth), indent=1) + b"\n")


def load(path: Path) -> Growth:
    """Read a result. Raises BenchProblem when it is none of this format."""
    try:
        growth = msgspec.json.decode(path.read_bytes(), type=Growth)
    except (OSError, msgspec.DecodeError) as error:
        raise BenchProblem(f"{path}: {error}") from error
    if growth.format != FORMAT:
        raise BenchProblem(f"{path} has format {growth.format}, not {FORMAT}")
    return growth
