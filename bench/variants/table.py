"""Variants beside the store that they vary, measured in the same rounds."""

from statistics import median
from typing import Final

from bench.report import NOTHING, SUBJECT, aligned, conditions
from bench.results import Run, WorkloadInfo, median_or_none, rate, ratios
from bench.variants.systems import SNAPSHOTS, VERSIONS, WithoutDeltas, WithSnapshots, WithVersions

TITLES: Final = {
    WithoutDeltas.name: "delta off",
    WithSnapshots.name: f"{SNAPSHOTS} snapshots",
    WithVersions.name: f"{VERSIONS} versions each",
}


def table_of(run: Run) -> str:
    """Rates of the plain store; of each variant its rate and its daemon's CPU time, as ratios."""
    variants = [system for system in run.systems() if system != SUBJECT]
    header = ["work", SUBJECT, "CPU s"]
    header += [f"{TITLES.get(name, name)}: rate, CPU" for name in variants]
    rows = [
        [
            f"{info.title}, {info.unit}",
            *_plain(run, info),
            *[_beside(run, info.name, variant) for variant in variants],
        ]
        for info in run.workloads
    ]
    return "\n".join([conditions(run), "", *aligned([header, *rows])])


def _plain(run: Run, info: WorkloadInfo) -> list[str]:
    found = run.of(info.name, SUBJECT)
    if not found:
        return [NOTHING, NOTHING]
    used = median_or_none(one.daemon_cpu_seconds for one in found)
    rates = median(rate(one, info.unit) for one in found)
    return [f"{rates:,.0f}", NOTHING if used is None else f"{used:.3f}"]


def _beside(run: Run, workload: str, variant: str) -> str:
    rates = ratios(run, workload, variant, SUBJECT)
    used = _cpu_ratios(run, workload, variant)
    return f"{_median(rates)}, {_median(used)}"


def _cpu_ratios(run: Run, workload: str, variant: str) -> list[float]:
    """The daemon's CPU time beside that of the plain store's, round by round."""
    mine, others = (
        {one.round: one.daemon_cpu_seconds for one in run.of(workload, system)}
        for system in (variant, SUBJECT)
    )
    return [
        used / base
        for number, used in mine.items()
        if used is not None and (base := others.get(number))
    ]


def _median(values: list[float]) -> str:
    return f"{median(values):.2f}" if values else NOTHING
