"""One process at a time uses a store.

An flock on STORE/lock decides, so the kernel releases it when the holder dies however it may. What
the file says only tells the next one who holds it; after a kill it is stale, and nobody asks it.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

import msgspec

from fsmodel.errors import StoreLocked
from fsmodel.store.host_files import host_failures
from fsmodel.store.layout import StoreLayout
from fsmodel.store.own_files import require_own_files

_CONTENT_BYTES_MAX = 16 << 10


class Holder(msgspec.Struct, frozen=True):
    """What the lock file says about the process that holds the store."""

    pid: int
    mountpoint: str | None = None


class StoreLock:
    """The right to use a store, from `acquire` to `close`, or until the process ends."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor: int | None = descriptor

    @classmethod
    def acquire(cls, layout: StoreLayout, mountpoint: str | None = None) -> "StoreLock":
        """Take the lock, or raise StoreLocked with the pid of its holder; never waits.

        Raises BackendError, NoSpace when the host cannot open or lock the file; StoreDamaged when
        writing to the store would write somewhere else.
        """
        path = layout.lock_file
        with host_failures(path):
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            descriptor = os.open(path, flags, 0o600)
        lock = cls(path, descriptor)
        try:
            lock._take(layout.folder)
            require_own_files(layout)
            lock.note(mountpoint)
        except BaseException:
            lock.close()
            raise
        return lock

    def note(self, mountpoint: str | None) -> None:
        """Say who holds the store, and where it is mounted.

        A courtesy: a full host must not keep anybody from mounting, be it to delete something.
        Then the file is empty or cut short, and its reader learns no pid.
        """
        assert self._descriptor is not None
        content = msgspec.json.encode(Holder(os.getpid(), _shown(mountpoint)))
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, content, 0)

    def close(self) -> None:
        """Give the store free; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _take(self, store: Path) -> None:
        assert self._descriptor is not None
        with host_failures(self._path):
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                content = os.pread(self._descriptor, _CONTENT_BYTES_MAX, 0)
                raise _locked(store, content) from None


def _shown(path: str | None) -> str | None:
    """A path as text that can be stored and printed on one line, whatever bytes it has."""
    if path is None or path.isprintable():
        return path
    return path.encode("unicode_escape").decode()


def _locked(store: Path, content: bytes) -> StoreLocked:
    """What to tell whoever finds a store in use, from what its lock file says."""
    try:
        holder = msgspec.json.decode(content, type=Holder)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # not written yet, say
        text = f"store {store} is in use by another process: end that, or wait for it"
        return StoreLocked(text, str(store))
    text = f"store {store} is in use by process {holder.pid}: end that, or wait for it"
    place = _shown(holder.mountpoint)
    if place is not None:
        text = (
            f"store {store} is in use by process {holder.pid} (mounted at {place}): "
            f"use it there, or unmount it with `cairnfs umount {place}`"
        )
    return StoreLocked(text, str(store), holder.pid, place)
