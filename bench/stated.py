"""What is measured without a target, and stated beside those that have one."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from bench.report import NOTHING, SUBJECT
from bench.results import Run, ratios
from bench.targets import Judged, shown_base, title_of
from bench.variants.table import TITLES

PROGRAMS: Final = (
    *("git_status_cold", "git_status_warm"),
    *("sqlite_rollback", "sqlite_wal", "make", "pgbench"),
)
BASES: Final = ("plain", "s3ql")


def state(runs: Sequence[Run]) -> list[Judged]:
    """Programs beside the host's filesystem and S3QL, and variants of a store beside a new one.

    Each is told by the first of the runs that has measured it.
    """
    programs = [_row(title_of(runs, name), _program(runs, name)) for name in PROGRAMS]
    variants = [_row(f"all works, {title}", _variant(runs, name)) for name, title in TITLES.items()]
    return [*programs, *variants]


def _row(work: str, found: str) -> Judged:
    return Judged(work, NOTHING, found or NOTHING, None)


def _program(runs: Sequence[Run], workload: str) -> str:
    found = {base: _first(runs, workload, base) for base in BASES}
    return ", ".join(
        f"{ratio:.2f} of {shown_base(runs, base)}"
        for base, ratio in found.items()
        if ratio is not None
    )


def _first(runs: Sequence[Run], workload: str, base: str) -> float | None:
    """The median ratio in the first run that has one."""
    known = (ratios(run, workload, SUBJECT, base) for run in runs)
    return next((median(found) for found in known if found), None)


def _variant(runs: Sequence[Run], variant: str) -> str:
    """The median of all works, and the ends."""
    for run in runs:
        known = (ratios(run, info.name, variant, SUBJECT) for info in run.workloads)
        if found := [median(each) for each in known if each]:
            return f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})"
    return ""
