"""What the store asks of the host's files, with its failures in the model's words."""

import ctypes
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from errno import EDQUOT, EIO, ENOSPC
from pathlib import Path
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.errors import BackendError, NoSpace

PARTS_AT_ONCE: Final = os.sysconf("SC_IOV_MAX")
SYNC_FILE_RANGE_WRITE: Final = 2  # linux/fs.h

_sync_file_range: Final = getattr(ctypes.CDLL(None), "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


class SyncFailed(OSError):
    """fsync itself has failed: the kernel may have dropped what it was to make durable.

    Another OSError in place of it says that nothing was tried, so it can be tried again.
    """


def host_failure(place: object, error: OSError) -> NoSpace | BackendError:
    """The model's error for a failed call on a host file: no room, or anything else."""
    if error.errno in (ENOSPC, EDQUOT):
        return NoSpace(f"{place}: {error.strerror}: make room on the host, then try again")
    return BackendError(str(place), error)


@contextmanager
def host_failures(place: object) -> Iterator[None]:
    """Turn each OSError inside into NoSpace or BackendError that names the place."""
    try:
        yield
    except OSError as error:
        raise host_failure(place, error) from error


def write_at(descriptor: int, parts: Iterable[Buffer], offset: int) -> None:
    """Write all parts, one after the other, from an offset on. Raises OSError.

    The kernel takes them in one call as a rule; what it leaves over is offered again, so that
    the reason it stopped (a full disk, say) becomes known.
    """
    left = [memoryview(part) for part in parts if part]
    while left:
        written = os.pwritev(descriptor, left[:PARTS_AT_ONCE], offset)
        if written == 0:
            raise OSError(EIO, "the host takes no more bytes")
        offset += written
        left = _rest(left, written)


def start_writeback(descriptor: int, offset: int, count: int) -> None:
    """Have the kernel begin to bring written bytes to the disk, so that a sync finds little left.

    Promises nothing. A failure is no news here: the kernel keeps it for the sync.
    """
    if _sync_file_range is not None:
        _sync_file_range(descriptor, offset, count, SYNC_FILE_RANGE_WRITE)


def write_file_atomically(path: Path, content: bytes) -> None:
    """Put a file in place whole and durable: a crash leaves the old one or the new one.

    Raises NoSpace, BackendError; the old file then stays as it was.
    """
    temporary = path.with_name(f".{path.name}.new")
    with host_failures(path):
        try:
            _write_durably(temporary, content)
            os.replace(temporary, path)
        except OSError:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises SyncFailed, OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with _sync_failures():
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make the bytes of a file durable. Raises SyncFailed, OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def sync_descriptor(descriptor: int) -> None:
    """Make the bytes of an open file durable. Raises SyncFailed."""
    with _sync_failures():
        os.fdatasync(descriptor)


@contextmanager
def _sync_failures() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SyncFailed(error.errno, error.strerror) from error


def _rest(parts: list[memoryview], written: int) -> list[memoryview]:
    """What remains of the parts behind so many bytes."""
    for index, part in enumerate(parts):
        if written < len(part):
            return [part[written:], *parts[index + 1 :]]
        written -= len(part)
    return []


def _write_durably(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    try:
        write_at(descriptor, [content], 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
