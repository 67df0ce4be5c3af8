"""What a process has used."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

QUIET_SECONDS = 0.2
QUIET_SECONDS_MAX = 5.0
REST_SECONDS = 15.0
# Below this a daemon is idle: its timers and the event loop's own turns.
IDLE_CPU_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds of all threads since the start, and resident memory now."""

    cpu_seconds: float
    resident_bytes: int


def usage_of(process: int) -> Usage:
    """Raises OSError when the process is gone."""
    cpu_seconds = time.clock_gettime(_cpu_clock(process))
    resident_pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return Usage(cpu_seconds, resident_pages * os.sysconf("SC_PAGE_SIZE"))


def usage_when_quiet(process: int, put_off_seconds: float = 0.0) -> Usage:
    """The usage once the process has finished what it does behind its callers' backs.

    Waits so long as it may put that off, and then at most 5 s for 0.2 s in which it hardly ran.
    """
    time.sleep(put_off_seconds)
    deadline = time.monotonic() + QUIET_SECONDS_MAX
    before = usage_of(process)
    while time.monotonic() < deadline:
        time.sleep(QUIET_SECONDS)
        now = usage_of(process)
        if now.cpu_seconds - before.cpu_seconds < QUIET_SECONDS * IDLE_CPU_SHARE:
            return now
        before = now
    return before


def wait_for_rest(process: int, seconds_max: float) -> bool:
    """Wait until a process has hardly run for 15 s; whether it has, within the time.

    A daemon begins to tidy up when nothing has been asked of it for ten seconds.
    """
    deadline = time.monotonic() + seconds_max
    while (left := deadline - time.monotonic()) > 0:
        before = usage_of(process).cpu_seconds
        time.sleep(min(REST_SECONDS, left))
        if usage_of(process).cpu_seconds - before < REST_SECONDS * IDLE_CPU_SHARE:
            return left >= REST_SECONDS
    return False


def _cpu_clock(process: int) -> int:
    """The clock of a process's CPU time, in nanoseconds; /proc/PID/stat counts in 10 ms.

    As clock_getcpuclockid(3) makes it: the pid inverted, shifted, and the number of the
    scheduler's clock (MAKE_PROCESS_CPUCLOCK in linux/posix-timers.h).
    """
    return (~process << 3) | 2
