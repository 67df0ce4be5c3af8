"""Small operations under load: what they do, and how their times are sorted out."""

from pathlib import Path

import pytest

from bench.latency.jobs import JOBS, KEPT_FILES, prepare, stat_anew
from bench.latency.loads import LOADS, QUIET
from bench.latency.result import Latencies, Phase, sort_out, table_of
from bench.mounts import BenchProblem
from bench.pauses.clients import Call, at_work
from tests.support.bench_results import HEADING, kept_and_read

PHASES = [Phase(name="first", began=0, ended=10), Phase(name="second", began=10, ended=20)]


def test_a_call_counts_in_each_phase_it_reaches_into() -> None:
    calls = [Call(1, 1), Call(8, 4), Call(15, 1), Call(30, 1)]
    first, second = sort_out({"look": calls}, PHASES)
    assert (first.phase, first.calls, first.longest_ms) == ("first", 2, 4000.0)
    assert (second.phase, second.calls, second.longest_ms) == ("second", 2, 4000.0)


def test_nothing_is_told_where_nobody_had_a_turn() -> None:
    assert [one.phase for one in sort_out({"look": [Call(1, 1)]}, PHASES)] == ["first"]


def test_the_jobs_can_go_on_and_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.latency.jobs.KEPT_FILES", 3)
    prepare(tmp_path)
    for job in JOBS.values():
        for number in range(4):
            job(tmp_path, number)
    assert len(list((tmp_path / "made").iterdir())) == 4
    assert [path.name for path in (tmp_path / "moved").iterdir()] == ["4"]


def test_a_stat_that_fails_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="000000"):
        stat_anew(tmp_path, KEPT_FILES)


def test_each_job_has_a_client_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with (
        pytest.raises(BenchProblem, match=r"stat: .*No such file"),
        at_work(tmp_path, {"stat": stat_anew}),
    ):
        pass


def test_the_first_load_is_none() -> None:
    assert next(iter(LOADS)) == QUIET


def test_a_result_is_kept_and_shown(tmp_path: Path) -> None:
    found = Latencies(
        **HEADING,
        stream_mib=8,
        phases=PHASES,
        latencies=sort_out({"look": [Call(1, 0.002)]}, PHASES),
    )
    table = table_of(kept_and_read(found, tmp_path))
    assert "| look | first | 1 | 2.00 | 2.00 | 2.0 |" in table
    assert "first 10.0 s, second 10.0 s" in table
