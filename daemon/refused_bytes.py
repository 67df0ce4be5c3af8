"""What the kernel took from programs for us, and we did not take from it: it is to forget that.

Its writeback cache has bytes long before we see them. When we refuse them, their program is told by
its next fsync or close; but the kernel goes on to show the pages as long as it has them, zeros in
their place then, and the size that the file would have had, for as long as it knows the file: it
takes that from nobody but itself. So

  * the bytes: it forgets its pages a moment after the last refusal. It sends what else is dirty
    then, of which some may be refused, too: that has it told once more, after another moment
  * the size: it forgets the file when nobody has it open and no name leads to it. So the names are
    forgotten at once. But who looks one up while the file is open, or just being closed, leads it
    to the same file again: so again once it is closed, and until the kernel has forgotten the file

Nobody waits for any of that. Owner: the event-loop thread.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final

import trio

from daemon.kernel_notices import forget_bytes, forget_names
from fsmodel.errors import CairnError
from fsmodel.ids import InodeId
from fsmodel.volume import Volume
from lmdb_index.errors import IndexProblem

MOMENT_SECONDS: Final = 0.1  # without a refusal: the kernel sends many requests, one by one
AGAIN_SECONDS_MAX: Final = 5.0  # between two tries; a program may keep the kernel from forgetting

Start = Callable[[Callable[[InodeId], Awaitable[None]], InodeId], None]


class RefusedBytes:
    """Files of which the kernel may believe what is not so."""

    def __init__(self, volume: Volume, start: Start, is_open: Callable[[InodeId], bool]) -> None:
        """`start` has something done beside the requests; `is_open` says what programs have."""
        self._volume = volume
        self._start = start
        self._is_open = is_open
        self._files: set[InodeId] = set()
        self._news: set[InodeId] = set()  # refused since the kernel was told of such a file last
        self._telling: set[InodeId] = set()
        self._forgetting: set[InodeId] = set()

    def __contains__(self, inode: InodeId) -> bool:
        return inode in self._files

    def note(self, inode: InodeId) -> None:
        """Bytes of a file were refused, or are lost although they were taken."""
        self._files.add(inode)
        self._news.add(inode)
        if inode not in self._telling:
            self._telling.add(inode)
            self._start(self._tell, inode)

    def closed(self, inode: InodeId) -> None:
        """A file was closed by somebody: if that was the last, its size can be forgotten."""
        if inode in self._files and inode not in self._forgetting and not self._is_open(inode):
            self._forgetting.add(inode)
            self._start(self._forget_size, inode)

    def forgotten(self, inodes: Iterable[InodeId]) -> None:
        """The kernel has forgotten inodes, or some of the times it was told of them."""
        if self._files:
            self._files.difference_update(
                inode for inode in inodes if not self._volume.is_held(inode)
            )

    async def _tell(self, inode: InodeId) -> None:
        """Once no more is refused; and again if that goes on meanwhile."""
        try:
            await forget_names(self._names_of(inode))
            while inode in self._news:
                await self._no_more_is_refused(inode)
                await forget_bytes(inode)
        finally:
            self._telling.discard(inode)

    async def _no_more_is_refused(self, inode: InodeId) -> None:
        while inode in self._news:
            self._news.discard(inode)
            await trio.sleep(MOMENT_SECONDS)

    async def _forget_size(self, inode: InodeId) -> None:
        """Until the kernel knows the file no more, or somebody has opened it again."""
        pause = MOMENT_SECONDS
        try:
            while inode in self._files and not self._is_open(inode):
                await forget_names(self._names_of(inode))
                await trio.sleep(pause)
                pause = min(2 * pause, AGAIN_SECONDS_MAX)
        finally:
            self._forgetting.discard(inode)

    def _names_of(self, inode: InodeId) -> list[tuple[InodeId, bytes]]:
        """All of them, or none if it has none, or none that can be told."""
        names: list[tuple[InodeId, bytes]] = []
        with suppress(CairnError, IndexProblem):
            for path in self._volume.paths_of(inode):
                folder, _, name = path.rpartition(b"/")
                names.append((self._volume.resolve(folder), name))
        return names
