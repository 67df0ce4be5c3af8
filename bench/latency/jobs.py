"""Small operations that reach the daemon each time, whatever the kernel remembers."""

import ctypes
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench.pauses.clients import Job, look_up
from bench.workload import write_all

PAGE_BYTES: Final = 4096
KEPT_BYTES: Final = 64 << 10
KEPT_FILES: Final = 500
FORCE_SYNC: Final = 0x2000  # AT_STATX_FORCE_SYNC of linux/fcntl.h: ask the filesystem
HERE: Final = -100  # AT_FDCWD
BASIC_STATS: Final = 0x7FF  # STATX_BASIC_STATS
STATX_BYTES: Final = 256

_libc: Final = ctypes.CDLL(None, use_errno=True)


def kept_path(folder: Path, number: int) -> Path:
    """One of the files that stay."""
    return folder / "kept" / f"{number % KEPT_FILES:06}"


def prepare(folder: Path) -> None:
    """Make what the jobs work on."""
    for name in ("kept", "made", "moved"):
        (folder / name).mkdir()
    draw = random.Random(2)
    for number in range(KEPT_FILES):
        kept_path(folder, number).write_bytes(draw.randbytes(KEPT_BYTES))
    (folder / "moved" / "0").touch()


def stat_anew(folder: Path, number: int) -> None:
    """Statx(2) of a file that stays, not answered from what the kernel remembers."""
    path = os.fsencode(kept_path(folder, number))
    buffer = ctypes.create_string_buffer(STATX_BYTES)
    if _libc.statx(HERE, path, FORCE_SYNC, BASIC_STATS, buffer) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), os.fsdecode(path))


def create(folder: Path, number: int) -> None:
    """A new file of 4 KiB."""
    content = random.Random(number).randbytes(PAGE_BYTES)
    path = folder / "made" / str(number)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)


def read_page(folder: Path, number: int) -> None:
    """4 KiB of a file that stays, which the kernel has been told to forget."""
    descriptor = os.open(kept_path(folder, number), os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.pread(descriptor, PAGE_BYTES, number * PAGE_BYTES % KEPT_BYTES)
    finally:
        os.close(descriptor)


def rename(folder: Path, number: int) -> None:
    """Another name for the one file that moves."""
    os.rename(folder / "moved" / str(number), folder / "moved" / str(number + 1))


JOBS: Final[Mapping[str, Job]] = {
    "look up a free name": look_up,
    "stat": stat_anew,
    "create + write 4 KiB + close": create,
    "open + read 4 KiB + close": read_page,
    "rename": rename,
}
