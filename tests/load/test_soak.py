"""Many clients at once: no error, nobody starves, and the daemon needs no more than before."""

import json
import logging
from dataclasses import asdict, replace
from typing import Final

import pytest

from tests.support.load.figures import Figures, Latency, Sample, halves
from tests.support.load.soak import CLIENTS, LONG_SECONDS, soak
from tests.support.long_runs import Count, Figure
from tests.support.mounted import MountedStore

_log = logging.getLogger(__name__)  # shown with -o log_cli=true, and when a test fails

HELD: Final = "operations of clients at once"
SHORT_SECONDS: Final = 3.0
LATENCY: Final = Latency(1000, 1.0, 2.0, 3.0)
SOUND: Final = Figures(
    0,
    1.0,
    0.0,
    8000,
    {},
    [LATENCY] * CLIENTS,
    [],
    Sample(0, 100 << 20, 20),
    Sample(1, 101 << 20, 20),
)


def test_clients_at_once_meet_no_error(store: MountedStore, seed_base: int, count: Count) -> None:
    figures = soak(store, SHORT_SECONDS, seed=seed_base)
    figures.require_fair()
    count(HELD, "shortly", figures.operations)
    assert {"read", "write", "fsync", "metadata", "snapshot", "gc"} <= set(figures.kinds)


@pytest.mark.crash
@pytest.mark.timeout(LONG_SECONDS + 1800)
def test_for_ten_minutes(store: MountedStore, seed_base: int, count: Count, figure: Figure) -> None:
    figures = soak(store, LONG_SECONDS, seed=seed_base + 1)
    _log.info("%s", json.dumps(asdict(figures)))
    figure("eight clients for ten minutes", asdict(figures))
    figures.require_fair()
    figures.require_flat()
    count(HELD, "for ten minutes", figures.operations)


def test_another_byte_is_noticed(store: MountedStore) -> None:
    with pytest.raises(AssertionError, match=r"client 0: (.|\n)*other bytes at the end"):
        soak(store, 1.0, clients=2, fault="fault")


def test_a_client_that_starves_is_noticed() -> None:
    SOUND.require_fair()
    starved = replace(SOUND, clients=[*[LATENCY] * (CLIENTS - 1), replace(LATENCY, count=100)])
    with pytest.raises(AssertionError, match="client 7 starved"):
        starved.require_fair()


def test_what_grows_is_noticed() -> None:
    SOUND.require_flat()
    for more in (Sample(1, 200 << 20, 20), Sample(1, 100 << 20, 60)):
        with pytest.raises(AssertionError, match="grow"):
            replace(SOUND, second=more).require_flat()


def test_the_halves_of_a_run_are_told_apart() -> None:
    samples = [Sample(second, 100 + second, 20) for second in range(10)]
    assert halves(samples) == (Sample(0, 102, 20), Sample(5, 107, 20))
