"""Latencies while garbage is collected: how they are summed up, judged and kept."""

from pathlib import Path

import pytest

from bench.mounts import BenchProblem
from bench.pauses.clients import Call, Clients
from bench.pauses.command import COLLECTING, QUIET, _latencies
from bench.pauses.result import Pauses, latency, misses, table_of
from tests.support.bench_results import HEADING, kept_and_read


def pauses(*seconds: float, freed: int = 100) -> Pauses:
    calls = [Call(0.0, one) for one in seconds]
    return Pauses(
        **HEADING,
        stored_bytes=2_000_000,
        garbage_bytes=100,
        freed_bytes=freed,
        gc_seconds=1.5,
        latencies=[latency("look", QUIET, calls)],
    )


def test_calls_are_summed_up() -> None:
    (one,) = pauses(*[0.001] * 98, 0.005, 0.2).latencies
    assert (one.calls, one.median_ms, one.p99_ms, one.longest_ms) == (100, 1.0, 200.0, 200.0)
    with pytest.raises(BenchProblem, match="no call"):
        latency("look", QUIET, [])


def test_a_call_under_way_counts_for_the_collection() -> None:
    clients = Clients()
    times = [(0.0, 1.0), (9.5, 1.0), (15.0, 1.0), (19.5, 3.0), (25.0, 1.0)]
    clients.calls["look"] = [Call(*one) for one in times]
    quiet, collecting = _latencies(clients, 10.0, 20.0)
    assert (quiet.phase, quiet.calls) == (QUIET, 1)
    assert (collecting.phase, collecting.calls, collecting.longest_ms) == (COLLECTING, 3, 3000.0)


def test_targets_are_judged() -> None:
    assert misses(pauses(0.2)) == []
    assert len(misses(pauses(0.3))) == 1
    assert len(misses(pauses(0.2, freed=90))) == 1


def test_a_result_is_kept_and_shown(tmp_path: Path) -> None:
    table = table_of(kept_and_read(pauses(0.2), tmp_path))
    assert "| look | nothing else | 1 | 200.00 | 200.00 | 200.0 |" in table
    assert "gave back 100.0%" in table
