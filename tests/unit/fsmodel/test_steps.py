"""Steps: work beside work, and what an error or a closed driver leaves."""

from functools import partial

import pytest

from fsmodel import steps
from fsmodel.steps import Steps, Work, beside, run_inline, side_by_side

LONG, SHORT = steps.BESIDE_BYTES_MIN, steps.BESIDE_BYTES_MIN - 1


def answering(*sizes: int, log: list[str]) -> Steps[list[object]]:
    """Asks for works of these sizes, each of which answers its number."""
    found = []
    try:
        for number, size in enumerate(sizes):
            found.append((yield Work(partial(_noted, log, f"step {number}", number), size)))
    except ValueError:
        log.append("failed")
        raise
    finally:
        log.append("ended")
    return found


def _noted(log: list[str], text: str, answer: object) -> object:
    log.append(text)
    return answer


def test_other_work_is_done_beside_the_first_long_step() -> None:
    log: list[str] = []
    other = Work(partial(_noted, log, "other", "x"), 5)
    found = run_inline(beside(answering(SHORT, LONG, LONG, log=log), other))
    assert found == ([0, 1, 2], ["x"])
    assert log == ["step 0", "other", "step 1", "step 2", "ended"]


def test_of_steps_without_a_long_one_it_is_not_done() -> None:
    log: list[str] = []
    other = Work(partial(_noted, log, "other", "x"), 5)
    assert run_inline(beside(answering(SHORT, log=log), other)) == ([0], [])
    assert run_inline(beside(answering(log=log), other)) == ([], [])
    assert "other" not in log


def test_a_step_with_parts_gets_the_answers_of_its_parts() -> None:
    def in_parts() -> Steps[object]:
        return (yield side_by_side([Work(lambda: 1, LONG), Work(lambda: 2, LONG)]))

    given = beside(in_parts(), Work(lambda: "x", 5))
    asked = next(given)
    assert [part.size_bytes for part in asked.parts] == [5, LONG, LONG]
    assert run_inline(beside(in_parts(), Work(lambda: "x", 5))) == ([1, 2], ["x"])


def test_an_error_beside_a_step_is_the_steps_own() -> None:
    def fail() -> None:
        raise ValueError("beside")

    log: list[str] = []
    with pytest.raises(ValueError, match="beside"):
        run_inline(beside(answering(LONG, log=log), Work(fail, 5)))
    assert log == ["failed", "ended"]


def test_steps_that_are_closed_close_those_inside() -> None:
    log: list[str] = []
    given = beside(answering(LONG, log=log), Work(lambda: None, 5))
    next(given)
    given.close()
    assert log == ["ended"]
