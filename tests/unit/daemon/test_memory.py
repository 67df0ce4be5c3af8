"""Memory that nobody uses is given back, also where what stays lies behind it."""

import subprocess
import sys

import pytest
import trio

from daemon.memory import GROWN_BYTES, LARGE_BYTES, HeapKeeper

MIB = 1 << 20
FRAGMENTED = """
from daemon.memory import give_back
from daemon.process_figures import own_memory_bytes
blocks = [bytearray(65_000) for _ in range(1_600)]
kept = blocks[-1]
del blocks
before = own_memory_bytes()
give_back()
print(before, own_memory_bytes())
"""


def test_what_is_free_below_what_stays_is_given_back() -> None:
    command = [sys.executable, "-c", FRAGMENTED]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    before, after = map(int, answer.stdout.split())
    assert before - after > 80 * MIB


class Process:
    """A process of some size, of which a part is free."""

    def __init__(self) -> None:
        self.used = self.free = 0
        self.asked = 0

    def own_bytes(self) -> int:
        return self.used + self.free

    def give_back(self) -> None:
        self.asked += 1
        self.free = 0


@pytest.fixture
def process() -> Process:
    return Process()


def asked(process: Process, *sizes: tuple[int, int]) -> list[int]:
    """How often it had been asked after each look, when so much was used and free."""

    async def look_at_each() -> list[int]:
        keeper = HeapKeeper(process.own_bytes, process.give_back)
        found = []
        for process.used, process.free in sizes:
            await keeper.look()
            found.append(process.asked)
        return found

    return trio.run(look_at_each)


def test_a_small_process_is_left_alone(process: Process) -> None:
    assert asked(process, (LARGE_BYTES - MIB, MIB)) == [0]


def test_a_large_one_is_asked_once_for_each_growth(process: Process) -> None:
    large = LARGE_BYTES + MIB
    grown = large + GROWN_BYTES
    assert asked(process, (large, MIB), (large, MIB), (grown, 0), (grown, MIB)) == [1, 1, 1, 2]


def test_one_that_grows_slowly_is_asked_in_time(process: Process) -> None:
    step = GROWN_BYTES // 2 + MIB
    sizes = [(LARGE_BYTES + number * step, MIB) for number in range(5)]
    assert asked(process, *sizes) == [1, 1, 2, 2, 3]


def test_one_that_has_shrunk_begins_anew(process: Process) -> None:
    sizes = [(2 * LARGE_BYTES, MIB), (MIB, 0), (MIB, LARGE_BYTES)]
    assert asked(process, *sizes) == [1, 1, 2]
