"""What a run of `python -m bench latency` has found, as data and as a table."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from bench.mounts import BenchProblem
from bench.pauses.clients import Call
from bench.pauses.result import Latency, latency, latency_rows
from bench.results import Environment

FORMAT: Final = 1


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """What the store was busy with, and when, by time.monotonic()."""

    name: str
    began: float
    ended: float

    def has(self, call: Call) -> bool:
        """Whether some of the phase passed while the call was under way."""
        return call.started <= self.ended and self.began <= call.started + call.seconds


class Latencies(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one run."""

    format: int
    made_at: str
    environment: Environment
    load_average: float  # of the machine when it ended: what else it did
    stream_mib: int
    resident_bytes: int | None = None  # of the one daemon that did all of it, at the end
    phases: list[Phase]
    latencies: list[Latency]


def sort_out(calls: Mapping[str, Sequence[Call]], phases: Sequence[Phase]) -> list[Latency]:
    """By work and phase. A call that reaches into two phases counts in both.

    Where a phase was too short for a work to have a turn, nothing is told of the two.
    """
    return [
        latency(work, phase.name, during)
        for work, found in calls.items()
        for phase in phases
        if (during := [call for call in found if phase.has(call)])
    ]


def table_of(found: Latencies) -> str:
    """The page's table."""
    machine = found.environment
    memory = ""
    if found.resident_bytes is not None:
        memory = f" The daemon took {found.resident_bytes / 1e6:.0f} MB of memory after all that."
    seconds = ", ".join(f"{one.name} {one.ended - one.began:.1f} s" for one in found.phases)
    about = (
        f"{machine.processor}, {machine.cores} cores, Linux {machine.kernel}, on "
        f"{machine.host_filesystem}; cairnfs {machine.cairnfs} ({machine.commit}), "
        f"{found.made_at[:10]}. A big write and the garbage are of {found.stream_mib} MiB each. "
        f"Phases: {seconds}. The machine's load at the end was {found.load_average:.1f}."
        f"{memory}"
    )
    return "\n".join([about, "", *latency_rows(found.latencies)])


def save(found: Latencies, path: Path) -> None:
    """Keep a result as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def load(path: Path) -> Latencies:
    """Read a result. Raises BenchProblem when it is none of this format."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Latencies)
    except (OSError, msgspec.DecodeError) as error:
        raise BenchProblem(f"{path}: {error}") from error
    if found.format != FORMAT:
        raise BenchProblem(f"{path} has format {found.format}, not {FORMAT}")
    return found
