"""Latencies while garbage is collected: how they are summed up, judged and kept."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.mounts import BenchProblem
from bench.pauses.clients import Call, Clients
from bench.pauses.command import COLLECTING, QUIET, _latencies
from bench.pauses.result import FORMAT, Pauses, latency, load, misses, save, table_of
from bench.results import Environment

ENVIRONMENT = Environment(
    processor="a processor",
    cores=2,
    kernel="6.1",
    python="3.11",
    host_filesystem="ext4",
    cairnfs="0.1.0",
    commit="abc",
    text="text",
)


def pauses(*seconds: float, freed: int = 100) -> Pauses:
    calls = [Call(0.0, one) for one in seconds]
    return Pauses(
        format=FORMAT,
        made_at="2026-11-20T10:00:00+00:00",
        environment=ENVIRONMENT,
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
    path = tmp_path / "results" / "pauses.json"
    save(pauses(0.2), path)
    assert load(path) == pauses(0.2)
    assert "| look | nothing else | 1 | 200.00 | 200.00 | 200.0 |" in table_of(load(path))
    assert "gave back 100.0%" in table_of(load(path))
    save(replace(pauses(0.2), format=FORMAT + 1), path)
    with pytest.raises(BenchProblem, match="has format"):
        load(path)
    path.write_text("{}")
    with pytest.raises(BenchProblem, match="missing required field"):
        load(path)
