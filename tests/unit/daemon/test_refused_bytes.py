"""When the kernel is told to forget what it took for us, and for how long."""

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from daemon import refused_bytes
from daemon.refused_bytes import AGAIN_SECONDS_MAX, MOMENT_SECONDS, RefusedBytes
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.volume import Volume
from tests.support.volumes import settled_file

LONG: float = 20 * AGAIN_SECONDS_MAX


class Kernel:
    """Takes down what it is told, with the time, and what else it is to do then."""

    def __init__(self, nursery: trio.Nursery, volume: Volume) -> None:
        self._nursery = nursery
        self.names: list[tuple[InodeId, bytes]] = []
        self.bytes_of: list[tuple[InodeId, float]] = []
        self.open: set[InodeId] = set()
        self.while_it_forgets: Callable[[], None] = lambda: None
        self.refused = RefusedBytes(volume, self._start, self.open.__contains__)

    def _start(self, task: Callable[[InodeId], Awaitable[None]], inode: InodeId) -> None:
        self._nursery.start_soon(task, inode)

    async def forget_names(self, names: list[tuple[InodeId, bytes]]) -> None:
        self.names += names

    async def forget_bytes(self, inode: InodeId) -> None:
        self.bytes_of.append((inode, trio.current_time()))
        self.while_it_forgets()


@pytest.fixture
def kernel(
    volume: Volume,
    nursery: trio.Nursery,
    monkeypatch: pytest.MonkeyPatch,
) -> Kernel:
    kernel = Kernel(nursery, volume)
    monkeypatch.setattr(refused_bytes, "forget_names", kernel.forget_names)
    monkeypatch.setattr(refused_bytes, "forget_bytes", kernel.forget_bytes)
    return kernel


@pytest.fixture
def inode(volume: Volume, kernel: Kernel) -> InodeId:
    """A file that the kernel was told of, and that is open."""
    inode = settled_file(volume, b"file", b"bytes")
    volume.hold(inode)
    kernel.open.add(inode)
    return inode


async def test_many_refusals_one_after_the_other_are_told_once(
    kernel: Kernel, inode: InodeId, autojump_clock: trio.testing.MockClock
) -> None:
    for _ in range(9):
        kernel.refused.note(inode)
        await trio.sleep(MOMENT_SECONDS * 0.9)
    await trio.sleep(LONG)
    [(told, moment)] = kernel.bytes_of
    assert told == inode
    assert 8 * 0.9 * MOMENT_SECONDS < moment < 10 * MOMENT_SECONDS
    assert kernel.names == [(ROOT_INODE, b"file")]
    assert inode in kernel.refused


async def test_what_is_refused_while_the_kernel_forgets_is_told_a_moment_later(
    kernel: Kernel, inode: InodeId, autojump_clock: trio.testing.MockClock
) -> None:
    def send_another() -> None:
        if len(kernel.bytes_of) < 3:
            kernel.refused.note(inode)

    kernel.while_it_forgets = send_another
    kernel.refused.note(inode)
    await trio.sleep(LONG)
    moments = [pytest.approx(number * MOMENT_SECONDS) for number in (1, 2, 3)]
    assert [moment for _, moment in kernel.bytes_of] == moments


async def test_names_are_forgotten_until_the_kernel_has_forgotten_the_file(
    volume: Volume, kernel: Kernel, inode: InodeId, autojump_clock: trio.testing.MockClock
) -> None:
    kernel.refused.note(inode)
    kernel.refused.closed(inode)
    await trio.sleep(LONG)
    assert len(kernel.names) == 1, "it was closed by one of two"
    kernel.open.clear()
    kernel.refused.closed(inode)
    await trio.sleep(LONG)
    tries = len(kernel.names)
    assert LONG / AGAIN_SECONDS_MAX < tries < 2 * LONG / AGAIN_SECONDS_MAX
    kernel.refused.forgotten([inode])
    assert inode in kernel.refused, "it was told of it more often than it has forgotten it"
    volume.give_back([(inode, 1)])
    kernel.refused.forgotten([inode])
    await trio.sleep(LONG)
    assert inode not in kernel.refused
    assert len(kernel.names) == tries


async def test_who_opens_the_file_again_ends_that_until_he_closes_it(
    kernel: Kernel, inode: InodeId, autojump_clock: trio.testing.MockClock
) -> None:
    kernel.refused.note(inode)
    kernel.open.clear()
    kernel.refused.closed(inode)
    await trio.sleep(MOMENT_SECONDS / 2)
    kernel.open.add(inode)
    await trio.sleep(LONG)
    tries = len(kernel.names)
    assert tries == 2
    kernel.open.clear()
    kernel.refused.closed(inode)
    await trio.sleep(MOMENT_SECONDS / 2)
    assert len(kernel.names) == tries + 1


async def test_a_file_without_a_name_is_no_mistake(
    volume: Volume, kernel: Kernel, inode: InodeId, autojump_clock: trio.testing.MockClock
) -> None:
    volume.unlink(ROOT_INODE, b"file")
    kernel.refused.note(inode)
    kernel.open.clear()
    kernel.refused.closed(inode)
    await trio.sleep(LONG)
    assert (kernel.names, len(kernel.bytes_of)) == ([], 1)


async def test_of_other_files_nothing_is_told(
    kernel: Kernel, inode: InodeId, autojump_clock: trio.testing.MockClock
) -> None:
    kernel.open.clear()
    kernel.refused.closed(inode)
    kernel.refused.forgotten([inode])
    await trio.sleep(LONG)
    assert (kernel.names, kernel.bytes_of) == ([], [])
