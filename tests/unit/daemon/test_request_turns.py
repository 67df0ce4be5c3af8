"""Whose turn it is to read a request: never nobody's, and a free one costs no scheduling."""

import os
import select
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import pyfuse3
import pytest
import trio
import trio.testing

from daemon import request_turns
from daemon.arrivals import Arrivals
from daemon.request_turns import AT_ONCE_MAX, FEW, LUCK_MAX, take_turns
from daemon.trio_events import events_descriptor
from daemon.workers import INLINE_BYTES_MAX, Workers
from fsmodel.steps import Work


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe's ends: one to read, one to write."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def its_trio() -> Any:
    """What pyfuse3 takes for trio."""
    return vars(pyfuse3)["trio"]


def turn() -> trio.Lock:
    """What pyfuse3 makes when it looks for trio's lock."""
    lock: trio.Lock = its_trio().Lock()
    return lock


def test_a_free_turn_is_taken_without_scheduling() -> None:
    async def check() -> None:
        with take_turns(Arrivals()):
            lock = turn()
            with trio.testing.assert_no_checkpoints():
                for _ in range(3):
                    async with lock:
                        pass

    trio.run(check)


def test_whoever_comes_back_first_has_the_turn_again() -> None:
    seen: list[str] = []

    async def other(lock: trio.Lock) -> None:
        async with lock:
            seen.append("other")

    async def check() -> None:
        with take_turns(Arrivals()):
            lock = turn()
            async with trio.open_nursery() as nursery:
                async with lock:
                    nursery.start_soon(other, lock)
                    await trio.testing.wait_all_tasks_blocked()
                for _ in range(3):
                    async with lock:
                        seen.append("first")

    trio.run(check)
    assert seen == ["first"] * 3 + ["other"]


def test_a_task_that_waits_for_something_else_leaves_its_turn() -> None:
    """As a request that is answered by a worker thread does: the next one is read meanwhile."""
    seen: list[str] = []

    async def first(lock: trio.Lock, answered: trio.Event) -> None:
        async with lock:
            await trio.testing.wait_all_tasks_blocked()
        await answered.wait()
        seen.append("answered")

    async def other(lock: trio.Lock, answered: trio.Event) -> None:
        async with lock:
            seen.append("read")
        answered.set()

    async def check() -> None:
        with take_turns(Arrivals()):
            lock, answered = turn(), trio.Event()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(first, lock, answered)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(other, lock, answered)

    trio.run(check)
    assert seen == ["read", "answered"]


def test_a_task_that_ends_leaves_its_turn_to_all_that_wait() -> None:
    seen: list[int] = []

    async def read(lock: trio.Lock, number: int) -> None:
        async with lock:
            seen.append(number)
            await trio.testing.wait_all_tasks_blocked()

    async def check() -> None:
        with take_turns(Arrivals()):
            lock = turn()
            async with trio.open_nursery() as nursery:
                for number in range(4):
                    nursery.start_soon(read, lock, number)

    trio.run(check)
    assert sorted(seen) == [0, 1, 2, 3]


def test_a_task_that_is_cancelled_while_it_waits_keeps_nobody_from_reading() -> None:
    seen: list[str] = []

    async def waiting(lock: trio.Lock, scope: trio.CancelScope) -> None:
        with scope:
            async with lock:
                seen.append("cancelled")

    async def other(lock: trio.Lock) -> None:
        async with lock:
            seen.append("other")

    async def check() -> None:
        with take_turns(Arrivals()):
            lock, scope = turn(), trio.CancelScope()
            async with trio.open_nursery() as nursery, lock:
                nursery.start_soon(waiting, lock, scope)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(other, lock)
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()

    trio.run(check)
    assert seen == ["other"]


def test_what_is_there_is_read_at_once_but_not_for_ever(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.write(writing, b"request")

    async def check() -> None:
        with take_turns(Arrivals()):
            wait_readable = its_trio().lowlevel.wait_readable
            with trio.testing.assert_no_checkpoints():
                for _ in range(AT_ONCE_MAX):
                    await wait_readable(reading)
            with trio.testing.assert_checkpoints():
                await wait_readable(reading)
            with trio.testing.assert_no_checkpoints():
                await wait_readable(reading)

    trio.run(check)


def test_what_is_not_there_is_waited_for(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    seen: list[bytes] = []

    async def read() -> None:
        await its_trio().lowlevel.wait_readable(reading)
        seen.append(os.read(reading, 10))

    async def check() -> None:
        with take_turns(Arrivals()):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                await trio.testing.wait_all_tasks_blocked()
                assert not seen
                os.write(writing, b"request")

    trio.run(check)
    assert seen == [b"request"]


async def asked_again(reading: int, writing: int) -> None:
    """Read a request, and the next one, which comes from a thread once this one waits for it."""
    wait_readable = its_trio().lowlevel.wait_readable
    os.write(writing, b"1")
    await wait_readable(reading)
    os.read(reading, 1)
    with trio.testing.assert_no_checkpoints():
        await wait_readable(reading)


def test_the_next_request_is_waited_for_in_place(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_turns, "MOMENT_MS", 60_000)
    reading, writing = pipe
    client = threading.Timer(0.01, os.write, (writing, b"2"))

    async def check() -> None:
        with take_turns(Arrivals()):
            client.start()
            await asked_again(reading, writing)

    trio.run(check)
    client.join()


def test_one_processor_is_left_to_who_asks(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_turns, "LOOKING_NS", 60 * 10**9)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})
    reading, _ = pipe

    async def check() -> None:
        with take_turns(Arrivals()), trio.move_on_after(0.01) as scope:
            await its_trio().lowlevel.wait_readable(reading)
        assert scope.cancelled_caught

    begun = time.monotonic()
    trio.run(check)
    assert time.monotonic() - begun < 30


class Asked:
    """Stands for a poll; counts how often it is asked."""

    def __init__(self) -> None:
        self.times = 0
        self.finds = False

    def poll(self, _: int) -> list[tuple[int, int]]:
        self.times += 1
        return [(7, 1)] if self.finds else []


def test_looks_in_vain_become_few_and_many_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_turns, "LOOKING_NS", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    looks, asked = request_turns._Looks(), Asked()
    for _ in range(LUCK_MAX + 10 * FEW):
        assert looks.find(cast("select.poll", asked)) == []
    assert asked.times == LUCK_MAX + 10
    asked.finds = True
    found = [looks.find(cast("select.poll", asked)) for _ in range(FEW + LUCK_MAX)]
    assert found[FEW:] == [[(7, 1)]] * LUCK_MAX


def test_threads_that_are_at_work_have_the_other_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    looks, asked = request_turns._Looks(), Asked()
    asked.finds = True

    async def look_beside_a_thread() -> None:
        begun, ended = threading.Event(), threading.Event()

        def work() -> None:
            begun.set()
            ended.wait(60)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(Workers().run, Work(work, INLINE_BYTES_MAX + 1))
            await trio.to_thread.run_sync(begun.wait, 60)
            assert looks.find(cast("select.poll", asked)) == []
            ended.set()

    trio.run(look_beside_a_thread)
    assert looks.find(cast("select.poll", asked)) == [(7, 1)]


def test_nobody_is_kept_waiting_in_place(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a task that can go on nor one whose thread has come back."""
    monkeypatch.setattr(request_turns, "MOMENT_MS", 60_000)
    reading, writing = pipe
    seen: list[str] = []

    async def reader() -> None:
        await its_trio().lowlevel.wait_readable(reading)
        seen.append("request")

    async def ready() -> None:
        seen.append("ready")

    async def with_thread() -> None:
        await trio.to_thread.run_sync(threading.Event().wait, 0.01)
        seen.append("thread")
        os.write(writing, b"request")

    async def check() -> None:
        with take_turns(Arrivals()):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(with_thread)
                await trio.testing.wait_all_tasks_blocked()
                nursery.start_soon(reader)
                nursery.start_soon(ready)

    begun = time.monotonic()
    trio.run(check)
    assert seen == ["ready", "thread", "request"]
    assert time.monotonic() - begun < 30


def test_a_trio_that_hides_what_it_waits_for_is_left_to_wait(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_turns, "events_descriptor", lambda: None)
    reading, writing = pipe
    client = threading.Timer(0.01, os.write, (writing, b"2"))

    async def check() -> None:
        with take_turns(Arrivals()):
            client.start()
            with pytest.raises(AssertionError):  # it passes the scheduler
                await asked_again(reading, writing)

    trio.run(check)
    client.join()


def test_what_the_loop_waits_for_can_be_waited_for_elsewhere(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = pipe

    async def check() -> None:
        descriptor = events_descriptor()
        assert descriptor is not None, "this trio has it elsewhere"
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.lowlevel.wait_readable, reading)
            await trio.testing.wait_all_tasks_blocked()
            assert not poll.poll(0)
            os.write(writing, b"x")
            assert poll.poll(0)

    trio.run(check)
    monkeypatch.setattr(trio._core._run, "GLOBAL_RUN_CONTEXT", object())
    assert events_descriptor() is None


def test_arrivals_are_counted_and_those_that_wait_are_seen(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    arrivals = Arrivals()

    async def check() -> None:
        with take_turns(arrivals):
            wait_readable = its_trio().lowlevel.wait_readable
            for number in range(3):
                os.write(writing, b"request")
                await wait_readable(reading)
                assert (arrivals.read, arrivals.any_waits()) == (number + 1, True)
                os.read(reading, 10)
                assert not arrivals.any_waits()

    assert not arrivals.any_waits(), "nothing is known to wait for yet"
    trio.run(check)


def test_pyfuse3_gets_back_what_it_had() -> None:
    async def check() -> None:
        assert its_trio() is trio
        with take_turns(Arrivals()):
            assert its_trio() is not trio
            assert its_trio().ClosedResourceError is trio.ClosedResourceError
        assert its_trio() is trio

    trio.run(check)
