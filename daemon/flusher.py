"""Dirty bytes: chunked when a file has many, written out when they grow old, bounded in sum.

One task at a time works on a file's contents, under that file's lock: settling, truncating,
closing. Writes need no lock: they go on top of what is being settled. Nor does logging extents,
whose rows count for more than what is being settled, as long as that has rows, too.

Owner of everything here: the event-loop thread. Checkpoints: waiting for a file's lock, every hop
to a worker thread inside `settle`, and writing while much is dirty.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from daemon.file_locks import FileLocks, commands_done
from daemon.new_files import NewFiles
from daemon.resting_files import RestingFiles
from daemon.steadfast import by_itself
from daemon.workers import Workers
from fsmodel.content.file_state import FileState
from fsmodel.errors import CairnError
from fsmodel.ids import InodeId
from fsmodel.volume import Volume

_log = logging.getLogger(__name__)

SPILL_BYTES: Final = 4 << 20  # dirty bytes of one file that are worth a worker's while
SYNCED_BYTES: Final = 8 << 20  # in extent rows: they are safe, and may be written again meanwhile
SYNCED_ROWS: Final = 4096
OLD_AFTER_SECONDS: Final = 5.0


class Flusher:
    """Moves dirty bytes into the store."""

    def __init__(self, volume: Volume, workers: Workers, dirty_bytes_max: int) -> None:
        self._volume = volume
        self._workers = workers
        self.dirty_bytes_max = dirty_bytes_max  # may change at any time
        self._bytes_before_look = 0  # nor can there be too much before so many are written
        self._spilling: set[InodeId] = set()
        self._relieved = trio.lowlevel.ParkingLot()  # writers that wait for such a task
        volume.contents.when_relieved(self._relieved.unpark_all)
        volume.contents.when_cutting_ahead(workers.begin)
        self._failed: dict[InodeId, CairnError] = {}
        self._nursery: trio.Nursery | None = None
        self.locks = FileLocks()
        new = NewFiles(volume, workers, self.locks, self.close)
        self.resting = RestingFiles(volume, self.settle, self.close, new)

    async def run(self) -> None:
        """Write out what has been dirty for long, for ever."""
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self.resting.new.run)
            while True:
                await trio.sleep(OLD_AFTER_SECONDS)
                for file in self._volume.contents.files():
                    if self._is_for_persisting(file):
                        await trio.lowlevel.checkpoint()  # requests go between two files
                        await self.persist_old(file)
                await self.resting.end_old()

    def _is_for_persisting(self, file: FileState) -> bool:
        """Whether a file has bytes that nobody is at work on, and that are not safe yet."""
        is_ours = file.inode in self._spilling or self.resting.new.has_all(file)
        return file.changed and not is_ours

    def start(self, task: Callable[..., Awaitable[None]], *arguments: object) -> None:
        """Have something done beside the requests. What fails of it ends by itself."""
        assert self._nursery is not None
        self._nursery.start_soon(by_itself, task, *arguments)

    async def wrote(self, file: FileState, size_bytes: int) -> None:
        """After a write: begin to chunk when there is much, and wait when there is too much.

        `size_bytes` were written. Who writes too much waits until his own file has been relieved of
        it. Raises the error an earlier attempt to store this file's bytes ended with.
        """
        error = self._failed.pop(file.inode, None)
        if error is not None:
            raise error
        if _has_much_unsynced(file):
            self._begin_spill(file)
        if self._is_too_much(size_bytes):
            await self._wait_for_room(file)
        elif file.inode in self._spilling:
            await trio.lowlevel.checkpoint()  # or who reads requests goes on, and the thread rests

    def _is_too_much(self, size_bytes: int) -> bool:
        """Whether too much is dirty; to be asked after each write.

        All open files are only added up when the writes since may have made it so: there may be
        thousands of them, of somebody else.
        """
        self._bytes_before_look -= size_bytes
        if self._bytes_before_look > 0:
            return False
        dirty = self._volume.contents.dirty_bytes
        self._bytes_before_look = self.dirty_bytes_max - dirty
        return dirty > self.dirty_bytes_max

    async def _wait_for_room(self, file: FileState) -> None:
        """Until little is dirty, while a task is at work on this file; else relieve it here."""
        while self._volume.contents.dirty_bytes > self.dirty_bytes_max:
            if file.inode not in self._spilling:
                await trio.lowlevel.checkpoint()
                async with self.locks.of(file.inode):
                    await commands_done(self._volume.contents, file.inode)
                    await self._workers.drive(self._volume.contents.settle(file.inode, whole=False))
                await self._relieve_largest()
                break
            await self._relieved.park()

    async def _relieve_largest(self) -> None:
        """Settle whole files, those with most dirty bytes first, until little is dirty.

        The end of a file that is being written cannot be cut yet, and many ends are much. What
        fails for one of them is kept for who writes to it, and not tried again before.
        """
        contents = self._volume.contents
        while contents.dirty_bytes > self.dirty_bytes_max:
            hopeful = (file for file in contents.files() if file.inode not in self._failed)
            largest = max(hopeful, key=_dirty_bytes, default=None)
            if largest is None or not largest.dirty_bytes:
                return
            if largest.inode in self._spilling:
                await self._relieved.park()
                continue
            try:
                await self.settle(largest.inode)
            except CairnError as error:
                self._note_failure(largest, error)
                return
            await trio.lowlevel.checkpoint()

    async def settle(self, inode: InodeId) -> None:
        """Chunk all dirty bytes of an open file and record them. Raises NoSpace, DataError."""
        file = self._volume.contents.file(inode)
        if file is None or not file.changed:
            return
        async with self.locks.of(inode):
            await commands_done(self._volume.contents, inode)
            self._failed.pop(inode, None)
            if self._volume.contents.file(inode) is not None:
                await self._workers.drive(self._volume.contents.settle(inode))

    @property
    def used_files(self) -> int:
        """How many files programs have open."""
        files = self._volume.contents.files()
        return sum(file.users > (file.inode in self.resting) for file in files)

    def close(self, inode: InodeId, *, writing: bool = False) -> None:
        """End one use of an open file. Bytes that are neither settled nor logged go with the last.

        `writing` says that it was opened for that.
        """
        self._volume.close_file(inode, writing=writing)
        if not self._volume.contents.is_open(inode):
            self.locks.drop(inode)

    async def make_durable(self, inode: InodeId) -> None:
        """Put dirty bytes where the next sync makes them durable. Raises NoSpace, DataError."""
        contents = self._volume.contents
        file = contents.file(inode)
        if file is None or not file.changed:
            return
        if not contents.can_log(inode):
            async with self.locks.of(inode):
                await commands_done(contents, inode)
                file = contents.file(inode)
                if file is None or not file.changed:
                    return
                if not contents.can_log(inode):
                    await self._workers.drive(contents.settle(inode))
                    return
        contents.log_extents(inode)
        if self._has_much_logged(file):
            self._begin_spill(file)

    async def persist_old(self, file: FileState) -> None:
        """Write out the dirty bytes of a file nobody has flushed; a failure is kept for later."""
        try:
            await self.make_durable(file.inode)
        except CairnError as error:
            self._note_failure(file, error)

    def _note_failure(self, file: FileState, error: CairnError) -> None:
        named = self._volume.described(file.inode)
        _log.error("%s: its dirty bytes could not be stored: %s", named, error)
        self._failed[file.inode] = error

    def _has_much_logged(self, file: FileState) -> bool:
        """Whether a file has so much in extent rows that they are settled, synced or not."""
        bytes_max = min(SYNCED_BYTES, self.dirty_bytes_max // 2)
        return file.logged_bytes >= bytes_max or file.logged_rows >= SYNCED_ROWS

    def _begin_spill(self, file: FileState) -> None:
        if file.inode not in self._spilling:
            self._spilling.add(file.inode)
            self.start(self._spill, file)

    async def _spill(self, file: FileState) -> None:
        """Chunk what is certain, as long as there is much of it; of synced bytes, all.

        Those have rows before it begins, so that nobody who syncs meanwhile waits for it. A stream
        is gone on with batch by batch until somebody else wants the file.
        """
        contents = self._volume.contents
        try:
            while contents.file(file.inode) is file:
                synced = self._has_much_logged(file)
                if not (synced or _has_much_unsynced(file)):
                    break
                lock = self.locks.of(file.inode)
                async with lock:
                    await commands_done(contents, file.inode)
                    if contents.file(file.inode) is not file:
                        break
                    if synced and contents.can_log(file.inode):
                        contents.log_extents(file.inode)
                    steps = contents.settle(file.inode, whole=synced, goes_on=lock.is_unwanted)
                    await self._workers.drive(steps)
                self._relieved.unpark_all()
        except CairnError as error:
            self._note_failure(file, error)
        finally:
            self._spilling.discard(file.inode)
            self._relieved.unpark_all()


def _dirty_bytes(file: FileState) -> int:
    return file.dirty_bytes


def _has_much_unsynced(file: FileState) -> bool:
    """Whether a file has so many dirty bytes without extent rows that they are settled."""
    return file.dirty.size_bytes - file.logged_bytes + file.frozen_row_bytes >= SPILL_BYTES
