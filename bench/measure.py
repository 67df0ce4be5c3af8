"""One workload in a process of its own, so that a filesystem that hangs cannot stop the bench.

Reads a task as JSON from stdin and answers with a measurement as JSON on stdout.
"""

import gc
import os
import signal
import sys
from pathlib import Path

import msgspec

from bench.plan import workload_named
from bench.workload import Place, Sizes, Watch


class Task(msgspec.Struct, frozen=True):
    """What to measure, and where."""

    workload: str
    folder: str
    seed: int
    sizes: Sizes
    seconds_max: float


class Measured(msgspec.Struct, frozen=True):
    """How much was done, in which time, and at what cost to the process that asked for it."""

    amount: int
    seconds: float
    client_cpu_seconds: float


def measure(task: Task) -> Measured:
    """Run a workload; what it wrote has reached the disk before the answer.

    Raises TimeoutError in the middle of one that takes too long: the programs that it runs end.
    """
    signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, task.seconds_max)
    watch = Watch()
    place = Place(Path(task.folder), task.sizes, task.seed)
    gc.disable()
    amount = workload_named(task.workload).work(place, watch)
    signal.setitimer(signal.ITIMER_REAL, 0)
    os.sync()  # so that nobody else's measurement pays for it
    return Measured(amount, watch.seconds, watch.cpu_seconds)


def _too_long(*_: object) -> None:
    raise TimeoutError("it takes longer than it may: see --limit")


if __name__ == "__main__":
    answer = measure(msgspec.json.decode(sys.stdin.buffer.read(), type=Task))
    sys.stdout.buffer.write(msgspec.json.encode(answer))
