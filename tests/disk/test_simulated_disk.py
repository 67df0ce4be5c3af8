"""A loss of power at any moment of random work: what was synced is there, and nothing is torn."""

import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.host_layer.crashes import (
    Moment,
    every_moment,
    lose_power,
    record_recovery,
    record_run,
    some_moments,
)
from tests.support.long_runs import Count
from tests.support.planted_faults import planted
from tests.support.processes import PROJECT, run

CRASH_STATES: Final = "simulated crash states"
STEPS: Final = 60
STATES: Final = 60  # of each run, in the short version
LONG: Final = (pytest.mark.crash, pytest.mark.timeout(3600))


@pytest.mark.parametrize("seed", range(4))
def test_a_loss_of_power_leaves_a_state_since_the_last_sync(
    tmp_path: Path, seed: int, seed_base: int, count: Count
) -> None:
    seed += seed_base
    recorded = record_run(tmp_path, seed, STEPS)
    tally = lose_power(recorded, some_moments(recorded, STATES, seed), tmp_path / "left")
    assert tally.states > STATES // 2
    count(CRASH_STATES, "at some moments of work", tally.states)


def test_the_same_seed_writes_the_same_bytes_at_the_same_places(tmp_path: Path) -> None:
    """Else a failure could not be looked at again. The time of making, and who did it, differ."""
    own = ("store/lock", "store/.format.json.new")
    runs = []
    for number in range(2):
        (folder := tmp_path / str(number)).mkdir()
        entries = record_run(folder, 7, STEPS // 2).entries
        runs.append([each for each in entries if each.path not in own])
    assert runs[0] == runs[1]


@pytest.mark.crash
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(100, 130))
def test_at_every_moment(tmp_path: Path, seed: int, seed_base: int, count: Count) -> None:
    seed += seed_base
    recorded = record_run(tmp_path, seed, 2 * STEPS)
    tally = lose_power(recorded, every_moment(recorded, 3, seed), tmp_path / "left")
    assert tally.states > len(recorded.entries)
    for last, states in tally.interrupted.items():
        count(CRASH_STATES, f"after {last}", states)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=LONG) for n in range(2, 60))])
def test_a_loss_of_power_during_recovery_changes_nothing(
    tmp_path: Path, seed: int, seed_base: int, count: Count
) -> None:
    seed += seed_base
    work = record_run(tmp_path, seed, STEPS)
    moment = Moment(after=len(work.entries) * 2 // 3, loss=seed)
    recovery = record_recovery(tmp_path, work, moment)
    tally = lose_power(recovery, every_moment(recovery, 1, seed), tmp_path / "left")
    assert tally.states == len(recovery.entries)
    count(CRASH_STATES, "during recovery", tally.states)


MISSING: Final = (
    ("journal", "bytes"),
    ("journal", "names"),
    ("packs", "bytes"),
    ("packs", "names"),
    ("index", "bytes"),
)


@pytest.mark.parametrize(("part", "kind"), MISSING)
def test_a_missing_sync_is_noticed(tmp_path: Path, part: str, kind: str) -> None:
    """In a process of its own, as LMDB may end it over pages that are not what it wrote."""
    module = "tests.support.host_layer.forgetful"
    sizes = [str(STEPS), str(4 * STATES)]
    lost = run(
        [sys.executable, "-m", module, tmp_path, part, kind, *sizes], cwd=PROJECT, check=False
    )
    ended = part == "index" and lost.status < 0
    assert ended or "AssertionError: run 0, after entry" in lost.stderr


@pytest.mark.parametrize("fault", ["fsync_does_nothing", "rename_in_two_steps"])
def test_a_fault_of_the_program_is_noticed(tmp_path: Path, fault: str) -> None:
    recorded = record_run(tmp_path, 1, 2 * STEPS, planted=fault)
    moments = some_moments(recorded, 20 * STATES, 0)
    with pytest.raises(AssertionError, match="run 1, after entry"):
        lose_power(recorded, moments, tmp_path / "left")


@pytest.mark.parametrize(
    "fault",
    [
        "no_object_is_asked_for",
        "replayed_backwards",
        pytest.param("no_journal_checksum", marks=LONG),  # it takes many states
    ],
)
def test_a_fault_of_recovery_is_noticed(tmp_path: Path, fault: str) -> None:
    recorded = record_run(tmp_path, 1, STEPS)
    moments = some_moments(recorded, 20 * STATES, 0)
    with planted(fault), pytest.raises(AssertionError, match="run 1, after entry"):
        lose_power(recorded, moments, tmp_path / "left")
