"""The jobs in bench/fio/, each a workload: what fio says it did, in the time it says it took.

The files are plain jobs of fio, to be run by hand too; sizes come from the environment:

    FIO_MIB=256 fio --directory=FOLDER bench/fio/sequential-write.fio
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from bench.applications.programs import run_program
from bench.workload import LATER_SECONDS, MIB, SOON_SECONDS, Place, Unit, Watch, Workload

JOBS: Final = Path(__file__).with_name("fio")
RANDOM_SHARE: Final = 8  # of the file, a random reader asks for one part in so many


class Direction(msgspec.Struct, frozen=True):
    """What a job did by reading, or by writing."""

    io_bytes: int
    total_ios: int
    runtime: int  # milliseconds


class Job(msgspec.Struct, frozen=True):
    """One job of fio's answer."""

    error: int
    read: Direction
    write: Direction


class Answer(msgspec.Struct, frozen=True):
    """What fio answers, as far as it is used here."""

    jobs: list[Job]


def variables(place: Place) -> dict[str, str]:
    """What the jobs read from the environment."""
    stream = max(place.sizes.stream_bytes // MIB, 1)
    pages = max(place.sizes.random_overwrites * 4096 // MIB, 1)
    return {
        "FIO_MIB": str(stream),
        "FIO_RANDOM_MIB": str(max(stream // RANDOM_SHARE, 1)),
        "FIO_FSYNC_MIB": str(pages),
    }


def run_job(path: Path, unit: Unit, place: Place, watch: Watch) -> int:
    """Run one job file; bytes or operations. Raises ValueError when fio fails."""
    folder = place.folder / path.stem
    folder.mkdir()
    told = run_program(
        *("fio", "--output-format=json", f"--directory={folder}", path),
        folder=folder,
        variables=variables(place),
    )
    # Whatever fio has to say to people stands before the document.
    job = msgspec.json.decode(told[told.index("{") :], type=Answer).jobs[0]
    if job.error:
        raise ValueError(f"{path.name}: {os.strerror(job.error)}")
    done = job.write if job.write.total_ios else job.read
    watch.add(max(done.runtime, 1) / 1e3)  # fio counts in milliseconds
    return done.io_bytes if unit is Unit.BYTES else done.total_ios


def _workloads() -> Iterator[Workload]:
    for path in sorted(JOBS.glob("*.fio")):
        unit = Unit.OPERATIONS if path.stem.startswith("random") else Unit.BYTES
        title = f"fio, {path.stem.replace('-', ' ')}"
        work = partial(run_job, path, unit)
        later = LATER_SECONDS if path.stem.endswith("fsync") else SOON_SECONDS
        name = f"fio_{path.stem.replace('-', '_')}"
        yield Workload(name, title, unit, work, tools=("fio",), put_off_seconds=later)


FIO: Final = tuple(_workloads())
