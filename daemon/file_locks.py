"""Locks of files: one task at a time works on a file's contents.

But for commands, which run as steps of the model: they settle files without asking for a lock, for
a copy that is being made or a version that is to be restored. Who has a lock waits for them.

Owner: the event-loop thread.
"""

from typing import Final

import trio

from fsmodel.content.contents import Contents
from fsmodel.ids import InodeId

LOOK_SECONDS: Final = 0.01  # whether a command has settled a file, which is seldom asked


class FileLock:
    """The lock of a file, which whoever has waited longest gets next.

    While it is free, taking it is no checkpoint, unlike a lock of trio: that lets all other tasks
    go first, which costs a closing file more than its lock is worth. So a loop needs a checkpoint
    of its own.
    """

    __slots__ = ("_is_held", "_waiting")

    def __init__(self) -> None:
        self._is_held = False
        self._waiting: trio.lowlevel.ParkingLot | None = None  # until somebody has to wait

    def locked(self) -> bool:
        """Whether somebody has it."""
        return self._is_held

    def is_unwanted(self) -> bool:
        """Whether nobody waits for it."""
        return not self._waiting

    def take(self) -> bool:
        """Have it if it is free, until `give_back`; False when it is not."""
        if self._is_held:
            return False
        self._is_held = True
        return True

    def give_back(self) -> None:
        """Let the next one have it."""
        if self._waiting:
            self._waiting.unpark()
        else:
            self._is_held = False

    async def __aenter__(self) -> None:
        if self.take():
            return
        if self._waiting is None:
            self._waiting = trio.lowlevel.ParkingLot()
        await self._waiting.park()  # whoever had it leaves it held

    async def __aexit__(self, *_: object) -> None:
        self.give_back()


class FileLocks:
    """A lock for each inode somebody works on. Unused ones take no memory."""

    def __init__(self) -> None:
        self._locks: dict[InodeId, FileLock] = {}

    def of(self, inode: InodeId) -> FileLock:
        """The lock of an inode."""
        lock = self._locks.get(inode)
        if lock is None:
            lock = self._locks[inode] = FileLock()
        return lock

    def is_held(self, inode: InodeId) -> bool:
        """Whether somebody works on a file."""
        lock = self._locks.get(inode)
        return lock is not None and lock.locked()

    def drop(self, inode: InodeId) -> None:
        """Forget the lock of an inode that nobody uses any more."""
        lock = self._locks.get(inode)
        if lock is not None and not lock.locked():
            del self._locks[inode]


async def commands_done(contents: Contents, inode: InodeId) -> None:
    """Wait until no command settles a file whose lock the caller has."""
    while (file := contents.file(inode)) is not None and file.settling:
        await trio.sleep(LOOK_SECONDS)
