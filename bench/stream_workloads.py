"""Workloads on one big file: streams, and random access in pages of 4 KiB."""

import os
import random
from collections.abc import Sequence
from pathlib import Path

from bench.payloads import PIECE_BYTES, incompressible, source_text
from bench.workload import LATER_SECONDS, Caches, Place, Unit, Watch, Workload, write_all

PAGE_BYTES = 4096


def write_stream(path: Path, pieces: Sequence[bytes], watch: Watch) -> int:
    """Write a file from start to end and sync it; how many bytes. Raises OSError."""
    with watch.running():
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
        for piece in pieces:
            write_all(descriptor, piece)
        os.fsync(descriptor)
        os.close(descriptor)
    return sum(map(len, pieces))


def _write_unique(place: Place, watch: Watch) -> int:
    return write_stream(place.unique, incompressible(place.seed, place.sizes.stream_bytes), watch)


def _write_duplicate(place: Place, watch: Watch) -> int:
    pieces = incompressible(place.seed, place.sizes.stream_bytes)
    return write_stream(place.folder / "duplicate", pieces, watch)


def _write_text(place: Place, watch: Watch) -> int:
    return write_stream(place.folder / "text", source_text(place.sizes.text_bytes), watch)


def read_stream(path: Path) -> int:
    """Read a file from start to end into one buffer; how many bytes. Raises OSError."""
    buffer = bytearray(PIECE_BYTES)
    descriptor = os.open(path, os.O_RDONLY)
    count = 0
    while got := os.readv(descriptor, [buffer]):
        count += got
    os.close(descriptor)
    return count


def _read_once(place: Place, watch: Watch) -> int:
    with watch.running():
        return read_stream(place.unique)


def _read_again(place: Place, watch: Watch) -> int:
    read_stream(place.unique)
    return _read_once(place, watch)


def _offsets(place: Place, count: int) -> list[int]:
    pages = place.sizes.stream_bytes // PAGE_BYTES
    source = random.Random(place.seed)
    return [source.randrange(pages) * PAGE_BYTES for _ in range(count)]


def _random_read(place: Place, watch: Watch) -> int:
    offsets = _offsets(place, place.sizes.random_reads)
    with watch.running():
        descriptor = os.open(place.unique, os.O_RDONLY)
        for offset in offsets:
            os.pread(descriptor, PAGE_BYTES, offset)
        os.close(descriptor)
    return len(offsets)


def _random_overwrite(place: Place, watch: Watch) -> int:
    offsets = _offsets(place, place.sizes.random_overwrites)
    page = random.Random(place.seed + 1).randbytes(PAGE_BYTES)
    with watch.running():
        descriptor = os.open(place.unique, os.O_WRONLY)
        for offset in offsets:
            os.pwrite(descriptor, page, offset)
            os.fsync(descriptor)
        os.close(descriptor)
    return len(offsets)


STREAMS = (
    Workload("write_unique", "write, unique bytes, fsync", Unit.BYTES, _write_unique),
    Workload(
        "write_duplicate",
        "write, bytes already stored, fsync",
        Unit.BYTES,
        _write_duplicate,
        needs=("write_unique",),
    ),
    Workload("write_text", "write, source text, fsync", Unit.BYTES, _write_text),
    Workload(
        "read_cold",
        "read, all caches cold",
        Unit.BYTES,
        _read_once,
        Caches.COLD,
        needs=("write_unique",),
    ),
    Workload(
        "read_remounted",
        "read, mount's caches cold",
        Unit.BYTES,
        _read_once,
        Caches.REMOUNTED,
        needs=("write_unique",),
    ),
    Workload("read_warm", "read, warm", Unit.BYTES, _read_again, needs=("write_unique",)),
)

RANDOM_ACCESS = (
    Workload(
        "random_read_cold",
        "random 4 KiB read, all caches cold",
        Unit.OPERATIONS,
        _random_read,
        Caches.COLD,
        needs=("write_unique",),
    ),
    Workload(
        "random_read_remounted",
        "random 4 KiB read, mount's caches cold",
        Unit.OPERATIONS,
        _random_read,
        Caches.REMOUNTED,
        needs=("write_unique",),
    ),
    Workload(
        "random_overwrite",
        "random 4 KiB overwrite, fsync each",
        Unit.OPERATIONS,
        _random_overwrite,
        needs=("write_unique",),
        put_off_seconds=LATER_SECONDS,
    ),
)
