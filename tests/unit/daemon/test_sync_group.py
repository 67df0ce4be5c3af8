"""Who shares a sync with whom, and where it is waited for."""

import threading

import pytest
import trio
import trio.testing

from daemon.arrivals import Arrivals
from daemon.sync_group import SyncGroup
from daemon.sync_pace import ALONE_MIN, BEARABLE_NS, QUICK_NS, SLOW_NS, SMALL_BYTES, SyncPace
from fsmodel.durability import Durability
from fsmodel.errors import BackendError

QUICK_SYNC_NS = QUICK_NS // 4


class FakeArrivals(Arrivals):
    """Requests that the test makes up."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = False
        self.asked = 0

    def any_waits(self) -> bool:
        self.asked += 1
        return self.waiting


class FakeDisk(Durability):
    """Changes that are numbers, and syncs that take as long as the test says."""

    def __init__(self) -> None:
        self.last_change = 1
        self.covered = 0
        self.takes_ns = QUICK_SYNC_NS
        self.now_ns = 0
        self.bytes = 4096
        self.threads: list[threading.Thread] = []
        self.fails = False
        self.arrivals = FakeArrivals()
        self.others_ask = False  # for something, during each sync
        self.begun = threading.Event()
        self.released = threading.Event()
        self.released.set()

    @property
    def position(self) -> int:
        return self.last_change

    @property
    def unsynced_bytes(self) -> int:
        return self.bytes

    def needs_sync(self, position: int) -> bool:
        return self.covered < position

    def sync(self) -> int:
        covered = self.last_change
        self.threads.append(threading.current_thread())
        self.now_ns += self.takes_ns
        if self.others_ask:
            self.arrivals.waiting = True  # unless the loop can read them
            self.arrivals.read += threading.current_thread() is not threading.main_thread()
        self.begun.set()
        self.released.wait()
        if self.fails:
            raise BackendError("journal", OSError("the disk is broken"))
        return covered

    def note_synced(self, position: int) -> None:
        self.covered = position

    @property
    def in_place(self) -> int:
        """How many syncs ran on the thread of the test."""
        return self.threads.count(threading.main_thread())


@pytest.fixture
def disk() -> FakeDisk:
    return FakeDisk()


@pytest.fixture
def group(disk: FakeDisk) -> SyncGroup:
    return SyncGroup(disk, disk.arrivals, clock=lambda: disk.now_ns)


async def change_and_sync(disk: FakeDisk, group: SyncGroup, times: int = 1) -> None:
    for _ in range(times):
        disk.last_change += 1
        await group.sync()
        assert not disk.needs_sync(disk.last_change)


async def test_quick_syncs_are_waited_for_in_place(disk: FakeDisk, group: SyncGroup) -> None:
    await change_and_sync(disk, group, 40)
    assert 0 < disk.in_place < 40  # nothing is known of the first ones
    disk.last_change += 1
    with trio.testing.assert_no_checkpoints():
        await group.sync()


async def test_nobody_is_asked_who_waits_while_syncs_are_quick(
    disk: FakeDisk, group: SyncGroup
) -> None:
    await change_and_sync(disk, group, 2 * ALONE_MIN)
    assert disk.arrivals.asked == 0
    disk.takes_ns, disk.others_ask = BEARABLE_NS // 2, True
    before = disk.in_place
    await change_and_sync(disk, group, ALONE_MIN)
    assert disk.arrivals.asked == 1
    assert disk.in_place == before + 2, "the first was not known to be slow, the second was asked"


async def test_slow_syncs_never_hold_up_the_loop(disk: FakeDisk, group: SyncGroup) -> None:
    disk.takes_ns = BEARABLE_NS + 1
    await change_and_sync(disk, group, 2 * ALONE_MIN)
    assert disk.in_place == 0


async def test_syncs_of_a_middling_disk_hold_up_nobody(disk: FakeDisk, group: SyncGroup) -> None:
    disk.takes_ns = BEARABLE_NS // 2
    await change_and_sync(disk, group, ALONE_MIN)
    assert disk.in_place == 0
    await change_and_sync(disk, group, 10)
    assert disk.in_place == 10, "whoever syncs is alone"
    disk.others_ask = True
    await change_and_sync(disk, group, 2 * ALONE_MIN)
    assert disk.in_place == 11, "they have waited once"
    disk.others_ask = disk.arrivals.waiting = False
    await change_and_sync(disk, group, ALONE_MIN + 1)
    assert disk.in_place == 12


async def test_a_disk_that_becomes_slow_is_left_to_threads(
    disk: FakeDisk, group: SyncGroup
) -> None:
    disk.takes_ns = BEARABLE_NS // 2
    await change_and_sync(disk, group, ALONE_MIN + 1)
    assert disk.in_place == 1
    disk.takes_ns = 100 * BEARABLE_NS
    await change_and_sync(disk, group, 10)
    assert disk.in_place == 2


async def test_one_slow_sync_ends_waiting_in_place(disk: FakeDisk, group: SyncGroup) -> None:
    disk.others_ask = True
    await change_and_sync(disk, group, 40)
    before = disk.in_place
    disk.takes_ns = 100 * SLOW_NS
    await change_and_sync(disk, group, 10)
    assert disk.in_place == before + 1
    disk.takes_ns = QUICK_SYNC_NS
    await change_and_sync(disk, group, 20)
    assert disk.in_place == before + 1
    await change_and_sync(disk, group, 80)
    assert disk.in_place > before + 1


async def test_much_to_write_goes_to_a_thread(disk: FakeDisk, group: SyncGroup) -> None:
    await change_and_sync(disk, group, 40)
    before = disk.in_place
    disk.bytes, disk.takes_ns = SMALL_BYTES + 1, 50 * SLOW_NS
    await change_and_sync(disk, group, 3)
    assert disk.in_place == before
    disk.bytes, disk.takes_ns = 4096, QUICK_SYNC_NS  # which that has said nothing about
    await change_and_sync(disk, group)
    assert disk.in_place == before + 1


async def test_who_comes_during_a_sync_shares_the_next(disk: FakeDisk, group: SyncGroup) -> None:
    await change_and_sync(disk, group, 40)
    before = len(disk.threads)
    disk.bytes = SMALL_BYTES + 1
    disk.begun.clear()
    disk.released.clear()
    async with trio.open_nursery() as nursery:
        disk.last_change += 1
        nursery.start_soon(group.sync)
        await trio.to_thread.run_sync(disk.begun.wait)
        disk.bytes = 4096  # quick enough, but a sync is running
        for _ in range(3):
            disk.last_change += 1
            nursery.start_soon(group.sync)
        await trio.testing.wait_all_tasks_blocked()
        disk.released.set()
    assert len(disk.threads) == before + 2
    assert not disk.needs_sync(disk.last_change)


async def test_nothing_new_is_not_synced(disk: FakeDisk, group: SyncGroup) -> None:
    await change_and_sync(disk, group)
    with trio.testing.assert_no_checkpoints():
        await group.sync()
    assert len(disk.threads) == 1


@pytest.mark.parametrize("earlier", [0, 40], ids=["in a thread", "in place"])
async def test_a_failure_is_told(disk: FakeDisk, group: SyncGroup, earlier: int) -> None:
    await change_and_sync(disk, group, earlier)
    disk.last_change += 1
    disk.fails = True
    with pytest.raises(BackendError):
        await group.sync()
    assert disk.needs_sync(disk.last_change)


def test_the_pace_is_not_known_at_first() -> None:
    assert not SyncPace().is_quick


def test_a_middling_disk_is_not_quick() -> None:
    pace = SyncPace()
    for _ in range(100):
        pace.note(QUICK_NS * 2, alone=False)
    assert not pace.is_quick
    assert not pace.allows_waiting
