"""New small files: settled a moment after they were closed, and many together.

Most files are written once, by programs that write many. When such a file is closed, its bytes go
into extent rows, which costs a fifth of settling it and survives whatever a settled file survives.
Once no more come, or many have gathered, they are settled in batches: one change for all of a
batch, and one append to the pack. A file that is deleted before that is never stored as a chunk.

Each is held open meanwhile, so its bytes are in memory for whoever reads it. Nobody is to notice,
as with other files that rest (resting_files.py).

Owner: the event-loop thread. Checkpoints: between two batches.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Final

import trio

from daemon.file_locks import FileLocks, commands_done
from daemon.workers import INLINE_BYTES_MAX, Workers
from fsmodel.content.file_state import FileState
from fsmodel.content.settle import HASTY_BYTES_MIN
from fsmodel.errors import CairnError
from fsmodel.ids import InodeId
from fsmodel.volume import Volume

_log = logging.getLogger(__name__)

FILES_MAX: Final = 4096  # then the oldest are settled while others come
BYTES_MAX: Final = 16 << 20
QUIET_SECONDS: Final = 0.25  # without another one; then all are settled
WAIT_SECONDS_MAX: Final = 4.0  # of the oldest, if one comes now and then
RETRY_SECONDS: Final = 5.0  # after a failure
BATCH_FILES_MAX: Final = 64
BATCH_BYTES_MAX: Final = INLINE_BYTES_MAX  # so that a batch of noise is settled without a thread


class NewFiles:
    """Those files, each held open once. The one that was closed first comes first."""

    def __init__(
        self,
        volume: Volume,
        workers: Workers,
        locks: FileLocks,
        close: Callable[[InodeId], None],
    ) -> None:
        """`close` ends a use of a file."""
        self._volume = volume
        self._workers = workers
        self._locks = locks
        self._close = close
        self._since: dict[InodeId, float] = {}
        self._bytes = 0  # of all files that were added and not settled since, as they were then
        self._sizes: dict[InodeId, int] = {}
        self._added_at = float("-inf")
        self._problem = ""
        self._news = trio.lowlevel.ParkingLot()  # where `run` waits

    def __len__(self) -> int:
        return len(self._since)

    def __contains__(self, inode: object) -> bool:
        return inode in self._since

    def has_all(self, file: FileState) -> bool:
        """Whether a file is here with all the bytes it has."""
        return file.survives_a_kill and file.inode in self._since

    def take(self, inode: InodeId) -> bool:
        """Have an open file, all of whose bytes the kernel has sent, settled later.

        False when it is not for that. From here on its bytes survive a killed daemon. Raises
        NoSpace, BackendError.
        """
        contents = self._volume.contents
        if not contents.is_one_new_chunk(inode) or self._locks.is_held(inode):
            return False
        if self._volume.is_draft(inode) or self._volume.is_orphan(inode):
            return False
        if not contents.can_log(inode) or self._rests_longer(inode):
            return False
        contents.log_extents(inode)
        self.hold(inode)
        return True

    def _rests_longer(self, inode: InodeId) -> bool:
        """Whether a file has been synced, and will soon be deleted or written again."""
        file = self._volume.contents.file(inode)
        is_synced = file is not None and file.logged_rows > 0 and inode not in self._since
        return is_synced and self._volume.is_fleeting(inode)

    def hold(self, inode: InodeId) -> None:
        """Keep a file open until it is settled; its bytes are in extent rows."""
        if inode not in self._since:
            self._volume.contents.open(inode)
            self._since[inode] = self._added_at = trio.current_time()
        size = self._volume.contents.size_of(inode)
        self._bytes += size - self._sizes.get(inode, 0)
        self._sizes[inode] = size
        if self._news and (len(self._since) == 1 or self._are_many()):
            self._news.unpark()

    def let_go(self, inode: InodeId) -> bool:
        """Hold a file no longer, settled or not; False if it was not held."""
        if self._since.pop(inode, None) is None:
            return False
        self._bytes -= self._sizes.pop(inode)
        self._close(inode)
        return True

    async def run(self) -> None:
        """Settle when it is time, for ever."""
        while True:
            if not self._since:
                await self._news.park()
            if not self._are_many():
                await self._settle_in_time()
            while self._are_many() and await self._settle_batch():
                await trio.lowlevel.checkpoint()
            if self._problem:
                await trio.sleep(RETRY_SECONDS)

    async def _settle_in_time(self) -> None:
        """Wait until many are here, or a moment; settle all if no other has come by then."""
        newest = next(reversed(self._since), None)
        with trio.move_on_after(QUIET_SECONDS):
            await self._news.park()
        if newest == next(reversed(self._since), None) or self._are_old():
            await self.settle_all()

    async def settle_all(self) -> None:
        """Settle those that are here now; a failure is logged, and they stay."""
        last = next(reversed(self._since), None)
        while last in self._since and await self._settle_batch():
            await trio.lowlevel.checkpoint()

    def _are_many(self) -> bool:
        return len(self._since) > FILES_MAX or self._bytes > BYTES_MAX

    def _is_pressed(self) -> bool:
        """Whether many wait, and more are coming: then what is quick counts."""
        age = trio.current_time() - self._added_at
        return self._bytes >= HASTY_BYTES_MIN and age < QUIET_SECONDS

    def _are_old(self) -> bool:
        oldest = next(iter(self._since.values()), trio.current_time())
        return trio.current_time() - oldest >= WAIT_SECONDS_MAX

    async def _settle_batch(self) -> bool:
        """Settle the oldest of them; False when that has failed."""
        failure = self._volume.durability.failure
        if failure is not None:  # until the next mount; whoever found it has told of it
            self._problem = failure
            return False
        plain: list[InodeId] = []
        others: list[InodeId] = []
        for inode in self._next():
            (plain if self._is_plain(inode) else others).append(inode)
        try:
            await self._settle_together(plain)
            await self._settle_each(others)
        except CairnError as error:
            if self._problem != str(error):
                _log.error("new files are safe, but unsettled; it will be tried again: %s", error)
            self._problem = str(error)
            return False
        self._problem = ""
        return True

    def _next(self) -> Iterator[InodeId]:
        size = 0
        for number, inode in enumerate(self._since):
            size += self._sizes[inode]
            if number and (size > BATCH_BYTES_MAX or number >= BATCH_FILES_MAX):
                return
            yield inode

    def _is_plain(self, inode: InodeId) -> bool:
        """Whether a file is still what it was when it was taken, and nobody works on it."""
        return not self._locks.is_held(inode) and self._volume.contents.is_one_new_chunk(inode)

    async def _settle_each(self, inodes: list[InodeId]) -> None:
        """Files that have been written again, or are being settled by somebody."""
        for inode in inodes:
            async with self._locks.of(inode):
                await commands_done(self._volume.contents, inode)
                if self._volume.contents.is_open(inode):
                    await self._workers.drive(self._volume.contents.settle(inode))
            self._settled(inode)

    async def _settle_together(self, inodes: list[InodeId]) -> None:
        """Files that nobody is at work on."""
        if not inodes:
            return
        locks = [self._locks.of(inode) for inode in inodes]
        for lock in locks:
            taken = lock.take()
            assert taken
        contents = self._volume.contents
        try:
            await self._workers.drive(contents.settle_together(inodes, hasty=self._is_pressed()))
        finally:
            for lock in locks:
                lock.give_back()
        for inode in inodes:
            self._settled(inode)

    def _settled(self, inode: InodeId) -> None:
        """Let go of a file, unless it has been written and closed again meanwhile."""
        file = self._volume.contents.file(inode)
        if file is None or not file.changed or file.users > 1:
            self.let_go(inode)
        elif inode in self._since:
            self._since[inode] = self._since.pop(inode)
