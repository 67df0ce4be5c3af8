"""The results that are kept beside the bench, and what all of them together say of the targets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import results, targets
from bench.growth import result as growth_result
from bench.latency import result as latency_result
from bench.starts import result as starts_result

PROJECT: Final = Path(__file__).parents[1]
RESULTS: Final = PROJECT / "bench" / "results"
# Of suites. The first that has measured something tells it.
SUITES: Final = ("baseline", "s3ql", "tree", "applications", "listing")
STARTS: Final = RESULTS / "starts.json"
GROWTH: Final = RESULTS / "growth.json"
LATENCY: Final = RESULTS / "latency.json"


def suites() -> list[Path]:
    """The results of suites that are there."""
    paths = [RESULTS / f"{name}.json" for name in SUITES]
    return [path for path in paths if path.exists()]


def judge(
    results_of_suites: Sequence[Path],
    starts: Path = STARTS,
    growth: Path = GROWTH,
    latency: Path = LATENCY,
) -> list[targets.Judged]:
    """Every target, by results of suites, and of three other commands, whose files may be missing.

    Memory is the most that a daemon of any of them had. Raises BenchProblem, ValidationError.
    """
    runs = [results.load(path) for path in results_of_suites]
    started = starts_result.load(starts) if starts.exists() else None
    grown = growth_result.load(growth) if growth.exists() else None
    resident = growth_result.resident(grown) if grown else []
    if latency.exists() and (used := latency_result.load(latency).resident_bytes) is not None:
        resident.append(used)
    return [
        *targets.judge(runs, resident),
        *starts_result.judge(started),
        *(growth_result.judge(grown) if grown else []),
    ]
