"""Two runs side by side: what became faster or slower beyond the noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from bench.report import NOTHING, SUBJECT, aligned
from bench.results import Run, median_or_none, rate, ratios

BASE = "ceiling"


@dataclass(frozen=True, slots=True)
class Change:
    """One workload in both runs: each round's figure, and the daemon's median CPU seconds."""

    title: str
    before: Sequence[float]
    after: Sequence[float]
    cpu_before: float | None
    cpu_after: float | None

    @property
    def factor(self) -> float:
        """The second median over the first."""
        return median(self.after) / median(self.before)

    @property
    def beyond_noise(self) -> bool:
        """Whether the middle halves of both runs' rounds lie apart."""
        low_before, high_before = middle_half(self.before)
        low_after, high_after = middle_half(self.after)
        return high_before < low_after or high_after < low_before

    @property
    def verdict(self) -> str:
        """One word, or none when the rounds differ as much among themselves."""
        if not self.beyond_noise:
            return ""
        return "faster" if self.factor > 1 else "slower"


def middle_half(values: Sequence[float]) -> tuple[float, float]:
    """The first and third quartile; of a single value, itself twice."""
    if len(values) == 1:
        return values[0], values[0]
    first, _, third = quantiles(values, method="inclusive")
    return first, third


def sizes_that_differ(before: Run, after: Run) -> list[str]:
    """The sizes in which two runs differ, which makes their figures hard to compare."""
    names = before.sizes.__struct_fields__
    return [name for name in names if getattr(before.sizes, name) != getattr(after.sizes, name)]


def changes(before: Run, after: Run, system: str = SUBJECT) -> list[Change]:
    """Every workload that both runs measured on a system.

    Compared is the ratio to the ceiling where both have it, as that carries over from machine to
    machine; the rate otherwise, and for the ceiling itself.
    """
    relative = system != BASE and all(BASE in run.systems() for run in (before, after))
    found = []
    for info in before.workloads:
        name = info.name
        old, new = (
            ratios(run, name, system, BASE)
            if relative
            else [rate(one, info.unit) for one in run.of(name, system)]
            for run in (before, after)
        )
        if old and new:
            cpu = [
                median_or_none(one.daemon_cpu_seconds for one in run.of(name, system))
                for run in (before, after)
            ]
            found.append(Change(info.title, old, new, *cpu))
    return found


def table_of(found: Sequence[Change]) -> str:
    """Changes as a Markdown table."""
    header = ["work", "before", "after", "factor", "verdict", "CPU s before", "after"]
    rows = [
        [
            change.title,
            f"{median(change.before):.3g}",
            f"{median(change.after):.3g}",
            f"{change.factor:.2f}",
            change.verdict,
            _seconds(change.cpu_before),
            _seconds(change.cpu_after),
        ]
        for change in found
    ]
    return "\n".join(aligned([header, *rows]))


def _seconds(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"
