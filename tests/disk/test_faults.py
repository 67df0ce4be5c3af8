"""Calls of the host that fail, one by one: what is acknowledged stays, the rest is an error."""

import errno
import json
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.host_layer.crashes import (
    Moment,
    Recorded,
    lose_power,
    record_run,
    some_moments,
)
from tests.support.host_layer.faults import CALLS
from tests.support.host_layer.library import layer_environment, layer_library
from tests.support.host_layer.record import Event
from tests.support.long_runs import Count
from tests.support.processes import run

STATES: Final = 30  # after each failed sync
FEW: Final = 151  # every so many-th fault, in the short version
SHARES: Final = 8
LONG: Final = (pytest.mark.crash, pytest.mark.timeout(3600))
FOR_EVER: Final = 1 << 30


def campaign(
    folder: Path, first: int, stride: int, times: int, *, planted: str = ""
) -> dict[str, Any]:
    """What fault_campaign.py reports, also of a product with a fault planted in it."""
    module = "tests.support.host_layer.fault_campaign"
    modules = ["tests.support.planted_faults", planted, module] if planted else [module]
    words = [sys.executable, "-m", *modules, str(folder), str(first), str(stride), str(times)]
    environment = layer_environment(folder / "nothing yet")
    document: dict[str, Any] = json.loads(run(words, env=environment, timeout=3600).stdout)
    return document


@pytest.mark.parametrize("times", [1, FOR_EVER], ids=["once", "from then on"])
@pytest.mark.parametrize(
    ("first", "stride"),
    [(5, FEW), *(pytest.param(share, SHARES, marks=LONG) for share in range(SHARES))],
)
def test_no_failing_call_makes_anything_wrong(
    tmp_path: Path, first: int, stride: int, times: int, count: Count
) -> None:
    report = campaign(tmp_path, first, stride, times)
    assert report["wrong"] == []
    for site, number in report["struck"].items():
        count("faults injected", site, number)
    count("lives with faults", "ended refusing every change", report["refusing"])
    count("lives with faults", "went on", report["lives"] - report["refusing"])
    assert sum(report["struck"].values()) > report["lives"] // 2


@pytest.mark.parametrize("call", ["fsync", "fdatasync"])
@pytest.mark.parametrize("number", [15, 19, *(pytest.param(n, marks=LONG) for n in range(20, 50))])
def test_a_sync_that_failed_is_never_believed_later(
    tmp_path: Path, call: str, number: int, count: Count
) -> None:
    """The kernel has dropped the bytes, and reports success when it is asked again."""
    fault = f"{CALLS.index(call)}:{number}:{errno.EIO}:1"
    recorded = record_run(tmp_path, number, 4 * number, fault=fault)  # so many calls come
    failed = [n for n, each in enumerate(recorded.entries) if each.event is Event.SYNC_FAILED]
    assert len(failed) == 1
    moments = some_moments(recorded, STATES, number, first=failed[0] + 1)
    assert lose_power(recorded, moments, tmp_path / "left").states == STATES
    count("simulated crash states", f"after a failed {call}", STATES)


def test_the_layer_is_under_lmdb_too(tmp_path: Path) -> None:
    assert layer_library().exists()
    recorded = record_run(tmp_path, 0, 10)
    index = [each for each in recorded.entries if each.path == "store/index/data.mdb"]
    assert {Event.WRITTEN, Event.SYNCED} <= {each.event for each in index}
    assert any(each.durable for each in index)


def test_a_program_that_ignores_a_failed_write_is_noticed(tmp_path: Path) -> None:
    report = campaign(tmp_path, 5, 61, FOR_EVER, planted="failed_writes_are_ignored")
    assert report["wrong"]


def believing_run(folder: Path) -> Recorded:
    """A run in which syncs of the journal fail, and whose program goes on as if they had not."""
    for number in range(10, 40):
        place = folder / str(number)
        place.mkdir()
        fault = f"{CALLS.index('fdatasync')}:{number}:{errno.EIO}:{FOR_EVER}"
        recorded = record_run(place, 3, 60, fault=fault, planted="a_failed_sync_is_believed")
        for each in recorded.entries:
            if each.event is Event.SYNC_FAILED and each.path.endswith(".wal"):
                return recorded
    raise AssertionError("no sync of the journal failed")


def test_a_program_that_believes_a_failed_sync_is_noticed(tmp_path: Path) -> None:
    recorded = believing_run(tmp_path)
    moments = [Moment(len(recorded.entries), loss) for loss in range(STATES)]
    with pytest.raises(AssertionError, match="run 3, after entry"):
        lose_power(recorded, moments, tmp_path / "left")
