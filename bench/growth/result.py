"""What a run of `python -m bench growth` has found, as data, and beside what is aimed at."""

from collections.abc import Callable, Iterator
from statistics import median
from typing import Final

import msgspec

from bench.growth.probe import Cost
from bench.growth.scenarios import Kind, Scenario
from bench.kept_json import KeptResult
from bench.targets import Judged

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
        title = f"{self.scenario.amount:,} {UNITS[self.scenario.kind]}"
        repeated = self.scenario.repeated
        return f"{title}, {repeated} % of it repeated" if repeated else title

    @property
    def mount_seconds(self) -> float:
        """The median."""
        return median(one.mount_seconds for one in self.rounds)

    @property
    def mount_cpu_seconds(self) -> float:
        """The median of the daemon's CPU time."""
        return median(one.mount_cpu_seconds for one in self.rounds)

    @property
    def resident_bytes(self) -> float:
        """The median, after the operations."""
        return median(one.resident_bytes for one in self.rounds)

    def cost(self, work: str, what: Callable[[Cost], float]) -> float | None:
        """The median of one work's cost; None where it was not measured."""
        found = [what(one) for each in self.rounds for one in each.costs if one.work == work]
        return median(found) if found else None


class Growth(KeptResult, frozen=True, kw_only=True):
    """Everything of one run."""

    operations: int
    points: list[Point]

    def works(self) -> list[str]:
        """Every work, in the order of a round."""
        rounds = (one for point in self.points for one in point.rounds)
        return list(dict.fromkeys(cost.work for one in rounds for cost in one.costs))

    def of(self, kind: Kind) -> list[Point]:
        """The stores that differ in one way, smallest first."""
        found = (point for point in self.points if point.scenario.kind is kind)
        return sorted(found, key=lambda point: point.scenario.amount)


def wall(cost: Cost) -> float:
    """Wall time, in microseconds."""
    return cost.wall_us


def cpu(cost: Cost) -> float:
    """The daemon's CPU time, in microseconds."""
    return cost.cpu_us


def judge(growth: Growth) -> list[Judged]:
    """The targets of the largest number of files: mounting, and each operation."""
    points = growth.of(Kind.FILES)
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
