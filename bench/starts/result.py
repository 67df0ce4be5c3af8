"""What a run of `python -m bench starts` has found, as data, as a table and beside the targets."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from bench.kept_json import KeptResult
from bench.report import NOTHING, aligned
from bench.targets import Judged

HELP_SECONDS_MAX: Final = 0.2
MOUNT_SECONDS_MAX: Final = 1.0


class Starts(KeptResult, frozen=True, kw_only=True):
    """Everything of one run: seconds of wall time, one of each kind for each round."""

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
    return "\n".join([_about(starts), "", *aligned([header, *rows])])


def _about(starts: Starts) -> str:
    return (
        f"{starts.conditions} {len(starts.help)} rounds; the daemon of an empty store takes "
        f"{median(starts.resident_bytes) / 1e6:.0f} MB of memory."
    )
