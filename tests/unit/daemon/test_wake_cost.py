"""How long waking somebody takes is measured, and leaves nothing behind."""

import os
import threading
import time

import pytest

from daemon import wake_cost
from daemon.wake_cost import TURNS, wake_ns


def test_it_is_half_of_a_turn_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = iter(range(0, 10**9, 100))
    monkeypatch.setattr(time, "perf_counter_ns", lambda: next(reads))
    assert wake_ns() == 50


def test_who_answers_late_takes_that_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer_late(there: int, back: int) -> None:
        for _ in range(TURNS):
            os.eventfd_read(there)
            time.sleep(0.002)
            os.eventfd_write(back, 1)

    monkeypatch.setattr(wake_cost, "_answer", answer_late)
    assert wake_ns() >= 1_000_000


def test_neither_threads_nor_descriptors_stay() -> None:
    threads, descriptors = threading.active_count(), len(os.listdir("/proc/self/fd"))
    assert wake_ns() > 0
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == descriptors
