"""Rounds: each workload on each system in turn, with a limit, and what becomes of failures."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import rounds
from bench.measure import Measured, Task
from bench.meter import Usage
from bench.mounts import BenchProblem
from bench.plan import workload_named
from bench.rounds import Rounds
from bench.systems import PlainFolder, System
from bench.workload import Sizes, Workload

SIZES = Sizes(tree_files=3, small_files=2)


def work_of(
    home: Path,
    told: list[str],
    *names: str,
    limit: float = 60.0,
    minutes: float = 1.0,
) -> Rounds:
    plan = [workload_named(name) for name in names]
    return Rounds(home, ["plain"], plan, SIZES, limit, told.append, minutes)


def test_workloads_are_measured_and_nothing_is_left(tmp_path: Path) -> None:
    told: list[str] = []
    (first,) = work_of(tmp_path, told, "create", "unlink").run(1)
    assert [(one.workload, one.system, one.amount) for one in first] == [
        ("create", "plain", 2),
        ("unlink", "plain", 2),
    ]
    assert told == ["round 1 of 1: create + write 4 KiB + close", "round 1 of 1: unlink"]
    assert list(tmp_path.iterdir()) == []


def test_what_takes_too_long_is_stopped(tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(BenchProblem, match="no round came to its end"):
        work_of(tmp_path, told, "untar", limit=1e-4).run(1)
    assert told[-1].startswith("round 1 of 1 is left out: untar in ")
    assert told[-1].endswith("TimeoutError: it takes longer than it may: see --limit")
    assert list(tmp_path.iterdir()) == []


def test_no_round_is_begun_when_the_time_is_up(tmp_path: Path) -> None:
    told: list[str] = []
    assert len(work_of(tmp_path, told, "create", minutes=0).run(3)) == 1
    assert told[-1] == "round 2 of 3 is not begun: the time is up"


class Prepared(PlainFolder):
    """A folder that says what happens to it."""

    def __init__(self, home: Path, told: list[str]) -> None:
        super().__init__(home)
        self.daemon = 7
        self._told = told

    def before_work(self) -> None:
        """Tell it."""
        self._told.append("prepared")


def test_what_prepares_comes_to_rest_before_the_watch_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def usage(said: str) -> Callable[..., Usage]:
        def seen(process: int, put_off_seconds: float = 0.0) -> Usage:
            told.append(f"{said}, {put_off_seconds:.0f} s later" if put_off_seconds else said)
            return Usage(0.0, 1)

        return seen

    def apart(task: Task, system: System) -> Measured:
        told.append(task.workload)
        return Measured(1, 1.0, 0.0)

    monkeypatch.setattr(rounds, "usage_of", usage("looked at"))
    monkeypatch.setattr(rounds, "usage_when_quiet", usage("at rest"))
    monkeypatch.setattr(rounds, "_run_apart", apart)
    monkeypatch.setattr(rounds, "SYSTEMS", {"plain": lambda home: Prepared(home, told)})
    work_of(tmp_path, [], "create").run(1)
    rest = "at rest, 1 s later"  # what create leaves may be put off as well
    assert told == ["prepared", rest, "looked at", "create", rest]


def test_a_round_that_fails_leaves_the_others_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(system: System, workload: Workload, task: Task) -> tuple[Measured, None, None]:
        if task.seed == 1:
            raise BenchProblem("its daemon has ended")
        return Measured(amount=1, seconds=1.0, client_cpu_seconds=0.0), None, None

    monkeypatch.setattr(rounds, "_measure", measured)
    told: list[str] = []
    found = work_of(tmp_path, told, "create").run(3)
    assert [[one.round for one in each] for each in found] == [[0], [2]]
    assert "round 2 of 3 is left out: its daemon has ended" in told


def test_the_host_caches_the_files_of_a_system_and_not_what_it_mounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, size in (("store/packs/1", 3 << 20), ("store/format", 7), ("mount/seen", 100)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(tmp_path / "store" / "control"))
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).name == "mount")
    assert rounds.read_below(tmp_path) == (3 << 20) + 7
