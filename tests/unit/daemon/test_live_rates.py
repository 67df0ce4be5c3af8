"""Rates between two looks at a daemon, and how `cairnfs top` shows them."""

from dataclasses import asdict
from pathlib import Path

import msgspec
import pytest

from daemon.human import duration, printable, size
from daemon.live_figures import LiveTotals
from daemon.live_rates import quantile, rates_between
from daemon.live_table import live_lines
from daemon.metrics import live_totals
from tests.support.live import operation, totals
from tests.support.serving import service_of
from tests.support.volume_store import VolumeStore

BEFORE = totals(100.0, {"read": operation(10)}, operations=1, read_bytes=100, cache_hits=5)
AFTER = totals(
    102.0,
    {"read": operation(10, 20, 20, errors=2, waiting=1), "write": operation(30)},
    operations=6,
    read_bytes=4196,
    cache_hits=8,
    cache_misses=1,
    process_cpu_seconds=1.5,
    operations_in_flight=1,
)


def test_rates_are_gains_by_time() -> None:
    rates = rates_between(BEFORE, AFTER)
    assert rates.seconds == 2
    assert (rates.operations_per_second, rates.errors_per_second) == (2.5, 1)
    assert (rates.read_bytes_per_second, rates.written_bytes_per_second) == (2048, 0)
    assert (rates.cache_hit_rate, rates.cpu_ratio) == (0.75, 0.75)
    assert list(rates.operations) == ["write", "read"]  # what took most time comes first
    read = rates.operations["read"]
    assert (read.per_second, read.errors_per_second) == (1.5, 1)
    assert read.mean_seconds == pytest.approx(2**20 / 1e9)
    assert 2**19 / 1e9 < (read.median_seconds or 0) < (read.p99_seconds or 0) <= 2**20 / 1e9


def test_nothing_between_two_looks_is_no_number() -> None:
    rates = rates_between(AFTER, AFTER)
    assert (rates.operations, rates.cache_hit_rate) == ({}, None)
    assert live_lines(rates, "10:11:12")[-1] == "nobody asks for anything"


def test_requests_that_wait_have_no_times_yet() -> None:
    before = totals(0, {})
    rates = rates_between(before, totals(1, {"fsync": operation(waiting=1)}))
    fsync = rates.operations["fsync"]
    assert (fsync.per_second, fsync.mean_seconds, fsync.p99_seconds) == (1, None, None)
    assert live_lines(rates, "")[-1].split() == ["fsync", "1.0", "-", "-", "-", "0.0"]


@pytest.mark.parametrize(
    ("counts", "share", "nanoseconds"),
    [((0, 0, 0, 4), 0.5, 6), ((0, 2, 0, 2), 0.5, 2), ((4,), 0.25, 0.25), ((0, 1), 1.0, 2)],
)
def test_quantiles(counts: tuple[int, ...], share: float, nanoseconds: float) -> None:
    assert quantile(counts, share) == pytest.approx(nanoseconds / 1e9)


def test_no_quantile_of_nothing() -> None:
    assert quantile((0, 0), 0.5) is None


def test_the_view_tells_what_is_wrong_and_what_runs() -> None:
    troubled = msgspec.structs.replace(
        AFTER,
        long_work="garbage collection",
        figures={**AFTER.figures, "checkpoint_failing": 1, "errors": 7},
    )
    text = "\n".join(live_lines(rates_between(BEFORE, troubled), "10:11:12"))
    assert "/store at /mount  10:11:12" in text
    assert "garbage collection" in text
    assert "CHECKPOINTS FAIL" in text
    assert "7 errors logged" in text


def test_a_path_cannot_steer_the_terminal() -> None:
    hostile = msgspec.structs.replace(AFTER, store="/\x1b]0;x\x07\n/\u202e", mountpoint="/\x9b31m")
    text = "".join(live_lines(rates_between(BEFORE, hostile), ""))
    assert text.isprintable()
    assert r"/\x1b]0;x\x07\n/\u202e at /\x9b31m" in text
    assert printable("größe 大") == "größe 大"


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 70, "1024.0 EiB")]
)
def test_sizes(value: float, text: str) -> None:
    assert size(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0 us"), (0.00005, "50 us"), (0.0012, "1.2 ms"), (90, "90.0 s")],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_a_daemon_s_totals_survive_the_socket(tmp_path: Path) -> None:
    store = VolumeStore(tmp_path)
    service = service_of(store.volume)
    service.tallies["read"].started = 3
    service.tallies["read"].errors["EIO"] = 2
    found = live_totals(service)
    assert list(found.operations) == ["read"]
    assert (found.operations["read"].started, found.operations["read"].errors) == (3, 2)
    assert found.figures.keys() >= asdict(store.volume.statistics()).keys()
    assert msgspec.convert(msgspec.to_builtins(found), LiveTotals) == found
    store.abandon()
