"""kill -9 while garbage is collected and packs are compacted: nothing that is needed is lost."""

import os
import random
import threading
import time
from typing import Final

import pytest

from daemon.control_client import ControlClient
from daemon.problems import Problem
from tests.support.long_runs import Count
from tests.support.mounted import MountedStore

FEW: Final = 3
MANY: Final = pytest.param(120, marks=[pytest.mark.crash, pytest.mark.timeout(3600)])
NAMES: Final = 60
DELAY_SECONDS: Final = 0.25  # about what a collection takes here


class Collection:
    """`cairnfs gc`, asked for without the time a command takes to start."""

    def __init__(self, store: MountedStore) -> None:
        self._store = store
        self.done = False
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def join(self) -> None:
        """Wait for the answer, or for the end of whoever owes it."""
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _ask(self) -> None:
        try:
            with ControlClient(self._store.store) as client:
                client.ask("gc")
            self.done = True
        except Problem:
            return  # killed


class Files:
    """Files that come and go; about a third of what was written is garbage each time."""

    def __init__(self, store: MountedStore, dice: random.Random) -> None:
        self._folder = store.mountpoint
        self._dice = dice
        self._kept: dict[str, int] = {}  # what each file holds, as the seed of its bytes

    def change(self) -> None:
        for _ in range(24):
            name, seed = str(self._dice.randrange(NAMES)), self._dice.randrange(1 << 40)
            (self._folder / name).write_bytes(content(seed))
            self._kept[name] = seed
        for name in self._dice.sample(sorted(self._kept), len(self._kept) // 3):
            (self._folder / name).unlink()
            del self._kept[name]

    def require_all(self) -> None:
        assert {path.name for path in self._folder.iterdir() if path.is_file()} == set(self._kept)
        for name, seed in self._kept.items():
            assert (self._folder / name).read_bytes() == content(seed), name


def content(seed: int) -> bytes:
    """Bytes of a file; many of them resemble others, so that there are deltas."""
    dice = random.Random(seed)
    shared = random.Random(seed % 7).randbytes(200_000)
    at = dice.randrange(100_000)
    return dice.randbytes(dice.randrange(1, 200_000)) + shared[at:]


@pytest.mark.parametrize("kills", [FEW, MANY])
def test_a_kill_while_garbage_is_collected_loses_nothing(
    store: MountedStore, kills: int, seed_base: int, count: Count
) -> None:
    dice = random.Random(seed_base + kills)
    os.setxattr(store.mountpoint, "cairnfs.versions", b"off")  # else nothing becomes garbage
    files = Files(store, dice)
    interrupted = 0
    for _ in range(kills):
        files.change()
        collection = Collection(store)
        time.sleep(dice.uniform(0, DELAY_SECONDS))
        store.kill()
        collection.join()
        interrupted += not collection.done
        store.mount()
        store.require_clean()
        files.require_all()
    assert interrupted
    count("kills", "under a collection", interrupted)
    count("kills", "before or after a collection", kills - interrupted)
    report = store.document("gc", store.mountpoint)
    assert report["garbage_bytes_after"] < 1_000_000
    files.require_all()
