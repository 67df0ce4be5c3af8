"""`python -m bench latency`: small operations while a store is busy with something large."""

import os
import tempfile
import time
from pathlib import Path

import click

from bench.kept_json import heading
from bench.latency.jobs import JOBS, prepare
from bench.latency.loads import LOADS, Busy, leave_garbage
from bench.latency.result import Latencies, Phase, sort_out, table_of
from bench.meter import usage_of
from bench.options import POSITIVE, SECONDS, finish, folder_option, output_option
from bench.pauses.clients import at_work
from bench.systems import Cairnfs, stopping


@click.command()
@click.option(
    "--mib",
    default=512,
    show_default=True,
    type=POSITIVE,
    help="Of the big write, and of what is collected.",
)
@click.option(
    "--seconds",
    default=10.0,
    show_default=True,
    type=SECONDS,
    help="Of each phase without an end of its own.",
)
@folder_option
@output_option("latency")
def latency(mib: int, seconds: float, output: Path, folder: Path) -> None:
    """Measure small operations under load.

    They are timed while nothing else happens, while a big file is written, while garbage is
    collected, and while snapshots are taken one after the other, each with a checkpoint.
    """
    with tempfile.TemporaryDirectory(prefix="cairnfs-latency.", dir=folder) as home:
        found = measure(Path(home), mib, seconds)
    finish(found, table_of(found), output)


def measure(home: Path, mib: int, seconds: float) -> Latencies:
    """All loads, one after the other, while the jobs go on. Raises BenchProblem."""
    system = Cairnfs(home)
    with stopping(system):
        system.start()
        os.setxattr(system.folder, "cairnfs.versions", b"off")  # what is deleted is garbage then
        prepare(system.folder)
        busy = Busy(system.folder, home / "store", seconds, mib)
        leave_garbage(busy)
        phases = list[Phase]()
        with at_work(system.folder, JOBS) as clients:
            time.sleep(1.0)  # until every client is at work
            for name, load in LOADS.items():
                began = time.monotonic()
                load(busy)
                phases.append(Phase(name=name, began=began, ended=time.monotonic()))
        resident = usage_of(system.serving).resident_bytes
    return Latencies(
        **heading(Latencies, home),
        stream_mib=mib,
        resident_bytes=resident,
        phases=phases,
        latencies=sort_out(clients.calls, phases),
    )
