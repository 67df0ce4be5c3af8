"""What the bench makes of its measurements: medians, ratios within rounds, changes beyond noise."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench import compare, report
from bench.plan import SUITES
from bench.results import Measurement, Run, WorkloadInfo, ratios
from bench.workload import Sizes, Unit
from tests.support.bench_results import HEADING, kept_and_read


def test_the_load_is_told_where_it_is_known() -> None:
    run = run_of({"plain": [1.0], "cairnfs": [1.0]})
    assert "load" not in report.table_of(replace(run, load_average=None))
    assert "load at the end was 2.5." in report.table_of(replace(run, load_average=2.5))


def test_only_sizes_of_what_was_measured_are_told() -> None:
    run = run_of({"plain": [1.0]})
    told = report.conditions(run)
    assert told.startswith("Medians of 1 rounds; 2000 small files.\n")
    trees = [WorkloadInfo(name, name, Unit.OPERATIONS) for name in ("untar", "make")]
    told = report.conditions(replace(run, suite="applications", workloads=trees))
    assert "; a tree of 20000 files, 300 source files.\n" in told
    with_pgbench = [*trees, WorkloadInfo("pgbench", "pgbench", Unit.OPERATIONS)]
    told = report.conditions(replace(run, suite="applications", workloads=with_pgbench))
    assert "300 source files, 5 s of pgbench.\n" in told


@pytest.mark.parametrize("suite", SUITES)
def test_every_workload_has_its_size_told(suite: str) -> None:
    for workload in SUITES[suite]:
        info = WorkloadInfo(workload.name, workload.title, workload.unit)
        assert "; ." not in report.conditions(
            replace(run_of({"plain": [1.0]}), suite=suite, workloads=[info])
        )


def run_of(rates: Mapping[str, Sequence[float]]) -> Run:
    """A run of one workload: for each system its rate in each round."""
    found = [
        Measurement(
            round=number,
            system=system,
            workload="rename",
            amount=1000,
            seconds=1000 / value,
            client_cpu_seconds=0.0,
            daemon_cpu_seconds=None if system == "plain" else 0.5,
            daemon_resident_bytes=None if system == "plain" else 50 << 20,
        )
        for system, values in rates.items()
        for number, value in enumerate(values)
    ]
    return Run(
        **HEADING,
        rounds=len(next(iter(rates.values()))),
        sizes=Sizes(),
        workloads=[WorkloadInfo("rename", "rename", Unit.OPERATIONS)],
        measurements=found,
    )


def test_ratios_are_taken_within_rounds() -> None:
    run = run_of({"ceiling": [100, 1000], "cairnfs": [50, 900]})
    assert ratios(run, "rename", "cairnfs", "ceiling") == pytest.approx([0.5, 0.9])


def test_a_table_shows_medians_ratios_and_costs() -> None:
    run = run_of({"plain": [4000] * 3, "ceiling": [2000] * 3, "cairnfs": [900, 1000, 5000]})
    header, _, row = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in report.table_of(run).splitlines()[-3:]
    )
    assert dict(zip(header, row, strict=True)) == {
        "work": "rename, /s",
        "ext4": "4,000",
        "ceiling": "2,000",
        "cairnfs": "1,000",
        "cairnfs / ceiling": "0.50",
        "cairnfs / ext4": "0.25",
        "CPU s: ceiling": "0.500",
        "CPU s: cairnfs": "0.500",
        "MiB: cairnfs": "50",
    }


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([100, 101, 102], [50, 51, 52], "slower"),
        ([100, 101, 102], [150, 151, 152], "faster"),
        ([100, 150, 200], [110, 140, 190], ""),
    ],
)
def test_only_what_exceeds_the_noise_is_called_a_change(
    before: Sequence[float], after: Sequence[float], verdict: str
) -> None:
    (change,) = compare.changes(run_of({"cairnfs": before}), run_of({"cairnfs": after}))
    assert change.verdict == verdict


def test_a_slower_machine_is_no_change() -> None:
    fast = run_of({"ceiling": [1000] * 3, "cairnfs": [500] * 3})
    slow = run_of({"ceiling": [100] * 3, "cairnfs": [50] * 3})
    (change,) = compare.changes(fast, slow)
    assert change.factor == pytest.approx(1.0)


def test_a_saved_run_is_loaded_as_it_was(tmp_path: Path) -> None:
    kept_and_read(run_of({"plain": [1.5, 2.5]}), tmp_path)
