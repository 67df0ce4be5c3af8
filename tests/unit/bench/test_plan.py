"""Which workloads a run consists of, and what they write."""

import os
import time

import pytest

from bench import meter
from bench.meter import usage_of
from bench.payloads import incompressible, source_text
from bench.plan import SUITES, choose, lacking, workload_named
from bench.workload import Caches, Unit, Workload


def test_names_stand_for_one_workload_and_needs_come_first() -> None:
    for suite in SUITES.values():
        here: set[str] = set()
        for workload in suite:
            assert workload.name not in here
            assert workload_named(workload.name) is workload
            assert set(workload.needs) <= here
            here.add(workload.name)


def test_choosing_some_brings_what_they_need() -> None:
    chosen = [workload.name for workload in choose(["rename"], can_drop_caches=True)]
    assert chosen == ["create", "rename"]


def test_without_root_nothing_needs_cold_caches() -> None:
    chosen = choose([], can_drop_caches=False)
    assert chosen
    assert all(workload.caches is not Caches.COLD for workload in chosen)


def test_a_workload_without_its_tools_is_left_out() -> None:
    absent = Workload("absent", "absent", Unit.OPERATIONS, lambda *_: 0, tools=("no-such-tool",))
    assert lacking(absent) == ["no-such-tool"]
    chosen = choose([], can_drop_caches=True, suite="applications")
    assert {"untar", "rm_tree", "sqlite_wal"} <= {workload.name for workload in chosen}
    assert not any(map(lacking, chosen))


def test_payloads_have_the_size_asked_for_and_repeat_by_seed() -> None:
    size = (5 << 20) + 17
    assert sum(map(len, incompressible(1, size))) == size
    assert incompressible(1, size) == incompressible(1, size)
    assert incompressible(1, size) != incompressible(2, size)
    assert len(set(incompressible(1, size))) == 6
    assert sum(map(len, source_text(100_000))) == 100_000


def test_a_process_that_hardly_runs_is_at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter, "REST_SECONDS", 0.01)
    spent = iter([0.0, 0.01, 0.01, 0.01])
    usages = (meter.Usage(seconds, 0) for seconds in spent)
    monkeypatch.setattr(meter, "usage_of", lambda process: next(usages))
    assert meter.wait_for_rest(1, 60)
    assert next(spent, None) is None
    assert not meter.wait_for_rest(1, 0)


def test_what_is_put_off_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("bench.meter.time.sleep", slept.append)
    monkeypatch.setattr(meter, "usage_of", lambda process: meter.Usage(0.0, 0))
    meter.usage_when_quiet(1, 7.0)
    assert slept == [7.0, meter.QUIET_SECONDS]


def test_what_syncs_each_write_is_waited_for_longest() -> None:
    waited = {one.name for suite in SUITES.values() for one in suite if one.put_off_seconds > 1}
    assert waited == {
        *("random_overwrite", "sqlite_rollback", "sqlite_wal", "pgbench"),
        "fio_random_write_fsync",
    }


def test_the_meter_sees_cpu_time_of_this_process() -> None:
    before = usage_of(os.getpid())
    spent = time.process_time()
    while time.process_time() - spent < 0.05:
        pass
    after = usage_of(os.getpid())
    assert 0.05 <= after.cpu_seconds - before.cpu_seconds < 1
    assert after.resident_bytes > 1 << 20
