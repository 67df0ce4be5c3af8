"""What a run of `python -m bench indexes` has found, as data and as a table."""

from collections.abc import Sequence
from typing import Final

import msgspec

from bench.kept_json import KeptResult

POINT_MS_MAX: Final = 1.0  # the target for a point query


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """How long one asker took for one question, in milliseconds."""

    question: str
    asker: str
    times: int
    median_ms: float
    p99_ms: float


class IndexFigures(KeptResult, frozen=True, kw_only=True):
    """Everything of one run."""

    documents: int
    range_matches: int
    write_seconds: float  # to write them all through the mount, before there was an index
    build_seconds: float
    answers: list[Answer]


def answer(question: str, asker: str, seconds: Sequence[float]) -> Answer:
    """Sum up what one asker took."""
    times = sorted(each * 1e3 for each in seconds)
    return Answer(
        question=question,
        asker=asker,
        times=len(times),
        median_ms=round(times[len(times) // 2], 3),
        p99_ms=round(times[len(times) * 99 // 100], 3),
    )


def table_of(found: IndexFigures) -> str:
    """The page's table."""
    about = (
        f"{found.conditions} {found.documents} documents, written through the mount in "
        f"{found.write_seconds:.0f} s; the index was built in {found.build_seconds:.1f} s. A range "
        f"has {found.range_matches} matches."
    )
    lines = [
        about,
        "",
        "| question | asked of | times | median, ms | 99 %, ms |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {one.question} | {one.asker} | {one.times} | {one.median_ms:.2f} | {one.p99_ms:.2f} |"
        for one in found.answers
    ]
    return "\n".join(lines)
