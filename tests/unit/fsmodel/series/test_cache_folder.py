"""cache/ stays within its bounds, and nothing else goes."""

from pathlib import Path

import pytest

from fsmodel.series.cache_folder import CacheLimits, Evicted
from fsmodel.settings import VolumeSettings
from fsmodel.steps import run_inline
from tests.support.namespace_store import ManualClock
from tests.support.structured import StructuredStore

LIMITS = CacheLimits(bytes_max=1000, files_max=5, ttl_seconds=100)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cached(tmp_path: Path, clock: ManualClock) -> StructuredStore:
    return StructuredStore(tmp_path, VolumeSettings(cache_folder=LIMITS), clock)


def sweep(store: StructuredStore) -> Evicted:
    assert store.volume._parts.series is not None
    return run_inline(store.volume._parts.series.cache.sweep())


def fill(store: StructuredStore, clock: ManualClock, *paths: str, size: int = 10) -> None:
    for path in paths:
        clock.advance()
        store.write(path, b"x" * size)


def test_within_its_bounds_everything_stays(cached: StructuredStore, clock: ManualClock) -> None:
    fill(cached, clock, "cache/a", "cache/b", "cache/temp/c")
    assert sweep(cached) == Evicted(files=3, size_bytes=30)


def test_the_least_recently_used_file_goes_first(
    cached: StructuredStore, clock: ManualClock
) -> None:
    fill(cached, clock, *(f"cache/{number}" for number in range(7)))
    clock.advance()
    cached.read("cache/0")
    assert sweep(cached).evicted_files == 2
    assert cached.listing("cache") == ["0", "3", "4", "5", "6", "temp"]
    cached.require_sound()


def test_bytes_are_bounded(cached: StructuredStore, clock: ManualClock) -> None:
    fill(cached, clock, "cache/a", "cache/b", "cache/c", size=400)
    evicted = sweep(cached)
    assert (evicted.evicted_files, evicted.evicted_bytes) == (1, 400)
    assert cached.listing("cache") == ["b", "c", "temp"]


def test_what_nobody_uses_expires(cached: StructuredStore, clock: ManualClock) -> None:
    fill(cached, clock, "cache/a", "cache/b")
    clock.advance(90)
    cached.read("cache/a")
    clock.advance(50)
    sweep(cached)
    assert cached.listing("cache") == ["a", "temp"]


def test_folders_left_empty_go_along(cached: StructuredStore, clock: ManualClock) -> None:
    cached.mkdir("cache/d")
    cached.mkdir("cache/d/e")
    cached.mkdir("cache/kept")
    fill(cached, clock, "cache/d/e/a", "cache/temp/t")
    clock.advance(200)
    sweep(cached)
    assert cached.listing("cache") == ["kept", "temp"]


def test_an_open_file_stays(cached: StructuredStore, clock: ManualClock) -> None:
    fill(cached, clock, "cache/a")
    inode = cached.inode("cache/a")
    cached.volume.open_file(inode, writing=False)
    clock.advance(200)
    assert sweep(cached).evicted_files == 0
    cached.volume.close_file(inode)


def test_a_file_used_while_it_is_looked_for_stays(
    cached: StructuredStore, clock: ManualClock
) -> None:
    fill(cached, clock, "cache/a", "cache/b")
    clock.advance(200)
    assert cached.volume._parts.series is not None
    steps = cached.volume._parts.series.cache.sweep()
    next(steps)
    cached.read("cache/a")
    run_inline(steps)
    assert cached.listing("cache") == ["a", "temp"]


def test_nothing_else_is_ever_evicted(cached: StructuredStore, clock: ManualClock) -> None:
    others = ["projects/p", "runs/r", "output/default/data/1.txt", "f"]
    fill(cached, clock, *others, "cache/a", size=900)
    cached.link("cache/a", "also")
    clock.advance(10_000)
    sweep(cached)
    assert cached.listing("cache") == ["temp"]
    assert all(cached.exists(path) for path in (*others, "also"))


def test_what_goes_leaves_no_version(cached: StructuredStore, clock: ManualClock) -> None:
    fill(cached, clock, "cache/a")
    clock.advance(200)
    sweep(cached)
    assert run_inline(cached.volume.list_versions(b"cache")) == []


def test_a_look_is_due_after_a_while_and_when_much_has_come(
    cached: StructuredStore, clock: ManualClock
) -> None:
    tidy = cached.volume.tidy_cache
    run_inline(tidy())
    fill(cached, clock, "cache/a")
    assert run_inline(tidy()) == Evicted(1, 10) or run_inline(tidy()) == Evicted()
    clock.advance(61)
    assert run_inline(tidy()).files == 1
    fill(cached, clock, "cache/b", size=500)
    assert run_inline(tidy()).files == 2


def test_what_is_locked_stays_and_is_in_nobodys_way(
    cached: StructuredStore, clock: ManualClock
) -> None:
    cached.mkdir("cache/d")
    cached.mkdir("cache/d/e")
    fill(cached, clock, "cache/locked", "cache/d/entry", "cache/d/e/a", "cache/gone")
    for path in ("cache/locked", "cache/d"):
        run_inline(cached.volume.lock(cached.inode(path)))
    clock.advance(200)
    assert sweep(cached).evicted_files == 2
    assert cached.listing("cache") == ["d", "locked", "temp"]
    assert cached.listing("cache/d") == ["e", "entry"]
    fill(cached, clock, *(f"cache/{number}" for number in range(9)))
    assert sweep(cached).evicted_files == 6  # of 11, so that 5 are left
    cached.require_sound()


def test_temp_with_something_locked_in_it_is_not_emptied(
    cached: StructuredStore, clock: ManualClock
) -> None:
    cached.mkdir("cache/temp/d")
    fill(cached, clock, "cache/temp/d/locked")
    run_inline(cached.volume.lock(cached.inode("cache/temp/d/locked")))
    cached.volume.empty_temp()
    assert cached.listing("cache/temp/d") == ["locked"]
    run_inline(cached.volume.unlock(cached.inode("cache/temp/d/locked")))
    cached.volume.empty_temp()
    assert cached.listing("cache/temp") == []


def test_temp_is_emptied_in_one_go(cached: StructuredStore, clock: ManualClock) -> None:
    cached.mkdir("cache/temp/d")
    fill(cached, clock, "cache/temp/d/x", "cache/temp/y", "cache/z")
    cached.volume.empty_temp()
    assert cached.listing("cache") == ["temp", "z"]
    assert cached.listing("cache/temp") == []
    assert run_inline(cached.volume.remove_leftovers()) == 4
    cached.require_sound()


def test_a_store_without_the_folder_is_none_the_worse(cached: StructuredStore) -> None:
    cached.rmdir("cache/temp")
    cached.rmdir("cache")
    cached.volume.empty_temp()
    assert run_inline(cached.volume.tidy_cache()) == Evicted()
    assert sweep(cached) == Evicted()


def test_a_folder_that_comes_or_goes_is_noticed(
    cached: StructuredStore, clock: ManualClock
) -> None:
    fill(cached, clock, "cache/a")
    clock.advance(90)
    cached.move("cache", "others")
    cached.mkdir("cache")
    fill(cached, clock, "cache/b")
    cached.read("others/a")
    clock.advance(200)
    assert sweep(cached) == Evicted(1, 10, 1, 10)
    assert cached.listing("others") == ["a", "temp"]
    cached.move("cache", "former")
    assert sweep(cached) == Evicted()


def test_told_of_every_name_that_goes(cached: StructuredStore, clock: ManualClock) -> None:
    told: list[bytes] = []
    cached.volume.entry_changed = lambda directory, name: told.append(name)
    cached.mkdir("cache/d")
    fill(cached, clock, "cache/d/a")
    clock.advance(200)
    sweep(cached)
    assert told == [b"a", b"d"]
