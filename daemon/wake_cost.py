"""How long this machine takes to wake somebody who sleeps.

A few microseconds on bare metal; ten to sixty in a virtual machine, whose host has to be asked for
a processor that was let go of. Who expects an answer sooner than that does better to look for it.
"""

import os
import threading
import time
from statistics import median_low
from typing import Final

TURNS: Final = 24  # 3 ms where waking is dear


def wake_ns() -> int:
    """Nanoseconds from a write to the return of who waits for it, between two threads.

    Half of the median of some turns there and back. Any thread. Raises OSError.
    """
    there, back = os.eventfd(0, os.EFD_CLOEXEC), os.eventfd(0, os.EFD_CLOEXEC)
    try:
        other = threading.Thread(target=_answer, args=(there, back), daemon=True)
        other.start()
        turns = [_turn_ns(there, back) for _ in range(TURNS)]
        other.join()
    finally:
        os.close(there)
        os.close(back)
    return median_low(turns) // 2


def _turn_ns(there: int, back: int) -> int:
    begun = time.perf_counter_ns()
    os.eventfd_write(there, 1)
    os.eventfd_read(back)
    return time.perf_counter_ns() - begun


def _answer(there: int, back: int) -> None:
    for _ in range(TURNS):
        os.eventfd_read(there)
        os.eventfd_write(back, 1)
