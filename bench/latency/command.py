"""`python -m bench latency`: small operations while a store is busy with something large."""

import os
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import click

from bench.environment import describe
from bench.latency.jobs import JOBS, prepare
from bench.latency.loads import LOADS, Busy, leave_garbage
from bench.latency.result import FORMAT, Latencies, Phase, save, sort_out, table_of
from bench.meter import usage_of
from bench.pauses.clients import at_work
from bench.systems import Cairnfs


@click.command()
@click.option("--mib", default=512, show_default=True, type=click.IntRange(1), help="Written.")
@click.option("--seconds", default=10.0, show_default=True, help="Of the phases without an end.")
@click.option("--json", "output", type=click.Path(path_type=Path), help="Keep the figures here.")
@click.option(
    "--folder",
    default=tempfile.gettempdir(),
    show_default=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the store goes: a disk, no tmpfs.",
)
def latency(mib: int, seconds: float, output: Path | None, folder: Path) -> None:
    """Measure small operations under load.

    They are timed while nothing else happens, while a big file is written, while garbage is
    collected, and while snapshots are taken one after the other, each with a checkpoint.
    """
    with tempfile.TemporaryDirectory(prefix="cairnfs-latency.", dir=folder) as home:
        found = measure(Path(home), mib, seconds)
    if output is not None:
        save(found, output)
    click.echo(table_of(found))


def measure(home: Path, mib: int, seconds: float) -> Latencies:
    """All loads, one after the other, while the jobs go on. Raises BenchProblem."""
    system = Cairnfs(home)
    system.start()
    try:
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
        system.stop()
    except BaseException:
        system.kill()
        raise
    return Latencies(
        format=FORMAT,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        environment=describe(home),
        load_average=round(os.getloadavg()[2], 1),
        stream_mib=mib,
        resident_bytes=resident,
        phases=phases,
        latencies=sort_out(clients.calls, phases),
    )
