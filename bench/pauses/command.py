"""`python -m bench pauses`: clients at work while most of a store is collected."""

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Final

import click

from bench.kept_json import heading
from bench.mounts import run_command
from bench.options import SECONDS, finish, folder_option, output_option, require
from bench.pauses.clients import FILE_BYTES, Clients, at_work
from bench.pauses.result import Latency, Pauses, latency, misses, table_of
from bench.payloads import incompressible, source_text
from bench.systems import COMMAND, Cairnfs, stopping

KEPT_EVERY: Final = 5  # of so many files one stays
GC_SECONDS_MAX: Final = 600.0
QUIET, COLLECTING = "nothing else", "a collection"


@click.command()
@click.option(
    "--mib",
    default=512,
    show_default=True,
    type=click.IntRange(8),
    help="Stored, of which four fifths are deleted.",
)
@click.option(
    "--seconds", default=10.0, show_default=True, type=SECONDS, help="Without a collection."
)
@folder_option
@output_option("pauses")
@click.option("--fail", is_flag=True, help="Exit 1 when a target is missed.")
def pauses(mib: int, seconds: float, output: Path, folder: Path, fail: bool) -> None:
    """Measure calls while garbage is collected.

    Clients look up names, read and write while four of five files become garbage and `cairnfs gc`
    gives their room back.
    """
    with tempfile.TemporaryDirectory(prefix="cairnfs-pauses.", dir=folder) as home:
        found = measure(Path(home), mib, seconds)
    finish(found, table_of(found), output)
    require(misses(found), fail)


def measure(home: Path, mib: int, seconds: float) -> Pauses:
    """Fill a store, delete most of it, and watch. Raises BenchProblem."""
    system = Cairnfs(home)
    with stopping(system):
        system.start()
        stored = _fill(system, mib)
        with at_work(system.folder) as clients:
            time.sleep(seconds)
            began = time.monotonic()
            answer = run_command([*COMMAND, "gc", system.folder, "--json"], GC_SECONDS_MAX)
            ended = time.monotonic()
    report = json.loads(answer)
    return Pauses(
        **heading(Pauses, home),
        stored_bytes=stored,
        garbage_bytes=report["garbage_bytes_before"],
        freed_bytes=report["bytes_freed"],
        gc_seconds=round(ended - began, 1),
        latencies=_latencies(clients, began, ended),
    )


def _fill(system: Cairnfs, mib: int) -> int:
    """Store files of random bytes and of text, and delete four of five; returns bytes stored."""
    os.setxattr(system.folder, "cairnfs.versions", b"off")
    for name in ("kept", "deleted", "made"):
        (system.folder / name).mkdir()
    for number, data in enumerate(_files(mib)):
        name = "deleted" if number % KEPT_EVERY else "kept"
        (system.folder / name / f"{number:06}").write_bytes(data)
    system.remount()
    stored = json.loads(run_command([*COMMAND, "stats", system.folder, "--json"], GC_SECONDS_MAX))
    for path in (system.folder / "deleted").iterdir():
        path.unlink()
    return int(stored["stored_bytes"])


def _files(mib: int) -> list[bytes]:
    """Three quarters random bytes, a quarter text, in files of one size."""
    pieces = incompressible(1, mib * 3 << 18) + source_text(mib << 18)
    files = [
        piece[at : at + FILE_BYTES] for piece in pieces for at in range(0, len(piece), FILE_BYTES)
    ]
    return [data for data in files if len(data) == FILE_BYTES]


def _latencies(clients: Clients, began: float, ended: float) -> list[Latency]:
    """By work and phase; what was under way when the collection began or ended counts for it."""
    found = list[Latency]()
    for work, calls in clients.calls.items():
        quiet = [call for call in calls if call.started + call.seconds < began]
        during = [call for call in calls if began <= call.started + call.seconds]
        during = [call for call in during if call.started <= ended]
        found += [latency(work, QUIET, quiet), latency(work, COLLECTING, during)]
    return found
