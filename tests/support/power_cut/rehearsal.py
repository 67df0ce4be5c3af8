"""Losses of power under a real mount with real programs, and what must be there afterwards.

A round: a store on a filesystem that forgets (forgetful.py), a daemon on it, and programs that make
things durable. At some moments it is noted what they were promised, and then kept what a loss of
power would leave; at the last moment the power goes indeed. Each of the stores left has to mount,
to be clean, and to have everything that was promised. The next round goes on with the last of them.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fsmodel.volume import Volume
from tests.support.mounted import MountedStore
from tests.support.power_cut.judging import JUDGES
from tests.support.power_cut.layer import ForgetfulMount
from tests.support.processes import PROJECT
from tests.support.waiting import wait_until

CHECKPOINT_SECONDS: Final = "0.2"
WORK_SECONDS: Final = 0.4  # at most, between a moment and the next, beyond what all need to go on
END_SECONDS: Final = 120.0

Promises = Mapping[str, list[str]]


@dataclass
class Tally:
    """What was looked at."""

    moments: int = 0
    losses: int = 0
    promises: Counter[str] = field(default_factory=Counter)  # those of the last moment, by kind


@dataclass(frozen=True)
class Loss:
    """What one loss of power has left."""

    seed: int
    place: Path
    promised: Promises

    def judge(self, folder: Path) -> None:
        """Mount a copy of it and look. Raises AssertionError, naming the seed."""
        shutil.copytree(self.place, folder / "copy")
        try:
            with StoreAt(folder / "judged", folder / "copy" / "store") as store:
                for kind, promised in self.promised.items():
                    JUDGES[kind](store.mountpoint / kind, promised)
                store.require_clean()
        except Exception as error:
            raise AssertionError(f"loss of power with seed {self.seed}: {error}") from error
        finally:
            shutil.rmtree(folder / "copy")


class StoreAt(MountedStore):
    """A mount of a store that is there already."""

    def __init__(self, folder: Path, store: Path) -> None:
        super().__init__(folder=folder)
        self.store = store
        self.environment["CAIRNFS_CHECKPOINT_INTERVAL_SECONDS"] = CHECKPOINT_SECONDS

    def _make_store(self) -> None:
        """Nothing to do."""


class Writer:
    """One program at work, and what it was promised in all rounds."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self._record = folder / f"{kind}.record"
        self._source = folder / f"{kind}.source"
        self._source.mkdir()
        self._record.touch()

    def start(self, mountpoint: Path) -> None:
        """Go on in the mount."""
        (mountpoint / self.kind).mkdir(exist_ok=True)
        module = "tests.support.power_cut.writers"
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, self.kind, mountpoint / self.kind, self._record],
            env={**os.environ, "PYTHONPATH": str(PROJECT), "SOURCE": str(self._source)},
            cwd="/",
            stderr=subprocess.PIPE,
        )

    def promised(self) -> list[str]:
        """All it was promised so far; a line that is being written does not count."""
        text = self._record.read_text()
        return text[: text.rfind("\n") + 1].split()

    def require_running(self) -> None:
        """It goes on until the mount is gone."""
        if self._process.poll() is not None:
            raise AssertionError(f"{self.kind}: {self._process.communicate()[1].decode()}")

    def finish(self) -> None:
        """The mount is gone: it must have ended for that reason alone."""
        _, errors = self._process.communicate(timeout=END_SECONDS)
        assert self._process.returncode == 0, f"{self.kind}: {errors.decode()}"

    def stop(self) -> None:
        """End it, if it has not."""
        assert self._process.stderr is not None
        self._process.kill()
        self._process.wait(END_SECONDS)
        self._process.stderr.close()


def rehearse(
    folder: Path,
    seed: int,
    *,
    rounds: int,
    moments: int,
    losses: int = 1,
    kinds: Sequence[str] = tuple(JUDGES),
    is_deaf: bool = False,
) -> Tally:
    """Lose power so many times. A `deaf` disk is one that does not sync: the planted fault.

    At each of the moments of each round, so many different `losses` are looked at. Raises
    AssertionError.
    """
    dice, tally = random.Random(seed), Tally()
    left = folder / "left"
    left.mkdir()
    Volume.create(left / "store", plain=True)
    crew = [Writer(kind, folder) for kind in kinds]
    for number in range(rounds):
        found = _round(folder / str(number), left, crew, dice, moments, losses, is_deaf=is_deaf)
        for loss in found:
            loss.judge(folder)
            tally.losses += 1
        shutil.rmtree(left)
        found[-1].place.rename(left)
        shutil.rmtree(folder / str(number))
        tally.moments += moments
    tally.promises.update({writer.kind: len(writer.promised()) for writer in crew})
    return tally


def _round(
    folder: Path,
    left: Path,
    crew: Sequence[Writer],
    dice: random.Random,
    moments: int,
    losses: int,
    *,
    is_deaf: bool,
) -> list[Loss]:
    """Work and lose power."""
    folder.mkdir()
    found: list[Loss] = []
    promised: Promises = {}
    with ForgetfulMount(left, folder / "disk", is_deaf=is_deaf) as layer:
        store = StoreAt(folder / "mounted", layer.mountpoint / "store")
        with store, _at_work(crew, store):
            for number in range(moments * losses):
                if number % losses == 0:
                    _let_work(crew, dice)
                    promised = {writer.kind: writer.promised() for writer in crew}
                loss = Loss(dice.randrange(1 << 32), folder / f"left{number}", promised)
                lose = layer.cut if number == moments * losses - 1 else layer.leave
                lose(loss.place, loss.seed)
                found.append(loss)
            store.kill()
            store.cut_off()
            for writer in crew:
                writer.finish()
    return found


@contextmanager
def _at_work(crew: Sequence[Writer], store: MountedStore) -> Iterator[None]:
    for writer in crew:
        writer.start(store.mountpoint)
    try:
        yield
    finally:
        store.cut_off()
        for writer in crew:
            writer.stop()


def _let_work(crew: Sequence[Writer], dice: random.Random) -> None:
    """Wait until everybody was promised something more, and then for any moment."""
    before = {writer.kind: len(writer.promised()) for writer in crew}

    def all_went_on() -> bool:
        for writer in crew:
            writer.require_running()
        return all(len(writer.promised()) > before[writer.kind] for writer in crew)

    wait_until(all_went_on, "a writer is promised nothing")
    time.sleep(dice.random() * WORK_SECONDS)
