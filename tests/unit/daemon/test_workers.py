"""Work in threads: parts of one work at the same time, and what a failure of one does."""

import sys
import threading
from collections.abc import Sequence

import pytest
import trio

from daemon.workers import INLINE_BYTES_MAX, TURN_SECONDS, Workers, take_short_turns
from fsmodel.steps import Steps, Work, collecting, run_inline, side_by_side

BIG = INLINE_BYTES_MAX + 1
PATIENCE_SECONDS = 60.0


def two_at_once() -> Workers:
    """As on a machine with two processors."""
    workers = Workers(threads_max=2)
    workers._side_by_side = 2
    return workers


def steps_of(parts: Sequence[Work]) -> Steps[list[object]]:
    results: list[object] = yield side_by_side(parts)
    return results


async def test_parts_of_a_work_are_done_at_the_same_time() -> None:
    both = threading.Barrier(2)  # breaks unless two threads come to it
    parts = [Work(lambda: both.wait(PATIENCE_SECONDS), BIG)] * 2
    assert set(await two_at_once().drive(steps_of(parts))) == {0, 1}


async def test_results_come_in_the_order_of_the_parts() -> None:
    parts = [Work(lambda n=n: n, BIG) for n in range(9)]  # type: ignore[misc]
    assert await two_at_once().drive(steps_of(parts)) == list(range(9))


def test_other_drivers_do_parts_in_turn() -> None:
    threads: list[int] = []

    def note() -> int:
        threads.append(threading.get_ident())
        return len(threads)

    parts = [Work(note, BIG)] * 3
    assert run_inline(steps_of(parts)) == [1, 2, 3]
    assert set(threads) == {threading.get_ident()}
    assert side_by_side(parts).size_bytes == 3 * BIG


async def test_small_parts_are_done_where_they_are() -> None:
    parts = [Work(threading.get_ident, 1)] * 2
    assert await two_at_once().drive(steps_of(parts)) == [threading.get_ident()] * 2


async def test_a_failure_is_told_once_no_part_runs_any_more() -> None:
    """Whoever is told may give back what the others work on."""
    begun, other_ended = threading.Event(), threading.Event()
    later: list[int] = []

    def fail() -> None:
        assert begun.wait(PATIENCE_SECONDS)
        raise OSError("this part failed")

    def go_on() -> None:
        begun.set()
        trio.from_thread.run_sync(lambda: None)
        other_ended.set()

    parts = [Work(fail, BIG), Work(go_on, BIG), *[Work(lambda: later.append(1), BIG)] * 9]
    workers = two_at_once()
    with pytest.raises(OSError, match="this part failed"):
        await workers.drive(steps_of(parts))
    assert other_ended.is_set()


async def test_what_is_begun_goes_on_in_another_thread_while_its_owner_does_something_else() -> (
    None
):
    may_end = threading.Event()
    begun = two_at_once().begin(lambda: (may_end.wait(PATIENCE_SECONDS), threading.get_ident()))
    assert not begun.is_done
    may_end.set()
    waited, thread = begun.result()
    assert waited
    assert thread != threading.get_ident()


def asked(work: Work) -> Steps[object]:
    return (yield work)


async def test_the_failure_of_what_was_begun_is_raised_to_who_asks_for_it() -> None:
    def fail() -> None:
        raise OSError("no disk")

    begun = two_at_once().begin(fail)
    with pytest.raises(OSError, match="no disk"):
        await two_at_once().drive(asked(collecting(begun, BIG)))


def test_workers_take_short_turns_of_the_interpreter() -> None:
    before = sys.getswitchinterval()
    try:
        take_short_turns()
        assert sys.getswitchinterval() == pytest.approx(TURN_SECONDS, abs=1e-6)
    finally:
        sys.setswitchinterval(before)
