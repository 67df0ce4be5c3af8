"""The host's space: new data stops at the reserve, and the host is not asked all the time."""

import os
from errno import EIO
from pathlib import Path
from types import SimpleNamespace

import pytest

from fsmodel.errors import BackendError, NoSpace
from fsmodel.store.space import HostSpace, SpaceStatistics
from tests.support.packs import failing

MIB = 1 << 20
BLOCK = 4096


class Host:
    """A file system of a given size, and a clock; counts how often it is asked."""

    def __init__(self, total: int, free: int) -> None:
        self.total = total
        self.free = free
        self.seconds = 100.0
        self.asked = 0

    def statvfs(self, _: object) -> SimpleNamespace:
        self.asked += 1
        return SimpleNamespace(
            f_frsize=BLOCK,
            f_bsize=1,
            f_blocks=self.total // BLOCK,
            f_bavail=self.free // BLOCK,
            f_bfree=self.total // BLOCK,
        )

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(total=100_000 * MIB, free=1000 * MIB)
    monkeypatch.setattr(os, "statvfs", host.statvfs)
    return host


@pytest.fixture
def space(host: Host) -> HostSpace:
    return HostSpace(Path("/store"), monotonic=host.monotonic)


def test_the_reserve_is_64_mib_of_a_large_host(space: HostSpace) -> None:
    assert space.statistics() == SpaceStatistics(100_000 * MIB, 936 * MIB, 64 * MIB)
    assert space.free_bytes() == 936 * MIB


def test_what_was_granted_and_is_in_memory_counts_at_each_look(host: Host) -> None:
    in_memory = [300 * MIB]
    space = HostSpace(Path("/store"), promised=lambda: in_memory[0], monotonic=host.monotonic)
    assert space.free_bytes() == 636 * MIB
    with pytest.raises(NoSpace):
        space.require(637 * MIB)
    in_memory[0], host.free = 0, 700 * MIB  # it is in the packs now
    assert space.has_room(636 * MIB)


def test_the_reserve_is_a_twentieth_of_a_small_host(host: Host) -> None:
    host.total = 200 * MIB
    space = HostSpace(Path("/store"), monotonic=host.monotonic)
    assert space.statistics().reserve_bytes == 10 * MIB


def test_new_data_may_fill_all_but_the_reserve(space: HostSpace) -> None:
    space.require(936 * MIB)
    with pytest.raises(NoSpace):
        HostSpace(Path("/store")).require(936 * MIB + 1)


def test_the_refusal_says_what_is_left(host: Host, space: HostSpace) -> None:
    host.free = 70 * MIB
    host.seconds += 1
    with pytest.raises(
        NoSpace, match="has 73,400,320 bytes free and 67,108,864 are held in reserve"
    ):
        space.require(7 * MIB)


def test_what_was_granted_counts_until_the_host_is_asked_again(
    host: Host, space: HostSpace
) -> None:
    space.require(30 * MIB)
    space.require(30 * MIB)
    assert space.free_bytes() == 876 * MIB
    assert host.asked == 1
    host.seconds += 1
    assert space.free_bytes() == 936 * MIB


def test_the_host_is_asked_again_after_a_while(host: Host, space: HostSpace) -> None:
    for _ in range(100):
        space.require(1)
    assert host.asked == 1
    host.seconds += 0.19
    space.require(1)
    assert host.asked == 1
    host.seconds += 0.02
    space.require(1)
    assert host.asked == 2


def test_who_was_told_that_there_is_room_is_granted_it(host: Host, space: HostSpace) -> None:
    """Nothing makes room for a write that is refused right after it was told there was some."""
    host.free = 64 * MIB
    host.seconds += 0.19
    assert space.has_room(MIB)
    host.seconds += 0.19
    space.require(MIB)
    host.seconds += 0.03
    with pytest.raises(NoSpace):
        space.require(MIB)


def test_the_host_is_asked_again_after_64_mib(host: Host, space: HostSpace) -> None:
    space.require(63 * MIB)
    space.require(1 * MIB)
    assert host.asked == 1
    space.require(1)
    assert host.asked == 2


def test_the_host_is_asked_before_anybody_is_refused(host: Host, space: HostSpace) -> None:
    space.require(60 * MIB)
    host.free = 5000 * MIB
    space.require(936 * MIB)
    assert host.asked == 2


def test_writing_goes_on_when_there_is_room_again(host: Host, space: HostSpace) -> None:
    host.free = 10 * MIB
    host.seconds += 1
    with pytest.raises(NoSpace):
        space.require(1)
    assert space.free_bytes() == 0
    host.free = 100 * MIB
    space.require(36 * MIB)
    with pytest.raises(NoSpace):
        space.require(36 * MIB + 1)


def test_a_refusal_is_not_counted(space: HostSpace) -> None:
    with pytest.raises(NoSpace):
        space.require(1 << 50)
    assert space.free_bytes() == 936 * MIB


def test_room_is_ample_while_a_tenth_of_the_host_is_free(host: Host) -> None:
    for free, ample in ((10_064 * MIB, True), (10_063 * MIB, False)):  # 64 are the reserve
        host.free = free
        assert HostSpace(Path("/store"), monotonic=host.monotonic).is_ample() is ample


def test_a_host_that_does_not_answer_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", failing(EIO))
    with pytest.raises(BackendError, match=f"{tmp_path}: injected"):
        HostSpace(tmp_path)


def test_a_real_host_has_a_size(tmp_path: Path) -> None:
    figures = HostSpace(tmp_path).statistics()
    assert 0 <= figures.free_bytes <= figures.total_bytes
    assert 0 < figures.reserve_bytes <= 64 * MIB
