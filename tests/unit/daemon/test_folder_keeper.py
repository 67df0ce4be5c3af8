"""The daemon's figures in metrics/: written while a store is used, left alone while it is not."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemon import folder_keeper
from daemon.folder_keeper import FolderKeeper
from daemon.metric_catalogue import FLAT
from daemon.workers import Workers
from fsmodel.errors import BackendError, NoSpace
from fsmodel.ids import InodeId
from fsmodel.inner_figures import InnerFigures
from fsmodel.steps import Steps, Work
from fsmodel.volume import Volume
from tests.support.serving import service_of
from tests.support.structured import StructuredStore


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StructuredStore]:
    async def run_here(workers: Workers, work: Work) -> object:
        return work.run()

    monkeypatch.setattr(Workers, "run", run_here)
    monkeypatch.setattr(folder_keeper, "REST_SECONDS", 0)
    store = StructuredStore(tmp_path)
    yield store
    store.volume.close()


def keeper_of(store: StructuredStore) -> FolderKeeper:
    return FolderKeeper(service_of(store.volume), 60.0)


def history(store: StructuredStore) -> list[dict[str, object]]:
    return [json.loads(line) for line in store.read("metrics/history.jsonl").splitlines()]


async def test_figures_are_written_as_both_kinds_of_file(store: StructuredStore) -> None:
    store.write("projects/file", b"bytes")
    await keeper_of(store).write_figures()
    text = store.read("metrics/cairnfs.prom").decode()
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    (line,) = history(store)
    assert set(line) == {"time", *(metric.key for metric in FLAT)}
    assert values["cairnfs_files"] == line["files"] == 2  # with the document of a series


async def test_an_idle_store_is_left_alone(store: StructuredStore) -> None:
    keeper = keeper_of(store)
    for _ in range(3):
        await keeper.write_figures()
    assert len(history(store)) == 1
    store.write("projects/file", b"bytes")
    await keeper.write_figures()
    assert len(history(store)) == 2


def unknown(volume: Volume) -> InnerFigures:
    raise BackendError("the host", OSError("input/output error"))


def no_room(volume: Volume, figures: bytes, line: bytes) -> Steps[None]:
    yield from ()
    raise NoSpace("the host is full")


@pytest.mark.parametrize(
    ("method", "failing"), [("inner_figures", unknown), ("publish_metrics", no_room)]
)
async def test_what_fails_is_logged_and_done_the_next_time(
    store: StructuredStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    method: str,
    failing: object,
) -> None:
    keeper = keeper_of(store)
    with monkeypatch.context() as broken, caplog.at_level(logging.WARNING):
        broken.setattr(Volume, method, failing)
        await keeper.write_figures()
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "the figures in metrics/ are old"
    ]
    await keeper.write_figures()
    assert len(history(store)) == 1


async def test_the_kernel_hears_of_names_that_evicted_files_have_elsewhere(
    store: StructuredStore,
) -> None:
    inode = store.write("cache/temp/file", b"bytes")
    store.link("cache/temp/file", "projects/kept")
    store.volume.empty_temp()
    store.volume.hold(inode)
    service, told = service_of(store.volume), list[InodeId]()
    service.tell_kernel = lambda touched, relinked: told.extend(relinked)
    await FolderKeeper(service, 60.0).look()
    assert told == [inode]
    store.volume.give_back([(inode, 1)])
