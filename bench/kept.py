"""The results that are kept beside the bench, and what all of them together say of the targets."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench import stated, targets
from bench.growth import result as growth_result
from bench.growth.result import Growth
from bench.kept_json import read_kept
from bench.latency.result import Latencies
from bench.results import Run
from bench.starts import result as starts_result
from bench.starts.result import Starts

PROJECT: Final = Path(__file__).parents[1]
RESULTS: Final = PROJECT / "bench" / "results"
# Of suites. The first that has measured something tells it.
SUITES: Final = ("baseline", "s3ql", "tree", "applications", "listing", "variants", "fio")
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

    Memory is the most that a daemon of any of them had. Raises BenchProblem.
    """
    runs = [read_kept(path, Run) for path in results_of_suites]
    started = read_kept(starts, Starts) if starts.exists() else None
    grown = read_kept(growth, Growth) if growth.exists() else None
    delayed = read_kept(latency, Latencies) if latency.exists() else None
    resident = growth_result.resident(grown) if grown else []
    if delayed and delayed.resident_bytes is not None:
        resident.append(delayed.resident_bytes)
    return [
        *targets.judge(runs, resident),
        *starts_result.judge(started),
        *(growth_result.judge(grown) if grown else []),
    ]


def state(results_of_suites: Sequence[Path]) -> list[targets.Judged]:
    """What has no target, by results of suites. Raises BenchProblem."""
    return stated.state([read_kept(path, Run) for path in results_of_suites])
