"""A daemon that answers too early is noticed by those who kill it."""

import random
import sys
import time
from typing import Final

import pytest

from tests.crash.killing import rounds_of_kills
from tests.support.mounted import MountedStore

ROUNDS: Final = 10  # in some of them nothing may be lost, as a checkpoint came last


@pytest.mark.parametrize(
    "fault",
    ["answers_before_the_journal", pytest.param("rows_before_packs", marks=pytest.mark.crash)],
)
def test_a_daemon_that_answers_too_early_is_noticed(fault: str) -> None:
    command = [sys.executable, "-m", "tests.support.planted_faults", fault, "daemon.cli.main"]
    with MountedStore(command=command) as store:

        def kill(dice: random.Random) -> None:
            time.sleep(dice.random() / 2)
            store.kill()

        with pytest.raises(AssertionError):
            rounds_of_kills(store, 2, ROUNDS, seed=1, kill=kill)
