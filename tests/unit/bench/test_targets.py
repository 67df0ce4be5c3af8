"""Targets beside what was measured."""

from pathlib import Path

from msgspec.structs import replace

from bench import kept
from bench.kept_json import keep
from bench.plan import SUITES
from bench.results import WorkloadInfo
from bench.targets import MET, MISSED, TARGETS, UNKNOWN, Judged, judge, table_of
from bench.workload import Sizes, Unit
from tests.unit.bench.test_report_and_compare import run_of


def judged(work: str, aim: str, cairnfs: float) -> Judged:
    """What is said of renames that go at 1000/s on the ceiling."""
    found = judge([run_of({"ceiling": [1000.0] * 3, "cairnfs": [cairnfs] * 3})])
    return next(one for one in found if one.work == work and one.aim.startswith(aim))


def test_a_ratio_at_the_target_meets_it() -> None:
    assert judged("rename", "0.65", 650.0).verdict == MET
    assert judged("rename", "0.65", 640.0).verdict == MISSED
    assert judged("rename", "0.65", 640.0).found == "0.64"


def test_what_nobody_measured_is_not_judged() -> None:
    assert judged("unlink", "0.65", 650.0).verdict == UNKNOWN


def test_memory_counts_in_all_runs() -> None:
    run = run_of({"cairnfs": [1000.0]})
    large = replace(run.measurements[0], daemon_resident_bytes=400_000_000)
    *_, first = judge([run])
    *_, second = judge([run, replace(run, measurements=[large])])
    assert (first.verdict, second.verdict, second.found) == (MET, MISSED, "400 MB")
    *_, third = judge([run], resident=[500_000_000])
    assert (third.verdict, third.found) == (MISSED, "500 MB")


def test_what_was_not_kept_is_not_judged(tmp_path: Path) -> None:
    keep(run_of({"cairnfs": [1000.0]}), tmp_path / "run.json")
    absent = tmp_path / "absent.json"
    found = kept.judge([tmp_path / "run.json"], starts=absent, growth=absent, latency=absent)
    assert [one.verdict for one in found[-3:]] == [MET, UNKNOWN, UNKNOWN]
    assert len(found) == len(TARGETS) + 3


def test_the_first_run_that_knows_a_ratio_tells_it() -> None:
    slow, quick = (run_of({"ceiling": [1000.0], "cairnfs": [rate]}) for rate in (100.0, 900.0))
    other = replace(slow, workloads=[WorkloadInfo("unlink", "unlink", Unit.OPERATIONS)])
    other = replace(other, measurements=[])
    renames = [one for one in judge([other, quick, slow]) if one.work == "rename"]
    assert [one.found for one in renames] == ["0.90"]


def test_a_folder_that_is_too_small_says_nothing_of_large_ones() -> None:
    run = run_of({"ceiling": [1000.0], "cairnfs": [700.0]})
    listed = [replace(one, workload="list_remounted") for one in run.measurements]
    info = [WorkloadInfo("list_remounted", "readdir + stat", Unit.OPERATIONS)]
    small = replace(run, workloads=info, measurements=listed)
    large = replace(small, sizes=Sizes(small_files=100_000))
    verdicts = [
        next(one.verdict for one in judge(runs) if one.work == "readdir + stat, 100,000 entries")
        for runs in ([small], [small, large])
    ]
    assert verdicts == [UNKNOWN, MET]


def test_the_table_counts_verdicts() -> None:
    lines = table_of(judge([run_of({"ceiling": [1000.0], "cairnfs": [700.0]})])).splitlines()
    assert lines[0] == f"Of {len(TARGETS) + 1} targets 2 met, {len(TARGETS) - 1} not measured."
    assert any("rename" in line and line.endswith("0.70 |          met |") for line in lines)


def test_every_target_names_a_workload() -> None:
    known = {workload.name for suite in SUITES.values() for workload in suite}
    assert {target.workload for target in TARGETS} <= known
