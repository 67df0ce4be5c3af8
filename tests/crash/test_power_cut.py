"""Power lost under a real mount with programs at work: all they were promised is there."""

import logging
from pathlib import Path
from typing import Final

import pytest

from tests.support.as_user import needs_root
from tests.support.long_runs import Count
from tests.support.power_cut.rehearsal import rehearse

_log = logging.getLogger(__name__)  # shown with -o log_cli=true, and when a test fails

pytestmark = needs_root  # the daemon must be let into another filesystem in user space
LOSSES: Final = "losses of power under a mount"
QUICK: Final = ("replace", "blocks", "sqlite")
LONG: Final = (pytest.mark.crash, pytest.mark.timeout(3600))


def test_what_programs_made_durable_is_there_after_the_power_has_gone(
    tmp_path: Path, seed_base: int, count: Count
) -> None:
    tally = rehearse(tmp_path, seed_base, rounds=1, moments=2)
    count(LOSSES, "once", tally.losses)
    assert tally.losses == 2
    assert all(tally.promises.values())


@pytest.mark.parametrize("seed", [pytest.param(seed, marks=LONG) for seed in range(1, 11)])
def test_again_and_again_on_what_was_left(
    tmp_path: Path, seed: int, seed_base: int, count: Count
) -> None:
    tally = rehearse(tmp_path, seed_base + seed, rounds=5, moments=4, losses=2)
    _log.info("seed %d: %s", seed_base + seed, tally)
    count(LOSSES, "again and again", tally.losses)
    assert tally.losses == 40


def test_a_disk_that_does_not_sync_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"loss of power with seed \d+"):
        rehearse(tmp_path, seed=0, rounds=1, moments=1, losses=8, kinds=QUICK, is_deaf=True)
