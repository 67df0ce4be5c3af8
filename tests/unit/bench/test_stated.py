"""What has no target is stated, where somebody has measured it."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from bench.report import NOTHING
from bench.results import Run, WorkloadInfo
from bench.stated import PROGRAMS, state
from bench.targets import STATED, UNKNOWN, Judged, judge, table_of
from bench.variants.systems import WithoutDeltas
from bench.workload import Unit
from tests.unit.bench.test_report_and_compare import run_of


def run_named(workload: str, rates: Mapping[str, Sequence[float]]) -> Run:
    run = run_of(rates)
    return replace(
        run,
        workloads=[WorkloadInfo(workload, workload.title(), Unit.OPERATIONS)],
        measurements=[replace(one, workload=workload) for one in run.measurements],
    )


def row(found: Sequence[Judged], work: str) -> Judged:
    return next(one for one in found if one.work == work)


def test_a_program_is_beside_whatever_ran_it_too() -> None:
    both = run_named("make", {"plain": [100.0], "s3ql": [50.0], "cairnfs": [60.0]})
    found = row(state([both]), "Make")
    assert (found.found, found.verdict) == ("0.60 of ext4, 1.20 of s3ql", STATED)
    one = run_named("make", {"plain": [100.0], "cairnfs": [60.0]})
    assert row(state([one]), "Make").found == "0.60 of ext4"


def test_what_nobody_measured_is_there_as_that() -> None:
    found = state([run_of({"cairnfs": [100.0]})])
    assert len(found) == len(PROGRAMS) + 3
    assert {one.verdict for one in found} == {UNKNOWN}
    assert {one.found for one in found} == {NOTHING}


def test_a_variant_is_summed_up_over_all_works() -> None:
    parts = [
        run_named(work, {"cairnfs": [100.0], WithoutDeltas.name: [rate]})
        for work, rate in (("create", 90.0), ("rename", 120.0), ("unlink", 100.0))
    ]
    run = replace(
        parts[0],
        workloads=[info for part in parts for info in part.workloads],
        measurements=[one for part in parts for one in part.measurements],
    )
    assert row(state([run]), "all works, delta off").found == "1.00 (0.90 to 1.20)"


def test_rows_without_a_target_are_no_targets() -> None:
    run = run_named("make", {"plain": [100.0], "cairnfs": [60.0]})
    targets, stated = judge([run]), state([run])
    first, *_ = table_of([*targets, *stated]).splitlines()
    assert first == (
        f"Of {len(targets)} targets 1 met, {len(targets) - 1} not measured. {len(stated)} rows "
        "have no target: what was found is stated."
    )
