"""What a run of `python -m bench latency` has found, as data and as a table."""

from collections.abc import Mapping, Sequence

import msgspec

from bench.kept_json import KeptResult
from bench.pauses.clients import Call
from bench.pauses.result import Latency, latency, latency_rows


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """What the store was busy with, and when, by time.monotonic()."""

    name: str
    began: float
    ended: float

    def has(self, call: Call) -> bool:
        """Whether some of the phase passed while the call was under way."""
        return call.started <= self.ended and self.began <= call.started + call.seconds


class Latencies(KeptResult, frozen=True, kw_only=True):
    """Everything of one run."""

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
    memory = ""
    if found.resident_bytes is not None:
        memory = f" The daemon took {found.resident_bytes / 1e6:.0f} MB of memory after all that."
    seconds = ", ".join(f"{one.name} {one.ended - one.began:.1f} s" for one in found.phases)
    about = (
        f"{found.conditions} A big write and the garbage are of {found.stream_mib} MiB each. "
        f"Phases: {seconds}.{memory}"
    )
    return "\n".join([about, "", *latency_rows(found.latencies)])
