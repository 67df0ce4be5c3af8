"""Runs of the workload, and what a loss of power at any moment of them leaves."""

import pickle
import random
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fsmodel.volume import Volume
from tests.support.host_layer.library import layer_environment
from tests.support.host_layer.record import Entry, Event, read_record
from tests.support.host_layer.simulated_disk import SimulatedDisk
from tests.support.host_layer.workload import SETTINGS, SNAPSHOT
from tests.support.model_volume import View
from tests.support.processes import run
from tests.support.volume_view import view_of
from tests.support.volumes import findings, small_limits


@dataclass
class Recorded:
    """What a run did to its files, and what the volume looked like meanwhile."""

    seed: int
    before: SimulatedDisk
    entries: list[Entry]
    views: list[View]
    synced: int | None = None  # the view that is durable from the start


@dataclass
class Said:
    """What the program has said up to some moment."""

    began: int = 0
    synced: int | None = None  # None: not even the store need be there

    def take(self, entry: Entry) -> None:
        """Follow the record."""
        if entry.path == "said" and entry.event is Event.WRITTEN:
            word, number = entry.data.split()
            if word == b"began":
                self.began = int(number)
            elif word == b"synced":
                self.synced = int(number)


class Moment(NamedTuple):
    """A moment at which the power goes."""

    after: int  # so many entries of the record
    loss: int  # seeds what is lost


@dataclass
class Tally:
    """What was looked at."""

    states: int = 0
    interrupted: Counter[str] = field(default_factory=Counter)  # by the last thing that happened


def record_run(
    folder: Path, seed: int, steps: int, *, fault: str = "", planted: str = ""
) -> Recorded:
    """Let the workload run on a new store, with a fault as layer.c takes it.

    `planted` is a fault of the program itself, of tests/support/planted_faults.py.
    """
    root, record = folder / "run", folder / "record"
    root.mkdir()
    module = "tests.support.host_layer.workload"
    modules = ["tests.support.planted_faults", planted, module] if planted else [module]
    run(
        [sys.executable, "-m", *modules, root, str(seed), str(steps)],
        env={**layer_environment(root, record=record, fault=fault), "PYTHONHASHSEED": "0"},
    )
    views: list[View] = pickle.loads((root / "views").read_bytes())
    entries = [entry for entry in read_record(record) if entry.path != "views"]
    return Recorded(seed, SimulatedDisk(), entries, views)


def record_recovery(folder: Path, recorded: Recorded, moment: Moment) -> Recorded:
    """Lose power once, and let a program begin with what is left; use up `recorded`.

    However that is interrupted, the state must be the one it comes to if it is not.
    """
    root, record, disk = folder / "recovered", folder / "record-of-recovery", recorded.before
    for entry in recorded.entries[: moment.after]:
        disk.take(entry)
    disk.leave(root, random.Random(moment.loss))
    before = SimulatedDisk.holding(root)
    shutil.copytree(root, folder / "twin")
    module = "tests.support.host_layer.reopening"
    run(
        [sys.executable, "-m", module, str(root / "store"), str(recorded.seed)],
        env=layer_environment(root, record=record),
    )
    with small_limits():
        volume = Volume.open(folder / "twin" / "store", settings=SETTINGS[recorded.seed % 2])
        view = _look(volume)
        volume.close()
    return Recorded(recorded.seed, before, list(read_record(record)), [view], synced=0)


def lose_power(recorded: Recorded, moments: Iterable[Moment], place: Path) -> Tally:
    """Look at what is left at each moment, which come in order."""
    tally, disk, said, taken = Tally(), recorded.before, Said(synced=recorded.synced), 0
    for moment in moments:
        for entry in recorded.entries[taken : moment.after]:
            disk.take(entry)
            said.take(entry)
        taken = moment.after
        if said.synced is None:
            continue
        name = f"run {recorded.seed}, after entry {moment.after}, loss {moment.loss}"
        try:
            disk.leave(place, random.Random(moment.loss))
            judge(place / "store", recorded, said)
        except Exception as error:
            raise AssertionError(f"{name} ({recorded.entries[moment.after - 1][:2]})") from error
        finally:
            shutil.rmtree(place, ignore_errors=True)
        last = recorded.entries[moment.after - 1]
        tally.states += 1
        tally.interrupted[f"{last.event.name} {last.path.split('/')[1:2]}"] += 1
    return tally


def judge(store: Path, recorded: Recorded, said: Said) -> None:
    """The store opens, is clean, and shows a state between what was synced and what was begun."""
    assert said.synced is not None
    settings = SETTINGS[recorded.seed % 2]
    with small_limits():
        volume = Volume.open(store, settings=settings)
        found = _look(volume)
        number = _which(found, recorded.views, said.synced, said.began)
        volume.close()
        again = Volume.open(store, settings=settings)
        assert _look(again) == recorded.views[number]
        again.close()


def _look(volume: Volume) -> View:
    assert findings(volume) == ()
    snapshots = volume.snapshots.all()
    return view_of(volume) | {SNAPSHOT + each.name: (0, 1, (), None) for each in snapshots}


def _which(found: View, views: list[View], first: int, last: int) -> int:
    for number in range(last, first - 1, -1):
        if views[number] == found:
            return number
    elsewhere = [number for number, view in enumerate(views) if view == found]
    raise AssertionError(f"no state from {first} to {last}, but {elsewhere or 'none of all'}")


def some_moments(recorded: Recorded, count: int, seed: int, *, first: int = 1) -> Iterator[Moment]:
    """Moments by chance, in order."""
    dice = random.Random(seed)
    for after in sorted(dice.randint(first, len(recorded.entries)) for _ in range(count)):
        yield Moment(after, dice.randrange(1 << 32))


def every_moment(recorded: Recorded, losses: int, seed: int) -> Iterator[Moment]:
    """Every prefix of what happened, so many times."""
    dice = random.Random(seed)
    for after in range(1, len(recorded.entries) + 1):
        for _ in range(losses):
            yield Moment(after, dice.randrange(1 << 32))
