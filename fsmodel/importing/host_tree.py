"""A folder of the host, read the way an import needs it.

Every name is opened relative to the folder above it and no symbolic link is followed, so whoever
can write below the folder cannot lead an import elsewhere while it runs. Everything here blocks,
and may be done by any thread, one at a time.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from fsmodel.errors import InvalidArgument
from fsmodel.limits import XATTR_VALUE_BYTES_MAX
from fsmodel.namespace.acls import ACCESS_ACL, DEFAULT_ACL
from fsmodel.namespace.xattrs import CAPABILITY

Folder = tuple[bytes, ...]  # names from the top
Read = TypeVar("Read")

_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TAKEN_WHOLE: Final = (CAPABILITY, ACCESS_ACL, DEFAULT_ACL)
_TAKEN_BEGINNINGS: Final = (b"user.", b"trusted.")


class HostEntry(NamedTuple):
    """What the host says of a name."""

    name: bytes
    device: int
    inode: int
    mode: int
    uid: int
    gid: int
    nlink: int
    rdev: int
    size: int
    atime_ns: int
    mtime_ns: int
    target: bytes
    xattrs: tuple[tuple[bytes, bytes], ...]


class Unreadable(NamedTuple):
    """A name that cannot be taken, and why."""

    name: bytes
    reason: str


class HostTree:
    """A folder and all below it, on one filesystem."""

    def __init__(self, top: Path) -> None:
        """Raises InvalidArgument for what is no folder, or cannot be read."""
        try:
            self._top = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise InvalidArgument(f"{top} cannot be imported: {error.strerror}") from error
        self._device = os.fstat(self._top).st_dev

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._top)

    def names(self, folder: Folder) -> list[bytes]:
        """The names in a folder, in order. Raises OSError.

        What another filesystem is mounted on has none.
        """
        with self._opened(folder) as descriptor:
            if os.fstat(descriptor).st_dev != self._device:
                return []
            return sorted(map(os.fsencode, os.listdir(descriptor)))

    def look(self, folder: Folder, names: Sequence[bytes]) -> list[HostEntry | Unreadable]:
        """What is behind some names. Raises OSError when the folder is gone."""
        with self._opened(folder) as descriptor:
            return [_tried(name, _look_at, descriptor, name) for name in names]

    def read(self, folder: Folder, entries: Sequence[HostEntry]) -> list[bytes | Unreadable]:
        """The bytes of small files. Raises OSError when the folder is gone."""
        with self._opened(folder) as descriptor:
            return [_tried(each.name, _read_whole, descriptor, each) for each in entries]

    def open(self, folder: Folder, entry: HostEntry) -> int:
        """A descriptor of a file, which is still the one that was looked at. Raises OSError."""
        with self._opened(folder) as descriptor:
            return _open_file(descriptor, entry)

    @contextmanager
    def _opened(self, folder: Folder) -> Iterator[int]:
        descriptor = os.dup(self._top)
        try:
            for name in folder:
                above = descriptor
                descriptor = os.open(name, _OPEN_FOLDER, dir_fd=above)
                os.close(above)
            yield descriptor
        finally:
            os.close(descriptor)


def require_unchanged(descriptor: int, entry: HostEntry) -> None:
    """Raises OSError when a file is not as it was when it was looked at."""
    found = os.fstat(descriptor)
    if (found.st_ino, found.st_size, found.st_mtime_ns) != (
        entry.inode,
        entry.size,
        entry.mtime_ns,
    ):
        raise OSError(0, "it changed while it was read: import again")


def _tried(name: bytes, work: Callable[..., Read], *arguments: object) -> Read | Unreadable:
    try:
        return work(*arguments)
    except OSError as error:
        return Unreadable(name, error.strerror or str(error))


def _look_at(folder: int, name: bytes) -> HostEntry:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    target = b""
    if stat.S_ISLNK(found.st_mode):
        target = os.readlink(name, dir_fd=folder)
    path = b"/proc/self/fd/%d/%b" % (folder, name)
    return _entry_of(name, found, os.fsdecode(path), target)


def _entry_of(name: bytes, found: os.stat_result, path: str, target: bytes = b"") -> HostEntry:
    return HostEntry(
        name=name,
        device=found.st_dev,
        inode=found.st_ino,
        mode=found.st_mode,
        uid=found.st_uid,
        gid=found.st_gid,
        nlink=found.st_nlink,
        rdev=found.st_rdev,
        size=found.st_size,
        atime_ns=found.st_atime_ns,
        mtime_ns=found.st_mtime_ns,
        target=target,
        xattrs=() if target else tuple(_xattrs_of(path)),
    )


def _xattrs_of(path: str) -> Iterator[tuple[bytes, bytes]]:
    """Attributes that mean the same in a store; those that go meanwhile are left out."""
    with suppress(OSError):  # a filesystem without any
        for name in os.listxattr(path, follow_symlinks=False):
            encoded = os.fsencode(name)
            if encoded in _TAKEN_WHOLE or encoded.startswith(_TAKEN_BEGINNINGS):
                with suppress(OSError):
                    value = os.getxattr(path, name, follow_symlinks=False)
                    if len(value) <= XATTR_VALUE_BYTES_MAX:
                        yield encoded, value


def _open_file(folder: int, entry: HostEntry) -> int:
    descriptor = os.open(entry.name, _OPEN_FILE, dir_fd=folder)
    try:
        require_unchanged(descriptor, entry)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _read_whole(folder: int, entry: HostEntry) -> bytes:
    descriptor = _open_file(folder, entry)
    try:
        data = os.pread(descriptor, entry.size + 1, 0)
        require_unchanged(descriptor, entry)
    finally:
        os.close(descriptor)
    return data
