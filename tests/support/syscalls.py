"""System calls that Python does not offer, and the helpers every POSIX test needs.

Paths may be text or bytes. All raise OSError as the functions of `os` do.
"""

import ctypes
import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

CLOCK_REALTIME_COARSE: Final = 5
AT_FDCWD: Final = -100
AT_SYMLINK_NOFOLLOW: Final = 0x100
AT_SYMLINK_FOLLOW: Final = 0x400
AT_EMPTY_PATH: Final = 0x1000
RENAME_NOREPLACE: Final = 1
RENAME_EXCHANGE: Final = 2
RENAME_WHITEOUT: Final = 4
UTIME_NOW: Final = (1 << 30) - 1
UTIME_OMIT: Final = (1 << 30) - 2
FALLOC_FL_KEEP_SIZE: Final = 1
FALLOC_FL_PUNCH_HOLE: Final = 2

AnyPath: TypeAlias = str | bytes | os.PathLike[str]

_libc: Final = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def renameat2(old: AnyPath, new: AnyPath, flags: int) -> None:
    """rename with flags; see renameat2(2)."""
    _check(
        _libc.renameat2(
            AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), ctypes.c_uint(flags)
        )
    )


def utimensat(
    path: AnyPath, atime: tuple[int, int], mtime: tuple[int, int], *, follow: bool = True
) -> None:
    """Set times given as (seconds, nanoseconds), or (0, UTIME_NOW or UTIME_OMIT)."""
    times = (_Timespec * 2)(_Timespec(*atime), _Timespec(*mtime))
    flags = 0 if follow else AT_SYMLINK_NOFOLLOW
    _check(_libc.utimensat(AT_FDCWD, os.fsencode(path), times, flags))


def link_descriptor(descriptor: int, new: AnyPath) -> None:
    """linkat with AT_EMPTY_PATH: give an open file a name."""
    _check(_libc.linkat(descriptor, b"", AT_FDCWD, os.fsencode(new), AT_EMPTY_PATH))


def link_following(old: AnyPath, new: AnyPath) -> None:
    """linkat that follows a symbolic link, which os.link never does."""
    _check(_libc.linkat(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), AT_SYMLINK_FOLLOW))


def fallocate(descriptor: int, mode: int, offset: int, size: int) -> None:
    """The system call itself, without the C library's way round."""
    _check(
        _libc.fallocate(
            descriptor, ctypes.c_int(mode), ctypes.c_int64(offset), ctypes.c_int64(size)
        )
    )


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextmanager
def refused(*expected: int) -> Iterator[None]:
    """The block must fail with one of these errnos."""
    names = [errno.errorcode[number] for number in expected]
    try:
        yield
    except OSError as error:
        got = errno.errorcode.get(error.errno or 0, str(error))
        assert got in names, f"{got} instead of {' or '.join(names)}"
    else:
        raise AssertionError(f"it succeeded, where {' or '.join(names)} was due")


def errno_of(action: Callable[[], object]) -> str:
    """What a call ends with: the name of its errno, or `ok`."""
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return "ok"


def wait_for_tick() -> None:
    """Return once a file stamped from now on has a later time than any stamped before.

    Filesystems stamp with the coarse clock, which stands still for up to 10 ms, or a finer one.
    """
    now = time.time_ns()
    while coarse_now() <= now:
        time.sleep(0.0005)


def coarse_now() -> int:
    """The time filesystems stamp with, in ns."""
    return time.clock_gettime_ns(CLOCK_REALTIME_COARSE)


def is_stamped_since(status: os.stat_result, moment: int) -> bool:
    """Whether all times of a file are of now: not before a coarse moment, not in the future."""
    times = (status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns)
    return moment <= min(times) and max(times) <= time.time_ns()
