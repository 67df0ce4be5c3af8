"""What is aimed at, beside what was measured: met or not met, row by row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench.plan import workload_named
from bench.report import NOTHING, SUBJECT, aligned
from bench.results import Run, ratios

RESIDENT_BYTES_MAX: Final = 300_000_000
MET, MISSED, UNKNOWN, STATED = "met", "not met", "not measured", "stated"


@dataclass(frozen=True, slots=True)
class Target:
    """At least so many times as fast as another system, in one workload.

    Where it says so, with so many small files in a folder at least.
    """

    workload: str
    base: str
    least: float
    files: int = 0


def _all(base: str, least: float, workloads: str, files: int = 0) -> list[Target]:
    return [Target(workload, base, least, files) for workload in workloads.split()]


TARGETS: Final = (
    *_all("ceiling", 0.60, "write_unique"),
    *_all("ceiling", 0.75, "write_duplicate"),
    *_all("ceiling", 0.35, "write_text"),
    *_all("ceiling", 0.70, "read_cold read_remounted"),
    *_all("plain", 1.00, "read_warm"),
    *_all("ceiling", 0.65, "create stat_warm stat_remounted open_read_warm open_read_remounted"),
    *_all("ceiling", 0.65, "rename unlink"),
    *_all("ceiling", 0.70, "list_remounted", files=100_000),
    *_all("ceiling", 0.60, "random_read_cold random_read_remounted random_overwrite"),
    *_all("plain", 0.50, "random_read_cold random_overwrite"),
    *_all("s3ql", 2.0, "untar rm_tree"),
    *_all("s3ql", 3.0, "create unlink open_read_cold random_read_cold"),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A target, as words, and what was found.

    `good` is None where nobody has measured it. What has no target has NOTHING as its aim, and is
    only stated.
    """

    work: str
    aim: str
    found: str
    good: bool | None

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.good is not None:
            return MET if self.good else MISSED
        return UNKNOWN if self.found == NOTHING else STATED

    @property
    def has_target(self) -> bool:
        """Whether it is more than stated."""
        return self.aim != NOTHING


def judge(runs: Sequence[Run], resident: Iterable[int] = ()) -> list[Judged]:
    """Every target against the first of the runs that has measured it, and the memory of all.

    `resident` are bytes of memory that were seen elsewhere.
    """
    return [*(_speed(runs, target) for target in TARGETS), _memory(runs, resident)]


def _speed(runs: Sequence[Run], target: Target) -> Judged:
    aim = f"{target.least:.2f} of {shown_base(runs, target.base)}"
    title = title_of(runs, target.workload)
    title = f"{title}, {target.files:,} entries" if target.files else title
    for run in runs:
        found = ratios(run, target.workload, SUBJECT, target.base)
        if found and run.sizes.small_files >= target.files:
            ratio = median(found)
            return Judged(title, aim, f"{ratio:.2f}", ratio >= target.least)
    return Judged(title, aim, NOTHING, None)


def title_of(runs: Iterable[Run], workload: str) -> str:
    """What a workload is called, as a run has it or as it would be today."""
    titles = (one.title for run in runs for one in run.workloads if one.name == workload)
    return next(titles, workload_named(workload).title)


def shown_base(runs: Sequence[Run], base: str) -> str:
    """What a system that others are measured by is called."""
    return runs[0].environment.host_filesystem if base == "plain" else base


def _memory(runs: Iterable[Run], resident: Iterable[int]) -> Judged:
    used = [*resident, *_resident(runs)]
    aim = f"under {RESIDENT_BYTES_MAX / 1e6:.0f} MB"
    if not used:
        return Judged("resident memory, the most", aim, NOTHING, None)
    most = max(used)
    return Judged(
        "resident memory, the most", aim, f"{most / 1e6:.0f} MB", most < RESIDENT_BYTES_MAX
    )


def _resident(runs: Iterable[Run]) -> list[int]:
    """The memory of our daemon after each workload."""
    return [
        one.daemon_resident_bytes
        for run in runs
        for one in run.measurements
        if one.system == SUBJECT and one.daemon_resident_bytes is not None
    ]


def table_of(found: Sequence[Judged]) -> str:
    """The targets as a Markdown table."""
    rows = [[one.work, one.aim, one.found, one.verdict] for one in found]
    return "\n".join([_summary(found), "", *aligned([["work", "at least", "found", ""], *rows])])


def _summary(found: Sequence[Judged]) -> str:
    aimed = [one.verdict for one in found if one.has_target]
    counts = ", ".join(
        f"{aimed.count(word)} {word}" for word in (MET, MISSED, UNKNOWN) if word in aimed
    )
    rest = len(found) - len(aimed)
    return f"Of {len(aimed)} targets {counts}." + (
        f" {rest} rows have no target: what was found is stated." if rest else ""
    )
