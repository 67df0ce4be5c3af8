"""Clients of a mount, each a process that does one thing over and over and keeps the times."""

import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Final

from bench.mounts import BenchProblem

FILE_BYTES: Final = 64 << 10
REST_SECONDS: Final = 0.002  # so that three clients leave room for the daemon on two cores
END_SECONDS_MAX: Final = 60.0

Job = Callable[[Path, int], None]  # in a folder, for the n-th time


@dataclass(frozen=True, slots=True)
class Call:
    """One call, or the few that belong together."""

    started: float  # time.monotonic(), the same in all processes
    seconds: float


def look_up(folder: Path, number: int) -> None:
    """Ask for a name that is not there."""
    os.path.lexists(folder / f"no such name {number}")


def read(folder: Path, number: int) -> None:
    """Read one of the files that stay, from the daemon and not from the kernel."""
    kept = sorted(os.listdir(folder / "kept")) if number == 0 else _KEPT
    _KEPT[:] = kept
    descriptor = os.open(folder / "kept" / random.Random(number).choice(kept), os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        if len(os.read(descriptor, FILE_BYTES)) != FILE_BYTES:
            raise BenchProblem("a file was cut short")
    finally:
        os.close(descriptor)


def write(folder: Path, number: int) -> None:
    """Make a file of random bytes."""
    (folder / "made" / str(number)).write_bytes(random.Random(number).randbytes(FILE_BYTES))


_KEPT: Final[list[str]] = []  # of this process

CLIENTS: Final[Mapping[str, Job]] = {
    "look up a free name": look_up,
    "open + read 64 KiB + close": read,
    "create + write 64 KiB + close": write,
}


class Clients:
    """What the clients have measured, when their work has ended."""

    def __init__(self) -> None:
        self.calls: dict[str, list[Call]] = {}


@contextmanager
def at_work(folder: Path, jobs: Mapping[str, Job] = CLIENTS) -> Iterator[Clients]:
    """Let a client for each job work until the block ends. Raises BenchProblem when one failed.

    Jobs are functions of modules: each runs in a process of its own.
    """
    spawning = multiprocessing.get_context("spawn")
    stop, clients = spawning.Event(), Clients()
    with spawning.Pool(len(jobs), initializer=_keep, initargs=(stop,)) as pool:
        pending = {name: pool.apply_async(_work, (job, folder)) for name, job in jobs.items()}
        try:
            yield clients
        finally:
            stop.set()
            found = {name: result.get(END_SECONDS_MAX) for name, result in pending.items()}
    for name, calls in found.items():
        if isinstance(calls, str):
            raise BenchProblem(f"{name}: {calls}")
        clients.calls[name] = calls


def _keep(stop: Event) -> None:
    """An event reaches a process of a pool only in this way."""
    _STOP.append(stop)


_STOP: Final[list[Event]] = []


def _work(job: Job, folder: Path) -> list[Call] | str:
    """The calls of a client, one at least, until it is told to stop; or what failed."""
    calls = list[Call]()
    try:
        while not (calls and _STOP[0].is_set()):
            started = time.monotonic()
            job(folder, len(calls))
            calls.append(Call(started, time.monotonic() - started))
            time.sleep(REST_SECONDS)
    except (OSError, BenchProblem) as error:
        return str(error)
    return calls
