"""What the index does to files of the host, with failures in its own words."""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lmdb_index.errors import IndexProblem, NoRoom

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
ROOM_BYTES_MIN: Final = 1 << 20
NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNSUPPORTED: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS})
_KEEP_SIZE: Final = 1  # FALLOC_FL_KEEP_SIZE of linux/falloc.h


def problem_of(error: OSError, place: object) -> IndexProblem:
    """A failure of the host as NoRoom or IndexProblem."""
    if error.errno in NO_ROOM:
        return NoRoom(f"{place}: no room on the host: free some space and try again")
    return IndexProblem(f"{place}: {error.strerror or error}")


@contextmanager
def host_failures(place: object) -> Iterator[None]:
    """Turn a failure of the host into NoRoom or IndexProblem."""
    try:
        yield
    except OSError as error:
        raise problem_of(error, place) from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def create_whole(path: Path, content: bytes) -> None:
    """Make a file that is there with all its bytes, durably, or not at all. Raises OSError."""
    unfinished = path.with_name(path.name + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(unfinished, flags, FILE_MODE)
    try:
        write_all(descriptor, content, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(unfinished, path)
    sync_folder(path.parent)


def write_all(descriptor: int, data: bytes, offset: int) -> None:
    """Write all bytes at an offset, however few the host takes at a time. Raises OSError."""
    written = os.pwrite(descriptor, data, offset)
    while written < len(data):
        taken = os.pwrite(descriptor, data[written:], offset + written)
        if taken == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        written += taken


def is_full(folder: Path) -> bool:
    """Whether the host has less room than any change of the index needs. Raises OSError."""
    space = os.statvfs(folder)
    return space.f_bavail * space.f_frsize < ROOM_BYTES_MIN


def reserve_room(descriptor: int, start: int, size: int) -> None:
    """Have the host set blocks aside behind the end of a file, whose size stays as it is.

    On a host that cannot do that nothing happens. Raises OSError when it fails.
    """
    if _fallocate(descriptor, _KEEP_SIZE, start, size) != 0:
        number = ctypes.get_errno()
        if number not in _UNSUPPORTED:
            raise OSError(number, os.strerror(number))


def _load_fallocate() -> Callable[[int, int, int, int], int]:
    function = ctypes.CDLL(None, use_errno=True).fallocate64
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    function.restype = ctypes.c_int
    return function


_fallocate: Final = _load_fallocate()
