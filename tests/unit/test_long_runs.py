"""What `make crash` counts is summed up over tests, and what fails is told with its seed."""

from pathlib import Path
from typing import Final, Literal

import pytest

from tests.support.long_runs import COUNTED, SHOWN, TAKEN, Counts, tell_how_to_repeat


def report(
    when: Literal["setup", "call", "teardown"],
    outcome: Literal["passed", "failed"],
    *counted: list[object],
) -> pytest.TestReport:
    place = ("tests/a.py", 1, "test")
    found = pytest.TestReport("tests/a.py::test", place, {}, outcome, None, when, duration=1.5)
    found.user_properties = [(COUNTED, each) for each in counted]
    return found


def test_counts_are_summed_once_for_each_test() -> None:
    counts = Counts()
    phases: Final = ("setup", "call", "teardown")
    for when in phases:  # each report has all that was counted so far
        counts.pytest_runtest_logreport(report(when, "passed", ["kills", "git", 2]))
    counts.pytest_runtest_logreport(report("teardown", "passed", ["kills", "rsync", 3]))
    counts.pytest_runtest_logreport(report("call", "failed"))
    assert counts.document(7) == {
        "seed": 7,
        "failed": ["tests/a.py::test"],
        "seconds": {"tests": 8},  # of five reports
        "counts": {"kills": {"total": 5, "by": {"git": 2, "rsync": 3}}},
        "figures": {},
    }
    assert list(counts.lines()) == [
        "         8  seconds of tests",
        "         5  kills",
        "                 3  rsync",
        "                 2  git",
    ]


def test_of_many_things_the_largest_are_printed() -> None:
    counts = Counts()
    counted = [["faults", f"call {number}", number] for number in range(SHOWN + 3)]
    counts.pytest_runtest_logreport(report("teardown", "passed", *counted))
    assert f"{SHOWN + 2:>18}  call {SHOWN + 2}" in list(counts.lines())
    assert list(counts.lines())[-1].strip() == "and 3 more in the file"


def test_figures_are_handed_on() -> None:
    counts, found = Counts(), report("teardown", "passed")
    found.user_properties = [(TAKEN, ["load", {"p99": 3}])]
    counts.pytest_runtest_logreport(found)
    assert counts.document(0)["figures"] == {"load": {"p99": 3}}


@pytest.mark.parametrize(("seed", "told"), [(7, ["to repeat"]), (0, [])])
def test_a_failure_says_how_it_is_repeated(
    seed: int, told: list[str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = request.node
    assert isinstance(item, pytest.Item)
    monkeypatch.setattr(item.config.option, "seed", seed)
    failed = report("call", "failed")
    tell_how_to_repeat(item, failed)
    assert [title for title, _ in failed.sections] == told
    assert all("--seed=7" in text and Path(__file__).name in text for _, text in failed.sections)
