"""kill -9 at random moments: whatever was acknowledged is there after the next mount."""

import os
import random
import subprocess
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import pytest

from tests.crash.killing import rounds_of_kills, start_and_kill_daemon
from tests.support.long_runs import Count
from tests.support.mounted import COMMAND, MountedStore

FEW: Final = 2
MANY: Final = pytest.param(60, marks=[pytest.mark.crash, pytest.mark.timeout(1800)])
WORK_SECONDS: Final = 0.6
KILLS_OF_A_START: Final = 2


def kill_at_work(store: MountedStore, dice: random.Random) -> None:
    """In the middle of it."""
    time.sleep(dice.random() * WORK_SECONDS)
    store.kill()


def kill_while_recovering(store: MountedStore, dice: random.Random) -> None:
    """In the middle of it, and then again and again while it starts."""
    kill_at_work(store, dice)
    for _ in range(KILLS_OF_A_START):
        start_and_kill_daemon(store, dice.random() * WORK_SECONDS)


def kill_while_unmounting(store: MountedStore, dice: random.Random) -> None:
    """While it settles what is open and writes its last checkpoint."""
    time.sleep(dice.random() * WORK_SECONDS)
    umount = subprocess.Popen(
        [*COMMAND, "umount", "--lazy", store.mountpoint],
        env={**os.environ, **store.environment},
        stderr=subprocess.DEVNULL,
    )
    time.sleep(dice.random() * WORK_SECONDS)
    store.kill()
    umount.wait(60)


@pytest.mark.parametrize("kills", [FEW, MANY])
@pytest.mark.parametrize("kill", [kill_at_work, kill_while_recovering, kill_while_unmounting])
def test_nothing_acknowledged_is_lost(
    store: MountedStore,
    kill: Callable[[MountedStore, random.Random], None],
    kills: int,
    seed_base: int,
    count: Count,
) -> None:
    seed = seed_base + kills
    acknowledged = rounds_of_kills(store, 2, kills, seed=seed, kill=partial(kill, store))
    assert acknowledged > 10 * kills
    count("kills", kill.__name__, kills * (1 + KILLS_OF_A_START * (kill is kill_while_recovering)))
    count("actions acknowledged before kills", kill.__name__, acknowledged)
