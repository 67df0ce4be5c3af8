"""What a run of `python -m bench growth` has found, as tables, with its plots below them."""

from statistics import median

from bench.growth.drawing import drawings_of
from bench.growth.result import Growth, Point, cpu, judge, wall
from bench.report import NOTHING, aligned


def table_of(growth: Growth) -> str:
    """The page's tables: what each store takes, what each operation costs, the targets."""
    return "\n".join(
        [
            f"{growth.conditions} {_rounds(growth)}",
            "",
            *aligned(_sizes(growth)),
            "",
            "Microseconds for each operation: wall time / the daemon's CPU time.",
            "",
            *aligned(_costs(growth)),
            *_judged(growth),
            "",
            *(f"![{one.title}](plots/{one.name})" for one in drawings_of(growth)),
        ]
    )


def _rounds(growth: Growth) -> str:
    rounds = min(len(point.rounds) for point in growth.points)
    return (
        f"Medians of {rounds} rounds of {growth.operations} operations each, the stores taking "
        "turns."
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
                f"{point.mount_cpu_seconds:.2f}",
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
    return " / ".join(f"{one:,.0f}" for one in found if one is not None) or NOTHING


def _judged(growth: Growth) -> list[str]:
    rows = [[one.work, one.aim, one.found, one.verdict] for one in judge(growth)]
    return ["", *aligned([["target", "at most", "found", ""], *rows])] if rows else []
