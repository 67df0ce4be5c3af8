"""Workloads on many small files: what a request costs."""

import os
from collections.abc import Iterator

from bench.payloads import incompressible
from bench.workload import SOON_SECONDS, Caches, Place, Unit, Watch, Workload, write_all

SMALL_BYTES = 4096
CREATED = ("create",)


def _paths(place: Place) -> list[str]:
    return [f"{place.small}/{number:06d}" for number in range(place.sizes.small_files)]


def _contents(place: Place) -> Iterator[bytes]:
    """As many different 4 KiB as there are small files."""
    for piece in incompressible(place.seed, place.sizes.small_files * SMALL_BYTES):
        for at in range(0, len(piece), SMALL_BYTES):
            yield piece[at : at + SMALL_BYTES]


def _create(place: Place, watch: Watch) -> int:
    place.small.mkdir()
    todo = list(zip(_paths(place), _contents(place), strict=True))
    with watch.running():
        for path, content in todo:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            write_all(descriptor, content)
            os.close(descriptor)
    return len(todo)


def _stat(place: Place, watch: Watch) -> int:
    paths = _paths(place)
    with watch.running():
        for path in paths:
            os.lstat(path)
    return len(paths)


def _stat_again(place: Place, watch: Watch) -> int:
    _stat(place, Watch())
    return _stat(place, watch)


def _open_read(place: Place, watch: Watch) -> int:
    paths = _paths(place)
    with watch.running():
        for path in paths:
            descriptor = os.open(path, os.O_RDONLY)
            os.read(descriptor, SMALL_BYTES)
            os.close(descriptor)
    return len(paths)


def _open_read_again(place: Place, watch: Watch) -> int:
    _open_read(place, Watch())
    return _open_read(place, watch)


def _list(place: Place, watch: Watch) -> int:
    count = 0
    with watch.running(), os.scandir(place.small) as entries:
        for entry in entries:
            entry.stat(follow_symlinks=False)
            count += 1
    return count


def _rename(place: Place, watch: Watch) -> int:
    paths = _paths(place)
    with watch.running():
        for path in paths:
            os.rename(path, f"{path}.renamed")
        for path in paths:
            os.rename(f"{path}.renamed", path)
    return 2 * len(paths)


def _unlink(place: Place, watch: Watch) -> int:
    paths = _paths(place)
    with watch.running():
        for path in paths:
            os.unlink(path)
    return len(paths)


TREES = (
    Workload(
        "create",
        "create + write 4 KiB + close",
        Unit.OPERATIONS,
        _create,
        put_off_seconds=SOON_SECONDS,
    ),
    Workload("stat_warm", "stat, warm", Unit.OPERATIONS, _stat_again, needs=CREATED),
    Workload(
        "stat_remounted",
        "stat, mount's caches cold",
        Unit.OPERATIONS,
        _stat,
        Caches.REMOUNTED,
        needs=CREATED,
    ),
    Workload(
        "open_read_warm",
        "open + read 4 KiB + close, warm",
        Unit.OPERATIONS,
        _open_read_again,
        needs=CREATED,
    ),
    Workload(
        "open_read_remounted",
        "open + read 4 KiB + close, mount's caches cold",
        Unit.OPERATIONS,
        _open_read,
        Caches.REMOUNTED,
        needs=CREATED,
    ),
    Workload(
        "open_read_cold",
        "open + read 4 KiB + close, all caches cold",
        Unit.OPERATIONS,
        _open_read,
        Caches.COLD,
        needs=CREATED,
    ),
    Workload(
        "list_remounted",
        "readdir + stat, mount's caches cold",
        Unit.OPERATIONS,
        _list,
        Caches.REMOUNTED,
        needs=CREATED,
    ),
    Workload("rename", "rename", Unit.OPERATIONS, _rename, needs=CREATED),
    Workload("unlink", "unlink", Unit.OPERATIONS, _unlink, needs=CREATED),
)
