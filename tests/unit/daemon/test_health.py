"""/healthz: well only when the mount answers, checkpoints succeed and nothing ends."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from daemon.checkpointer import Checkpointer
from daemon.health import Health
from daemon.metrics_pages import metrics_pages
from daemon.service import DaemonService
from tests.support.serving import service_of
from tests.support.volume_store import VolumeStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[VolumeStore]:
    store = VolumeStore(tmp_path)
    yield store
    store.abandon()


async def answering(seconds: float) -> bool:
    await trio.lowlevel.checkpoint()
    return True


async def silent(seconds: float) -> bool:
    await trio.sleep(seconds)
    return False


async def page_of(service: DaemonService, health: Health) -> tuple[int, str]:
    page = await metrics_pages(service, health)["/healthz"]()
    return page.status, page.content.decode()


async def test_all_is_well(store: VolumeStore) -> None:
    service = service_of(store.volume)
    assert await page_of(service, Health(service, answering)) == (200, "ok\n")


async def test_a_mount_that_does_not_answer(store: VolumeStore, autojump_clock: MockClock) -> None:
    service = service_of(store.volume)
    expected = (503, "the mount does not answer within 5 s\n")
    assert await page_of(service, Health(service, silent)) == expected


async def test_a_mount_point_that_is_dead_or_gone(store: VolumeStore) -> None:
    async def fail(seconds: float) -> bool:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    service = service_of(store.volume)
    status, text = await page_of(service, Health(service, fail))
    assert status == 503
    assert text == "the mount cannot be reached: Transport endpoint is not connected\n"


async def test_a_checkpoint_that_failed(store: VolumeStore) -> None:
    checkpointer = Checkpointer(store.volume, 5.0)
    checkpointer.problem = "the host is full: \udcff"
    service = service_of(store.volume, checkpointer)
    status, text = await page_of(service, Health(service, answering))
    assert (status, text) == (503, "checkpoints fail: the host is full: \\udcff\n")


async def test_a_mount_that_has_ended_is_not_asked(store: VolumeStore) -> None:
    service = service_of(store.volume)
    service.stopping()

    async def never(seconds: float) -> bool:
        raise AssertionError

    status, text = await page_of(service, Health(service, never))
    assert status == 503
    assert "the mount has ended" in text


async def test_who_comes_while_the_mount_is_asked_shares_the_next_answer(
    store: VolumeStore,
) -> None:
    asked = 0
    go_on = trio.Event()

    async def ask(seconds: float) -> bool:
        nonlocal asked
        asked += 1
        await go_on.wait()
        return True

    health = Health(service_of(store.volume), ask)
    found: list[list[str]] = []

    async def look() -> None:
        found.append(await health.problems())

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(look)
            await wait_all_tasks_blocked()
        go_on.set()
    assert (asked, found) == (2, [[]] * 10)


async def test_metrics_and_index_are_pages_too(store: VolumeStore) -> None:
    service = service_of(store.volume)
    pages = metrics_pages(service, Health(service, answering))
    assert (await pages["/metrics"]()).content.startswith(b"# HELP cairnfs_files ")
    assert b"/healthz" in (await pages["/"]()).content
