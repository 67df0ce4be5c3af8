"""What `make crash` counts is summed up over tests, and what fails is told with its seed."""

from pathlib import Path
from typing import Final, Literal

import pytest

from tests.support.long_runs import COUNTED, Counts, tell_how_to_repeat


def report(
    when: Literal["setup", "call", "teardown"],
    outcome: Literal["passed", "failed"],
    *counted: list[object],
) -> pytest.TestReport:
    place = ("tests/a.py", 1, "test")
    found = pytest.TestReport("tests/a.py::test", place, {}, outcome, None, when)
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
        "counts": {"kills": {"total": 5, "by": {"git": 2, "rsync": 3}}},
    }


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
