"""Long work is recorded until it has ended, and another process can go on with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.errors import Busy, JobCancelled, NotFound
from fsmodel.steps import PAUSE, Steps, Work, run_inline
from tests.support.volume_store import VolumeStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    made = VolumeStore(tmp_path)
    yield made
    made.require_sound()
    made.abandon()


def counting(upto: int) -> Steps[int]:
    for _ in range(upto):
        yield PAUSE
    return upto


def failing() -> Steps[int]:
    yield PAUSE
    raise Busy("something else is running")


def test_a_job_is_there_while_it_runs(store: VolumeStore) -> None:
    jobs = store.volume.jobs
    steps = jobs.run("count", b'{"upto":2}', counting(2))
    next(steps)
    (job,) = jobs.all()
    assert (job.number, job.command, job.arguments, job.running) == (
        1,
        "count",
        b'{"upto":2}',
        True,
    )
    assert jobs.waiting() == []
    assert run_inline(steps_left(steps)) == 2
    assert jobs.all() == []


def steps_left(steps: Steps[int]) -> Steps[int]:
    return (yield from steps)


def test_a_failure_ends_a_job(store: VolumeStore) -> None:
    with pytest.raises(Busy):
        run_inline(store.volume.jobs.run("fail", b"{}", failing()))
    assert store.volume.jobs.all() == []


def test_what_a_work_raises_reaches_the_steps(store: VolumeStore) -> None:
    def broken() -> None:
        raise Busy("in a worker")

    def patient() -> Steps[str]:
        try:
            yield Work(broken, 0)
        except Busy as error:
            return str(error)
        return "nothing was raised"

    assert run_inline(store.volume.jobs.run("patient", b"{}", patient())) == "in a worker"


@pytest.mark.parametrize("killed", [False, True])
def test_a_job_that_was_cut_short_waits(store: VolumeStore, killed: bool) -> None:
    steps = store.volume.jobs.run("count", b"{}", counting(9))
    next(steps)
    if killed:
        store.kill()
    else:
        steps.close()
    (job,) = store.volume.jobs.waiting()
    assert (job.number, job.command, job.running) == (1, "count", False)
    assert run_inline(store.volume.jobs.go_on(job.number, counting(3))) == 3
    assert store.volume.jobs.all() == []


def test_a_running_job_is_cancelled_at_its_next_step(store: VolumeStore) -> None:
    jobs = store.volume.jobs
    steps = jobs.run("count", b"{}", counting(9))
    next(steps)
    jobs.cancel(1)
    with pytest.raises(JobCancelled):
        next(steps)
    assert jobs.all() == []


def test_a_waiting_job_is_forgotten(store: VolumeStore) -> None:
    jobs = store.volume.jobs
    steps = jobs.run("count", b"{}", counting(9))
    next(steps)
    steps.close()
    assert jobs.cancel(1).command == "count"
    assert jobs.all() == []
    for number in (1, 0, -1, 99):
        with pytest.raises(NotFound, match="there is no job"):
            jobs.cancel(number)


def test_numbers_are_not_used_twice(store: VolumeStore) -> None:
    for _ in range(2):
        steps = store.volume.jobs.run("count", b"{}", counting(9))
        next(steps)
        steps.close()
        store.reopen()
    assert [job.number for job in store.volume.jobs.all()] == [1, 2]
