"""Measuring single operations on a mounted store: wall time, and the daemon's CPU time.

A hundred renames take a fiftieth of a second, and what a processor does meanwhile for others, or
which of two wakes the other, makes them cost twice as much or not. So works that change something
are done in several passes, seconds apart, each of which counts as a measurement.
"""

import itertools
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

from bench.growth.scenarios import FILE_BYTES, Kind, Scenario
from bench.meter import usage_of, usage_when_quiet
from bench.mounts import BenchProblem
from bench.workload import SOON_SECONDS, Watch, write_all

SAMPLE_FOLDERS: Final = 10  # looked up once each, so that a sample costs the same in any store
NEW_BYTES: Final = 4096
LISTED_ENTRIES: Final = 1000  # at most; the first ones of a folder
PASSES: Final = 3  # of works that change something, in one round


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one operation cost in one round, in microseconds."""

    work: str
    operations: int
    wall_us: float
    cpu_us: float


def sample(scenario: Scenario, count: int, seed: int) -> list[str]:
    """Paths of files that are there, from a few folders: so many at most, in any order."""
    draw = random.Random(seed)
    folders = draw.sample(range(scenario.folders), min(SAMPLE_FOLDERS, scenario.folders))
    each = -(-count // len(folders))
    numbers: list[int] = []
    for members in map(scenario.members, folders):
        numbers += draw.sample(members, min(each, len(members)))
    draw.shuffle(numbers)
    return [scenario.path_of(number) for number in numbers[:count]]


class _Place:
    """What one round works on; of what is new, one pass."""

    def __init__(self, root: Path, scenario: Scenario, count: int, seed: int) -> None:
        names = (f"new-{number}" for number in range(max(count, PASSES)))
        self._all_new = [f"{root}/{scenario.work_folder}/{name}" for name in names]
        self._draw = random.Random(seed)
        self.known = [f"{root}/{path}" for path in sample(scenario, count, seed)]
        self.listed = f"{root}/{scenario.folder_of(0)}"
        self.snapshots = Path(root, ".snapshots")
        self.begin_pass(0)

    def begin_pass(self, number: int) -> None:
        """From now on it is the turn of these new files."""
        self.new = self._all_new[number::PASSES]
        self.renamed = [f"{path}-renamed" for path in self.new]
        self.contents = [self._draw.randbytes(NEW_BYTES) for _ in self.new]
        self.changed = Path(self.listed, f"changed-{number}")
        self.before = self.snapshots / f"before-probe-{number}"
        self.taken = self.snapshots / f"probe-{number}"


def _stat(place: _Place) -> int:
    for path in place.known:
        os.lstat(path)
    return len(place.known)


def _read(place: _Place) -> int:
    for path in place.known:
        descriptor = os.open(path, os.O_RDONLY)
        data = os.read(descriptor, 2 * FILE_BYTES)
        os.close(descriptor)
        if len(data) != FILE_BYTES:
            raise BenchProblem(f"{path} has {len(data)} bytes instead of {FILE_BYTES}")
    return len(place.known)


def _list(place: _Place) -> int:
    with closing(os.scandir(place.listed)) as entries:
        some = itertools.islice(entries, LISTED_ENTRIES)
        return len([entry.stat(follow_symlinks=False) for entry in some])


def _create(place: _Place) -> int:
    for path, content in zip(place.new, place.contents, strict=True):
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        write_all(descriptor, content)
        os.close(descriptor)
    return len(place.new)


def _rename(place: _Place) -> int:
    for old, new in zip(place.new, place.renamed, strict=True):
        os.rename(old, new)
    return len(place.new)


def _unlink(place: _Place) -> int:
    for path in place.renamed:
        os.unlink(path)
    return len(place.renamed)


def _snapshot(place: _Place) -> int:
    """What was done before is in the one that is taken first."""
    place.changed.touch()
    place.taken.mkdir()
    return 1


def _list_snapshots(place: _Place) -> int:
    with os.scandir(place.snapshots) as entries:
        return len([entry.stat(follow_symlinks=False) for entry in entries])


def _look_into_snapshots(place: _Place) -> int:
    """The roots of some, which no two of them share."""
    names = sorted(os.listdir(place.snapshots))[: len(place.known)]
    for name in names:
        os.listdir(place.snapshots / name)
    return len(names)


def _clear(place: _Place) -> None:
    """Take away the snapshots that a pass has made, and what was changed for one of them."""
    place.before.rmdir()
    place.taken.rmdir()
    place.changed.unlink()


_Work = Callable[[_Place], int]  # returns how many operations there were

READING: Final[Mapping[str, _Work]] = {
    "stat, never asked before": _stat,
    "open + read 1 KiB + close": _read,
    "readdir + stat, an entry": _list,
}
CHANGING: Final[Mapping[str, _Work]] = {
    "create + write 4 KiB + close": _create,
    "rename": _rename,
    "unlink": _unlink,
    "a snapshot, after a change": _snapshot,
}
SNAPSHOT_WORKS: Final[Mapping[str, _Work]] = {
    "list .snapshots + stat, an entry": _list_snapshots,
    "list the root in a snapshot": _look_into_snapshots,
}


def probe(root: Path, daemon: int, scenario: Scenario, count: int, seed: int) -> Sequence[Cost]:
    """One round on a store that has just been mounted; it holds the same files afterwards."""
    place = _Place(root, scenario, count, seed)
    costs = list(_costs(place, daemon, READING))
    for number in range(PASSES):
        place.begin_pass(number)
        costs += _costs(place, daemon, CHANGING)
        _clear(place)
    if scenario.kind is Kind.SNAPSHOTS:
        costs += _costs(place, daemon, SNAPSHOT_WORKS)
    return costs


def _costs(place: _Place, daemon: int, works: Mapping[str, _Work]) -> Iterator[Cost]:
    usage_when_quiet(daemon)
    for work, run in works.items():
        if run is _snapshot:
            place.before.mkdir()
            usage_when_quiet(daemon)
        before, watch = usage_of(daemon), Watch()
        with watch.running():
            done = run(place)
        put_off = SOON_SECONDS if run is _create else 0.0
        spent = usage_when_quiet(daemon, put_off).cpu_seconds - before.cpu_seconds
        yield Cost(
            work=work,
            operations=done,
            wall_us=round(watch.seconds / done * 1e6, 1),
            cpu_us=round(spent / done * 1e6, 1),
        )
