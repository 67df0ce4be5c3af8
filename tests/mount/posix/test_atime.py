"""Access times under relatime (the default), noatime and strictatime."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.support.mounted import MountedStore
from tests.support.syscalls import coarse_now, wait_for_tick

DAY: Final = 86_400 * 10**9
READERS: Final[dict[str, Callable[[Path], object]]] = {
    "file": lambda path: path.read_bytes(),
    "directory": os.listdir,
    "symlink": os.readlink,
}
KINDS_READ: Final = pytest.mark.parametrize("kind", READERS)


def arrange(folder: Path, kind: str) -> Path:
    thing = folder / kind
    if kind == "file":
        thing.write_bytes(b"bytes")
    elif kind == "directory":
        thing.mkdir()
        (thing / "entry").mkdir()
    else:
        thing.symlink_to("file")
    return thing


def set_times(path: Path, atime: int, mtime: int) -> None:
    os.utime(path, ns=(atime, mtime), follow_symlinks=False)


def atime(path: Path) -> int:
    return os.lstat(path).st_atime_ns


@KINDS_READ
def test_relatime_moves_it_once_after_each_change(root: Path, kind: str) -> None:
    thing = arrange(root, kind)
    now = time.time_ns()
    set_times(thing, now - 20 * 10**9, now - 10 * 10**9)
    wait_for_tick()
    before = coarse_now()
    READERS[kind](thing)
    first = atime(thing)
    assert first >= before
    wait_for_tick()
    READERS[kind](thing)
    assert atime(thing) == first


@KINDS_READ
def test_relatime_moves_it_once_a_day(root: Path, kind: str) -> None:
    thing = arrange(root, kind)
    now = time.time_ns()
    set_times(thing, now - DAY - 10**10, now - 2 * DAY)
    before = coarse_now()
    READERS[kind](thing)
    assert atime(thing) >= before


@KINDS_READ
def test_relatime_leaves_a_recent_one_alone(root: Path, kind: str) -> None:
    """Newer than the last change of bytes and of attributes."""
    thing = arrange(root, kind)
    wait_for_tick()
    os.utime(thing, ns=(time.time_ns() + 10**9, 1), follow_symlinks=False)
    before = atime(thing)
    wait_for_tick()
    READERS[kind](thing)
    assert atime(thing) == before


def test_no_atime_open_moves_nothing(root: Path) -> None:
    thing = arrange(root, "file")
    set_times(thing, 1, 2)
    descriptor = os.open(thing, os.O_RDONLY | os.O_NOATIME)
    assert os.read(descriptor, 10) == b"bytes"
    os.close(descriptor)
    assert atime(thing) == 1


def test_writing_moves_nothing(root: Path) -> None:
    thing = arrange(root, "file")
    set_times(thing, 1, 2)
    thing.write_bytes(b"again")
    assert atime(thing) == 1


@KINDS_READ
def test_noatime_never_moves_it(mount_with: Callable[..., MountedStore], kind: str) -> None:
    store = mount_with("noatime")
    thing = arrange(store.mountpoint, kind)
    set_times(thing, 1, 2)
    READERS[kind](thing)
    assert atime(thing) == 1
    store.remount()
    assert atime(thing) == 1


def test_strictatime_always_moves_it(mount_with: Callable[..., MountedStore]) -> None:
    """Once for each open of a file or folder, as the daemon sees no read of cached bytes."""
    store = mount_with("strictatime")
    for kind, read in READERS.items():
        thing = arrange(store.mountpoint, kind)
        for _ in range(3):
            before = atime(thing)
            wait_for_tick()
            read(thing)
            assert atime(thing) > before, kind


def test_it_survives_a_kill(mount_with: Callable[..., MountedStore]) -> None:
    store = mount_with("relatime")
    thing = arrange(store.mountpoint, "file")
    set_times(thing, 1, 2)
    thing.read_bytes()
    read_at = atime(thing)
    assert read_at > 2
    store.kill_and_mount()
    assert atime(thing) == read_at
