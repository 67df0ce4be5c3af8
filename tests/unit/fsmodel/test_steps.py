"""Steps: work that was begun before anybody asks for it."""

import pytest

from fsmodel.steps import PutOff, Steps, Work, collecting, run_inline

SIZE = 1 << 20


class Done:
    """Work that has ended."""

    is_done = True

    def result(self) -> str:
        return "found"


def asked(work: Work) -> Steps[object]:
    return (yield work)


def test_what_is_put_off_is_done_when_it_is_asked_for() -> None:
    log: list[str] = []
    begun = PutOff(lambda: log.append("ran"))
    work = collecting(begun, SIZE)
    assert not log
    assert work.size_bytes == SIZE  # so whoever drives steps gives it to a thread
    run_inline(asked(work))
    assert log == ["ran"]


def test_what_has_ended_is_collected_where_its_owner_is() -> None:
    work = collecting(Done(), SIZE)
    assert work.size_bytes == 0
    assert run_inline(asked(work)) == "found"


def test_an_error_of_what_was_begun_is_raised_to_who_asks() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        run_inline(asked(collecting(PutOff(fail), SIZE)))
