"""What the daemon says of itself: all of it, as Prometheus reads it and as docs/metrics.md says."""

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from daemon import metrics
from daemon.checkpointer import Checkpointer
from daemon.metric_catalogue import CATALOGUE, FLAT
from daemon.operation_tallies import OperationTally, Tallies
from daemon.prometheus_text import Figures, prometheus_text
from daemon.service import DaemonService
from fsmodel.errors import NoSpace
from fsmodel.volume import Volume
from tests.support.serving import service_of
from tests.support.volume_store import VolumeStore, moments_of

DOCUMENT = Path(__file__).parents[3] / "docs" / "metrics.md"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    store = VolumeStore(tmp_path)
    yield store
    store.abandon()


@pytest.fixture
def service(store: VolumeStore) -> DaemonService:
    return service_of(store.volume)


def some_tallies() -> Tallies:
    read, write, unlink = OperationTally(), OperationTally(), OperationTally()
    read.started, read.bytes, read.total_ns = 5, 4096, 3_000_000_000
    read.classes[13], read.classes[14], read.classes[40] = 1, 2, 1  # one is not answered yet
    read.errors.update({"EIO": 1, 'odd"\\\n': 2})
    return {"read": read, "write": write, "unlink": unlink}


def families(figures: Figures, tallies: Tallies) -> dict[str, Family]:
    text = prometheus_text(figures, tallies).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_everything_in_the_catalogue_is_gathered(service: DaemonService) -> None:
    figures = metrics.gather(service)
    assert list(figures) == [metric.key for metric in FLAT]
    assert figures["files"] == 0
    assert figures["process_resident_memory_bytes"] > 1 << 20
    assert 2 < figures["process_open_fds"] < figures["process_max_fds"]
    assert figures["free_bytes"] > 0


def test_figures_follow_what_happens(store: VolumeStore, service: DaemonService) -> None:
    before = metrics.gather(service)
    store.write(b"file", b"bytes")
    service.tallies["write"].started += 1
    service.tallies["write"].bytes += 5
    after = metrics.gather(service)
    assert after["files"] == 1
    assert after["journal_changes"] > before["journal_changes"]
    assert after["journal_bytes"] > before["journal_bytes"]
    assert (after["written_bytes"], after["operations_in_flight"]) == (5, 1)
    assert metrics.trigger(after) != metrics.trigger(before)


async def test_a_failing_checkpoint_shows_until_one_succeeds(
    store: VolumeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpointer = Checkpointer(store.volume, 5.0)
    service = service_of(store.volume, checkpointer)
    with monkeypatch.context() as full:
        full.setattr(Volume, "checkpoint", no_room)
        await checkpointer.checkpoint()
    assert metrics.gather(service)["checkpoint_failing"] == 1
    await checkpointer.checkpoint()
    assert metrics.gather(service)["checkpoint_failing"] == 0
    assert metrics.gather(service)["checkpoint_age_seconds"] >= 0


def no_room(volume: Volume) -> None:
    raise NoSpace("the host is full")


def test_long_work_shows_while_it_runs(store: VolumeStore, service: DaemonService) -> None:
    steps = store.volume.collect_garbage(lambda done, total, text: None, thorough=True)
    running = [metrics.gather(service)["long_work_running"] for _ in moments_of(steps)]
    assert max(running) == 1
    assert metrics.gather(service)["long_work_running"] == 0


def test_prometheus_reads_all_of_it(service: DaemonService) -> None:
    found = families(metrics.gather(service), some_tallies())
    assert {metric.name.removesuffix("_total") for metric in CATALOGUE} == set(found)
    for metric in CATALOGUE:
        family = found[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.meaning)


def test_a_histogram_counts_up_to_its_end(service: DaemonService) -> None:
    found = families(metrics.gather(service), some_tallies())
    samples = found["cairnfs_operation_duration_seconds"].samples
    assert {sample.labels["operation"] for sample in samples} == {"read"}  # used ones only
    buckets = [
        (float(sample.labels["le"]), sample.value)
        for sample in samples
        if sample.name.endswith("_bucket")
    ]
    assert buckets[:3] == [(8.192e-06, 1), (3.2768e-05, 3), (0.000131072, 3)]
    assert buckets[-2:] == [(2**33 / 1e9, 3), (math.inf, 4)]
    assert buckets == sorted(buckets)
    by_name = {sample.name: sample.value for sample in samples}
    assert by_name["cairnfs_operation_duration_seconds_count"] == 4
    assert by_name["cairnfs_operation_duration_seconds_sum"] == 3.0


def test_errors_are_told_by_operation_and_number(service: DaemonService) -> None:
    samples = families(metrics.gather(service), some_tallies())["cairnfs_operation_errors"].samples
    assert [(sample.labels["errno"], sample.value) for sample in samples] == [
        ("EIO", 1),
        ('odd"\\\n', 2),
    ]


def test_a_line_of_history_is_json_in_utc(service: DaemonService) -> None:
    figures = metrics.gather(service)
    line = metrics.history_line(figures, datetime(2026, 11, 20, 10, 11, 12, tzinfo=UTC))
    assert line.endswith(b"}\n")
    assert json.loads(line) == {"time": "2026-11-20T10:11:12+00:00", **figures}


def test_names_follow_the_conventions() -> None:
    for metric in CATALOGUE:
        assert re.fullmatch(r"(cairnfs|process)_[a-z]+(_[a-z]+)*", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.meaning.endswith(".")
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)


def test_the_document_has_every_metric_as_it_is() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| (\w*) *\| (.+) \|$", DOCUMENT.read_text(), re.MULTILINE
    )
    told = {name: (kind, unit, meaning) for name, kind, unit, meaning in rows}
    assert told == {metric.name: (metric.kind, metric.unit, metric.meaning) for metric in CATALOGUE}


def test_alerts_in_the_document_speak_of_metrics_there_are() -> None:
    known = {metric.name for metric in CATALOGUE}
    known |= {f"cairnfs_operation_duration_seconds_{part}" for part in ("bucket", "sum", "count")}
    _, _, alerts = DOCUMENT.read_text().partition("## Alerts")
    named = set(re.findall(r"\b(?:cairnfs|process)_[a-z_]+", alerts))
    assert len(named) > 5
    assert named - known == set()
