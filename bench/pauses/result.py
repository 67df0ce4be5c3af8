"""What a run of `python -m bench pauses` has found, as data and as a table."""

from collections.abc import Sequence
from typing import Final

import msgspec

from bench.kept_json import KeptResult
from bench.mounts import BenchProblem
from bench.pauses.clients import Call

LONGEST_MS_MAX: Final = 250.0  # the target for a pause
GIVEN_BACK_MIN: Final = 0.95  # the target for what becomes free


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long one kind of call took in one phase, in milliseconds."""

    work: str
    phase: str
    calls: int
    median_ms: float
    p99_ms: float
    longest_ms: float


class Pauses(KeptResult, frozen=True, kw_only=True):
    """Everything of one run."""

    stored_bytes: int  # before most of it was deleted
    garbage_bytes: int
    freed_bytes: int
    gc_seconds: float
    latencies: list[Latency]


def latency(work: str, phase: str, calls: Sequence[Call]) -> Latency:
    """Sum up the calls of a phase. Raises BenchProblem when there are none."""
    if not calls:
        raise BenchProblem(f"{work}: no call in phase {phase!r}: take more data")
    times = sorted(call.seconds * 1e3 for call in calls)
    return Latency(
        work=work,
        phase=phase,
        calls=len(times),
        median_ms=round(times[len(times) // 2], 2),
        p99_ms=round(times[len(times) * 99 // 100], 2),
        longest_ms=round(times[-1], 1),
    )


def table_of(pauses: Pauses) -> str:
    """The page's table."""
    share = pauses.freed_bytes / pauses.garbage_bytes if pauses.garbage_bytes else 0.0
    found = (
        f"{pauses.conditions} Of {pauses.stored_bytes / 1e6:.0f} MB that were stored "
        f"{pauses.garbage_bytes / 1e6:.0f} MB became garbage; a collection of "
        f"{pauses.gc_seconds:.1f} s gave back {share:.1%} of them."
    )
    return "\n".join([found, "", *latency_rows(pauses.latencies)])


def latency_rows(latencies: Sequence[Latency]) -> list[str]:
    """The lines of a Markdown table."""
    return [
        "| work | phase | calls | median, ms | 99 %, ms | longest, ms |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
        *(
            f"| {one.work} | {one.phase} | {one.calls} | {one.median_ms:.2f} | {one.p99_ms:.2f} "
            f"| {one.longest_ms:.1f} |"
            for one in latencies
        ),
    ]


def misses(pauses: Pauses) -> list[str]:
    """The targets that were not met, a line each."""
    found = [
        f"{one.work}: {one.longest_ms:.0f} ms, the target is {LONGEST_MS_MAX:.0f}"
        for one in pauses.latencies
        if one.longest_ms > LONGEST_MS_MAX
    ]
    if pauses.freed_bytes < GIVEN_BACK_MIN * pauses.garbage_bytes:
        found.append(f"less than {GIVEN_BACK_MIN:.0%} of the garbage was given back")
    return found
