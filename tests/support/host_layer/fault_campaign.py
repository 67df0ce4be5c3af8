"""A program that lives one small life again and again, each time with another call failing.

    python -m tests.support.host_layer.fault_campaign FOLDER FIRST STRIDE TIMES     on the layer

Every STRIDE-th call from the FIRST on fails, with each errno, TIMES times in a row. After each life
the store must be right: as the same process sees it, after a kill, and after a clean end. Prints a
JSON document: lives, calls that failed by kind and place, and what went wrong.
"""

import errno
import json
import logging
import os
import shutil
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Any, Final

from fsmodel.errors import CairnError
from fsmodel.volume import Volume
from lmdb_index.errors import IndexProblem
from tests.support.host_layer.faults import NEVER, SHORT_WRITE, Layer
from tests.support.host_layer.faulty_life import SETTINGS, FaultyLife
from tests.support.volumes import make_store, small_limits

ERRNOS: Final = (
    errno.EIO,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EMFILE,
    errno.ENOMEM,
    errno.EINTR,
    SHORT_WRITE,
)


class Campaign:
    """Lives on copies of one store."""

    def __init__(self, folder: Path, layer: Layer) -> None:
        self._folder = folder
        self._layer = layer
        self.lives = 0
        self.refusing = 0  # lives that ended in a store which takes no change until it is opened
        self.struck: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._struck, self._strikes = "", 0  # the call that failed last, and how many did
        self._pattern = make_store(folder / "pattern")
        FaultyLife.prepare(self._pattern)

    def run(self, first: int, stride: int, times: int) -> None:
        """All faults of this share."""
        calls = self.count_calls()
        errors = [error for error in ERRNOS if times == 1 or error != errno.EINTR]  # tried again
        faults = [(number, error) for number in range(1, calls + 1) for error in errors]
        for number, error in faults[first::stride]:
            self.strike(number, error, times)

    def count_calls(self) -> int:
        """How many calls one life makes."""
        store = self._copy("counted")
        self._layer.watch(store)
        self._layer.fail(NEVER, 0)
        life = FaultyLife(store)
        life.live()
        life.volume.close()
        assert life.failures == [], life.failures
        return self._layer.seen

    def strike(self, number: int, error: int, times: int) -> None:
        """One life with one fault."""
        self.lives += 1
        store = self._copy("life")
        self._layer.watch(store)
        self._layer.fail(number, error, times=times)
        try:
            self._live(store)
        except Exception as problem:  # noqa: BLE001  # whatever it is, it is what was looked for
            name = errno.errorcode.get(error, "short write")
            trace = "".join(traceback.format_exception(problem)[-6:])
            self.wrong.append(f"call {number}, {name} x{times}, {self._struck}:\n{trace}")
        finally:
            self._layer.disarm()
            shutil.rmtree(self._folder / "life", ignore_errors=True)
            shutil.rmtree(self._folder / "killed", ignore_errors=True)

    def _live(self, store: Path) -> None:
        life = None
        try:
            life = FaultyLife(store)
            life.live()
        except CairnError:
            if life is not None:
                raise
        finally:
            self._note_fault()
            self._layer.disarm()
        if life is None:
            life = FaultyLife(store)  # a start that failed has changed nothing
        self._look(life)
        killed = self._folder / "killed"
        shutil.copytree(store, killed)
        life.attempt(life.volume.close)
        for place in (killed, store):
            volume = Volume.open(place, settings=SETTINGS)
            life.require_right(volume)
            life.require_clean(volume)
            volume.close()

    def _look(self, life: FaultyLife) -> None:
        """What the same process sees now that nothing fails any more."""
        try:
            life.require_right(life.volume)
            life.volume.checkpoint()
        except (CairnError, IndexProblem):  # no answer, which is never a wrong one
            if self._strikes == 1 and not self._struck.startswith(("fsync", "fdatasync")):
                raise
            self.refusing += 1
        else:
            life.require_clean(life.volume)

    def _note_fault(self) -> None:
        fired = self._layer.fired
        self._struck, self._strikes = f"{fired.call} {fired.place}", fired.times
        if fired.times:
            self.struck[self._struck] += 1

    def _copy(self, name: str) -> Path:
        return Path(shutil.copytree(self._pattern, self._folder / name))


def main(folder: Path, first: int, stride: int, times: int) -> None:
    """Run a share of the campaign."""
    logging.disable()
    with small_limits():
        campaign = Campaign(folder, Layer(Path(os.environ["LD_PRELOAD"])))
        campaign.run(first, stride, times)
    document: dict[str, Any] = {
        "lives": campaign.lives,
        "refusing": campaign.refusing,
        "struck": campaign.struck,
        "wrong": campaign.wrong,
    }
    sys.stdout.write(json.dumps(document))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:5]))
