"""Files that were edited in place, synced and closed: they are settled when they have rested.

A database that a program opens, changes a page of, and closes again would have a chunk of 64 KiB
cut, compressed and stored for every page, though the next program changes the same pages. What
was synced is in extent rows, which survive whatever a settled file survives; so the file is held
open for a while instead, and settled once for all that was done to it. So are the rollback journals
that SQLite makes and deletes beside it, of which no chunk is made at all.

Nobody is to notice: before a view or a command looks at contents, and before a name goes or is
replaced, files are settled. One that cannot be settled then stays as it is, as a killed daemon
would have left it.

Small files that are new rest, too, and are settled together (new_files.py). When the name of one
goes it is no object yet, and becomes a version, or is gone, without having been one.

Owner: the event-loop thread.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import trio

from daemon.new_files import NewFiles
from fsmodel.errors import CairnError
from fsmodel.ids import InodeId
from fsmodel.volume import Volume

_log = logging.getLogger(__name__)

REST_SECONDS: Final = 4.0
RESTING_FILES_MAX: Final = 64
RESTING_SHARE_MAX: Final = 4  # of a file that rests, at most a quarter is in extent rows


class RestingFiles:
    """Those files, each held open once."""

    def __init__(
        self,
        volume: Volume,
        settle: Callable[[InodeId], Awaitable[None]],
        close: Callable[[InodeId], None],
        new: NewFiles,
    ) -> None:
        """`settle` makes chunks of all dirty bytes of an open file, or raises CairnError."""
        self.new = new
        self._volume = volume
        self._settle = settle
        self._close = close
        self._since: dict[InodeId, float] = {}  # the one that has rested longest comes first

    def __bool__(self) -> bool:
        return bool(self._since) or bool(self.new)

    def __contains__(self, inode: object) -> bool:
        return inode in self._since or inode in self.new

    def may(self, inode: InodeId) -> bool:
        """Whether an open file whose descriptor is being closed need not be settled at once."""
        file = self._volume.contents.file(inode)
        return (
            file is not None
            and file.logged_rows > 0
            and self._volume.contents.can_log(inode)
            and not self._volume.is_draft(inode)
            and not self._volume.is_orphan(inode)
            and (
                file.dirty_bytes * RESTING_SHARE_MAX <= file.recorded_size
                or self._volume.is_fleeting(inode)
            )
        )

    async def add(self, inode: InodeId) -> None:
        """Let an open file rest from now on, whose bytes are all in its row and extent rows."""
        if self._since.pop(inode, None) is None:
            self._volume.contents.open(inode)
        self._since[inode] = trio.current_time()
        if len(self._since) > RESTING_FILES_MAX:
            await self.end(next(iter(self._since)))

    async def end(self, inode: InodeId) -> None:
        """Settle a file if it rests; a failure is logged."""
        if inode not in self:
            return
        try:
            await self._settle(inode)
        except CairnError as error:
            _log.error("inode %d: what was fsynced is safe, but unsettled: %s", inode, error)
            if self._has_more_than_rows(inode):
                self._rest_on(inode)
                return
        else:
            file = self._volume.contents.file(inode)  # another one if it was let go meanwhile
            if file is not None and file.changed:
                return  # written again meanwhile, and maybe closed again
        if self._since.pop(inode, None) is not None:
            self._close(inode)
        self.new.let_go(inode)

    def _has_more_than_rows(self, inode: InodeId) -> bool:
        """Whether bytes of a file would go with its last user, as they could not be stored yet."""
        file = self._volume.contents.file(inode)
        return file is not None and not file.survives_a_kill

    def _rest_on(self, inode: InodeId) -> None:
        """It will be tried again: whoever wrote it was told, but may not have it any more."""
        if self._since.pop(inode, None) is not None:
            self._since[inode] = trio.current_time()

    async def end_replaced(self, parent: InodeId, name: bytes, change: Callable[[], None]) -> None:
        """Do something that takes a name from a file; that is settled before if it has to be.

        No other file that rests comes to the name meanwhile: the kernel holds the directory for
        whoever asked, and lets nobody look up, make or move a name there. Raises as `change`.
        """
        inode = self._named(parent, name)
        if inode is None:
            change()
        elif self._goes_as_it_is(inode):
            self._without(inode, change)
        else:
            await self.end(inode)
            change()

    def _goes_as_it_is(self, inode: InodeId) -> bool:
        """Whether a file whose name goes need not be settled for whoever has it then."""
        file = self._volume.contents.file(inode)
        if file is None or file.users > 1 or file.settling or not file.survives_a_kill:
            return False
        return inode in self.new or self._volume.is_fleeting(inode)

    def _without(self, inode: InodeId, change: Callable[[], None]) -> None:
        """Do something while a file is not held open, so that it may be deleted or moved."""
        since = self._since.pop(inode, None)
        if since is None:
            self.new.let_go(inode)
        else:
            self._close(inode)
        try:
            change()
        finally:
            with suppress(CairnError):  # it is gone
                self._hold_again(inode, since)

    def _hold_again(self, inode: InodeId, since: float | None) -> None:
        if self._volume.is_orphan(inode):
            return
        if since is None:
            self.new.hold(inode)
        else:
            self._volume.contents.open(inode)
            self._since[inode] = since

    def _named(self, parent: InodeId, name: bytes) -> InodeId | None:
        """The file that has a name, if it rests."""
        if not self:
            return None
        try:
            inode = self._volume.lookup(parent, name)
        except CairnError:
            return None  # whoever asked will find the same
        return inode if inode in self else None

    async def end_all(self) -> None:
        """Settle every file that rests."""
        await self.new.settle_all()
        for inode in tuple(self._since):
            await self.end(inode)

    async def end_old(self) -> None:
        """Settle those that have rested long enough."""
        limit = trio.current_time() - REST_SECONDS
        for inode, since in tuple(self._since.items()):
            if since <= limit:
                await self.end(inode)
