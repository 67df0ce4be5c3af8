"""What a run of `python -m bench starts` has found, as data, as a table and beside the targets."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from bench.mounts import BenchProblem
from bench.report import NOTHING, aligned
from bench.results import Environment
from bench.targets import Judged

FORMAT: Final = 1
HELP_SECONDS_MAX: Final = 0.2
MOUNT_SECONDS_MAX: Final = 1.0


class Starts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one run: seconds of wall time, one of each kind for each round."""

    format: int
    made_at: str
    environment: Environment
    load_average: float  # of the machine when it ended: what else it did
    python: list[float]  # the interpreter alone, which does nothing
    help: list[float]
    mount: list[float]  # of a store that is empty and was unmounted cleanly
    unmount: list[float]
    resident_bytes: list[int]  # of the daemon that has just begun


def judge(starts: Starts | None) -> list[Judged]:
    """Both targets; of None that nobody has measured them."""
    return [
        _judged("cairnfs --help", starts.help if starts else [], HELP_SECONDS_MAX),
        _judged("mount, an empty store", starts.mount if starts else [], MOUNT_SECONDS_MAX),
    ]


def _judged(work: str, seconds: Sequence[float], most: float) -> Judged:
    aim = f"under {most:g} s"
    if not seconds:
        return Judged(work, aim, NOTHING, None)
    found = median(seconds)
    return Judged(work, aim, f"{found:.2f} s", found < most)


def table_of(starts: Starts) -> str:
    """The page's table."""
    works = {
        "the interpreter, doing nothing": starts.python,
        "cairnfs --help": starts.help,
        "cairnfs mount, an empty store": starts.mount,
        "cairnfs umount, an empty store": starts.unmount,
    }
    rows = [
        [work, f"{median(seconds):.3f}", f"{min(seconds):.3f}", f"{max(seconds):.3f}"]
        for work, seconds in works.items()
    ]
    header = ["command", "median, s", "quickest, s", "slowest, s"]
    return "\n".join([_conditions(starts), "", *aligned([header, *rows])])


def _conditions(starts: Starts) -> str:
    machine = starts.environment
    return (
        f"{machine.processor}, {machine.cores} cores, Linux {machine.kernel}, Python "
        f"{machine.python}, on {machine.host_filesystem}; cairnfs {machine.cairnfs} "
        f"({machine.commit}), {starts.made_at[:10]}. {len(starts.help)} rounds; the daemon of an "
        f"empty store takes {median(starts.resident_bytes) / 1e6:.0f} MB of memory; the machine's "
        f"load at the end was {starts.load_average:.1f}."
    )


def save(starts: Starts, path: Path) -> None:
    """Keep a result as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(starts), indent=1) + b"\n")


def load(path: Path) -> Starts:
    """Read a result. Raises BenchProblem when it is none of this format."""
    try:
        starts = msgspec.json.decode(path.read_bytes(), type=Starts)
    except (OSError, msgspec.DecodeError) as error:
        raise BenchProblem(f"{path}: {error}") from error
    if starts.format != FORMAT:
        raise BenchProblem(f"{path} has format {starts.format}, not {FORMAT}")
    return starts
