"""kill -9 under the documented pipeline: an artifact is whole or absent, and the index knows which.

Each round makes a series of its own. After the kill every artifact that is listed must be readable
as what it is, and none may be unlisted; in some earlier series, too. The next run makes what lacks.
"""

import json
import random
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from tests.support.long_runs import Count
from tests.support.mounted import COMMAND, MountedStore
from tests.support.processes import PROJECT

SCRIPT: Final = PROJECT / "docs" / "examples" / "pipeline.py"
FEW: Final = 2
MANY: Final = pytest.param(80, marks=[pytest.mark.crash, pytest.mark.timeout(3600)])
ADDRESSES: Final = 300  # more than can be made before the kill
START_SECONDS: Final = 0.4  # about what the pipeline takes before it makes the first one
SOME: Final = 30
KINDS: Final = ("data", "prompt", "generated", "annotated", "selector", "audio")


@pytest.fixture
def structured() -> bool:
    return True


class Pipeline:
    """The pipeline on a mount, at work."""

    def __init__(self, store: MountedStore, series: str, addresses: int) -> None:
        words = [SCRIPT, store.mountpoint, "--series", series, "--addresses", addresses]
        self._process = subprocess.Popen(
            [sys.executable, *map(str, words), "--cairnfs", shlex.join(COMMAND)],
            env={**store.environment, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def end(self) -> int:
        """Its exit status; a mount that is gone ends it."""
        return self._process.wait(100)


def listed(store: MountedStore, series: str) -> set[tuple[str, str]]:
    """Address and kind of each artifact that the index lists; none of a series that is absent."""
    words = ("series", "status", series, "--json")
    told = store.cairnfs("--store", store.store, *words, check=False)
    if told.status:
        assert not (store.mountpoint / "output" / series).exists(), told.stderr
        return set()
    addresses = json.loads(told.stdout)["addresses"]
    return {(each["address"], kind) for each in addresses for kind in each["kinds"]}


def require_whole(store: MountedStore, series: str) -> int:
    """What is listed is there and can be read, and nothing else is; returns how much that is."""
    found = {(path.stem, path.parent.name): path for path in artifacts(store, series)}
    assert found.keys() == listed(store, series)
    for (address, _), path in found.items():
        if path.suffix == ".png":
            with Image.open(path) as picture:
                picture.load()
        elif path.suffix == ".json":
            assert json.loads(path.read_bytes())["address"] == address
        else:
            assert path.stat().st_size
    return len(found)


def artifacts(store: MountedStore, series: str) -> Iterator[Path]:
    """The files of a series but for what a killed run has not renamed yet."""
    for kind in KINDS:
        folder = store.mountpoint / "output" / series / kind
        if folder.exists():
            yield from (path for path in folder.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("kills", [FEW, MANY])
def test_artifacts_are_whole_or_absent_after_every_kill(
    store: MountedStore, kills: int, seed_base: int, count: Count
) -> None:
    dice = random.Random(seed_base + kills)
    for number in range(kills):
        pipeline = Pipeline(store, f"s{number}", ADDRESSES)
        time.sleep(START_SECONDS + dice.random())
        store.kill()
        pipeline.end()
        store.mount()
        store.require_clean()
        made = [require_whole(store, f"s{each}") for each in (number, dice.randrange(number + 1))]
        count("artifacts whole after a kill", "of the pipeline", sum(made))
    assert Pipeline(store, "s0", SOME).end() == 0
    assert require_whole(store, "s0") >= SOME * len(KINDS)
    count("kills", "the pipeline", kills)
