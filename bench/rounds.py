"""Runs the workloads on every system in turn, round after round.

Within a round all systems are mounted, and each workload visits them one after the other, in an
order that changes from round to round: whatever else the machine does meets all of them alike.
Each round starts from empty homes.
"""

import math
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.known_systems import SYSTEMS
from bench.measure import Measured, Task
from bench.meter import usage_of, usage_when_quiet
from bench.mounts import BenchProblem
from bench.results import Measurement
from bench.systems import Prepares, System, stopping
from bench.workload import SOON_SECONDS, Caches, Sizes, Workload

GRACE_SECONDS = 30.0  # in which a workload that is told to stop may do so
KILL_SECONDS_MAX = 10.0
DROP_CACHES = Path("/proc/sys/vm/drop_caches")
READ_BYTES = 1 << 20

Report = Callable[[str], None]
Item = TypeVar("Item")


def can_drop_caches() -> bool:
    """Whether this process may empty the host's caches."""
    return os.access(DROP_CACHES, os.W_OK)


@dataclass(frozen=True, slots=True)
class Rounds:
    """What is measured in each round: every workload on every system."""

    home: Path
    systems: Sequence[str]
    plan: Sequence[Workload]
    sizes: Sizes
    workload_seconds_max: float
    report: Report
    minutes: float = math.inf  # after which no round is begun, if one has come to its end

    def run(self, count: int) -> list[list[Measurement]]:
        """The rounds that came to their end; what a round made is gone then.

        One that fails is told and left out, for the others are still worth their time. Raises
        BenchProblem when all have failed.
        """
        complete = list[list[Measurement]]()
        deadline = time.monotonic() + self.minutes * 60
        for number in range(count):
            title = f"round {number + 1} of {count}"
            if complete and time.monotonic() >= deadline:
                self.report(f"{title} is not begun: the time is up")
                break
            try:
                complete.append(list(self._round(number, title)))
            except (BenchProblem, OSError, subprocess.SubprocessError) as problem:
                self.report(f"{title} is left out: {problem}")
        if not complete:
            raise BenchProblem("no round came to its end")
        return complete

    def _round(self, number: int, title: str) -> Iterator[Measurement]:
        with _round_home(self.home, number) as folder, _running(folder, self.systems) as running:
            for step, workload in enumerate(self.plan):
                self.report(f"{title}: {workload.title}")
                for name in rotated(self.systems, number + step):
                    system = running[name]
                    task = Task(
                        workload.name,
                        str(system.folder),
                        number,
                        self.sizes,
                        self.workload_seconds_max,
                    )
                    found = _measure(system, workload, task)
                    if found is not None:
                        yield _measurement(number, name, workload, *found)


def rotated(items: Sequence[Item], by: int) -> list[Item]:
    """The same in another order: begun later by so many."""
    by %= len(items)
    return [*items[by:], *items[:by]]


@contextmanager
def _round_home(home: Path, number: int) -> Iterator[Path]:
    folder = home / f"round-{number}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(home: Path, names: Sequence[str]) -> Iterator[Mapping[str, System]]:
    """Every system, started; stopped at the end, by force after a failure."""
    running: dict[str, System] = {}
    with ExitStack() as stack:
        for name in names:
            (home / name).mkdir()
            system = running[name] = SYSTEMS[name](home / name)
            stack.enter_context(stopping(system))
            system.start()
        yield running


def _measure(
    system: System, workload: Workload, task: Task
) -> tuple[Measured, float | None, int | None] | None:
    """One workload on one system; None where it cannot run, or the caches not be as it needs."""
    if workload.needs_contents and not system.keeps_contents:
        return None
    if isinstance(system, Prepares):
        _prepare(system)
    if workload.caches is not Caches.AS_LEFT:
        remounted = system.remount()
        if workload.caches is Caches.REMOUNTED:
            if not remounted:
                return None
            read_below(system.folder.parent)
    if workload.caches is Caches.COLD:
        os.sync()
        DROP_CACHES.write_text("3")
    if system.daemon is None:
        return _run_apart(task, system), None, None
    before = usage_of(system.daemon)
    measured = _run_apart(task, system)
    put_off = workload.put_off_seconds if system.keeps_contents else 0.0
    after = usage_when_quiet(system.daemon, put_off)
    return measured, after.cpu_seconds - before.cpu_seconds, after.resident_bytes


def read_below(home: Path) -> int:
    """Have the host cache all files of a system, and not what it mounts; how many bytes.

    A workload before this one may have had the host forget them. Raises OSError.
    """
    size = 0
    for folder, below, names in os.walk(home):
        below[:] = [name for name in below if not os.path.ismount(os.path.join(folder, name))]
        for path in (Path(folder, name) for name in names):
            if path.is_file():  # no socket
                with path.open("rb", buffering=0) as file:
                    while data := file.read(READ_BYTES):
                        size += len(data)
    return size


def _prepare(system: Prepares) -> None:
    """Bring a system into its state, and let it finish that before a watch starts."""
    system.before_work()
    os.sync()
    if system.daemon is not None:
        usage_when_quiet(system.daemon, SOON_SECONDS)


def _run_apart(task: Task, system: System) -> Measured:
    """The workload in a process of its own, with an end in any case."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "bench.measure"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        answer, words = worker.communicate(
            msgspec.json.encode(task), task.seconds_max + GRACE_SECONDS
        )
    except subprocess.TimeoutExpired:
        system.kill()  # first: a process that waits for a filesystem cannot be killed
        worker.kill()
        worker.communicate(timeout=KILL_SECONDS_MAX)
        raise BenchProblem(
            f"{task.workload} in {task.folder}: no end after {task.seconds_max:.0f} s"
        ) from None
    if worker.returncode != 0:
        last = words.decode(errors="replace").strip().splitlines()[-1:]
        raise BenchProblem(f"{task.workload} in {task.folder}: {' '.join(last) or 'was killed'}")
    return msgspec.json.decode(answer, type=Measured)


def _measurement(
    number: int,
    system: str,
    workload: Workload,
    measured: Measured,
    cpu_seconds: float | None,
    resident_bytes: int | None,
) -> Measurement:
    return Measurement(
        round=number,
        system=system,
        workload=workload.name,
        amount=measured.amount,
        seconds=measured.seconds,
        client_cpu_seconds=measured.client_cpu_seconds,
        daemon_cpu_seconds=cpu_seconds,
        daemon_resident_bytes=resident_bytes,
    )
