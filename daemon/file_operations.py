"""pyfuse3 handlers of open files: create and open, read and write, close.

They translate, delegate and answer; what has to wait does so (see operations.py for the others).
"""

import errno
import os
from typing import Final, Protocol

import pyfuse3
from pyfuse3 import (
    EntryAttributes,
    FileHandleT,
    FileInfo,
    FileNameT,
    FlagT,
    FUSEError,
    InodeT,
    ModeT,
    RequestContext,
)

from daemon.attributes import attributes_of
from daemon.file_locks import commands_done
from daemon.flusher import Flusher
from daemon.handles import FileHandle, Handles
from daemon.read_streams import ReadStreams
from daemon.refused_bytes import RefusedBytes
from daemon.requests import creator_of
from daemon.sync_group import SyncGroup
from daemon.workers import Workers
from fsmodel.buffers import Buffer
from fsmodel.errors import DataError, DocumentInvalid, NoSpace
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.volume import Volume

O_NOATIME: Final = os.O_NOATIME


class MakeRoom(Protocol):
    """Tries to make room on the host for so many new bytes, if it lacks that."""

    async def __call__(self, size_bytes: int = 0) -> None:
        """Whether that has helped, the model says next."""
        ...


class FileOperations(pyfuse3.Operations):
    """Open files as the kernel sees them. Owner of its state: the event-loop thread."""

    def __init__(
        self,
        volume: Volume,
        flusher: Flusher,
        workers: Workers,
        sync_group: SyncGroup,
        make_room: MakeRoom,
    ) -> None:
        """`make_room` is awaited before anything that needs room, in case there is none."""
        super().__init__()
        self._volume = volume
        self._flusher = flusher
        self._workers = workers
        self._sync_group = sync_group
        self._make_room = make_room
        self._contents = volume.contents
        self._handles = Handles()
        self._streams = ReadStreams(volume.contents, workers, flusher.start)
        self._refused = RefusedBytes(volume, flusher.start, self._handles.is_open)

    async def create(
        self,
        parent_inode: InodeT,
        name: FileNameT,
        mode: ModeT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> tuple[FileInfo, EntryAttributes]:
        """Create a regular file and open it."""
        if not self._volume.has_room():
            await self._make_room()
        parent, exclusive = InodeId(parent_inode), bool(flags & os.O_EXCL)
        inode = self._volume.create_file(
            parent, name, mode, creator_of(ctx), exclusive=exclusive, thread=ctx.pid
        )
        try:
            access_is_due = self._access_is_due(inode, flags)
            volatile = self._volume.is_volatile(parent, name)
            entry = self._counted(inode, volatile=volatile)
        except BaseException:
            self._flusher.close(inode, writing=True)
            raise
        return self._opened(inode, flags, ctx.uid, access_is_due=access_is_due), entry

    async def open(self, inode: InodeT, flags: FlagT, ctx: RequestContext) -> FileInfo:
        """Open a file, emptying it if asked to."""
        number = InodeId(inode)
        writing = flags & os.O_ACCMODE != os.O_RDONLY
        self._volume.open_file(number, writing=writing, thread=ctx.pid)
        try:
            if flags & os.O_TRUNC and writing:
                await self._truncate(number, 0, None, ctx.uid)
            access_is_due = self._access_is_due(number, flags)
        except BaseException:
            self._flusher.close(number, writing=writing)
            raise
        return self._opened(number, flags, ctx.uid, access_is_due=access_is_due)

    async def read(self, fh: FileHandleT, off: int, size: int) -> bytes:
        """Bytes of an open file; wrong bytes never, EIO for a damaged range instead."""
        handle = self._handles.file(fh)
        data: Buffer | None = None
        try:
            if not self._streams.under_way and handle.stream.jumps(off, size):
                data = self._contents.read_at_once(handle.inode, off, size)
            if data is None:
                data = await self._brought(handle, off, size)
        except DataError as error:
            error.add_note(self._volume.described(handle.inode))
            raise
        if handle.access_is_due:
            handle.access_is_due = False
            self._volume.record_access(handle.inode)
        return data  # type: ignore[return-value]  # any contiguous buffer will do

    async def write(self, fh: FileHandleT, off: int, buf: bytes) -> int:
        """Take bytes for an open file; waits when too much is dirty."""
        handle = self._handles.file(fh)
        privileged = self._handles.only_privileged_write(handle.inode)
        try:
            if not self._volume.has_room(len(buf)):
                await self._make_room(len(buf))
            file = self._volume.write(handle.inode, off, buf, privileged=privileged)
        except Exception:  # for want of room, or as it was locked since it was opened
            self._refused.note(handle.inode)
            raise
        await self._flusher.wrote(file, len(buf))
        return len(buf)

    async def flush(self, fh: FileHandleT) -> None:
        """A descriptor is closed: from here on its bytes survive a killed daemon."""
        handle = self._handles.file(fh)
        if handle.writable:
            self._volume.contents.all_stamped(handle.inode)
        elif not self._volume.contents.is_changed(handle.inode):
            return
        if self._flusher.resting.new.take(handle.inode):
            return
        if self._flusher.resting.may(handle.inode):
            await self._flusher.make_durable(handle.inode)
        elif handle.writable:
            await self._settle(handle.inode)
        else:
            await self._flusher.settle(handle.inode)

    async def fsync(self, fh: FileHandleT, datasync: bool) -> None:
        """Make the file's bytes and every earlier change durable."""
        inode = self._handles.file(fh).inode
        self._volume.contents.all_stamped(inode)
        if self._volume.is_draft(inode):
            await self._settle(inode)
        else:
            await self._flusher.make_durable(inode)
        await self._sync_group.sync()

    async def release(self, fh: FileHandleT) -> None:
        """The last descriptor of an open file description is gone."""
        handle = self._handles.close_file(fh)
        self._streams.end(handle.stream)
        try:
            await self._settle_last(handle)
        except Exception:  # with the last user go bytes that cannot be stored
            self._refused.note(handle.inode)
            raise
        finally:
            self._refused.closed(handle.inode)
            self._flusher.close(handle.inode, writing=handle.writable)

    # -- helpers --------------------------------------------------------------------------

    def _access_is_due(self, inode: InodeId, flags: int) -> bool:
        """Whether reading through a handle that is opened like this would move the access time."""
        reading = flags & os.O_ACCMODE != os.O_WRONLY and not flags & O_NOATIME
        return reading and self._volume.access_is_due(inode)

    def _opened(self, inode: InodeId, flags: int, uid: int, *, access_is_due: bool) -> FileInfo:
        """A handle for an open file, which `release` ends: nothing may fail any more.

        The kernel keeps the pages it has, unless reading them would have to move the access time:
        then the read must come to us, once; or some of them were refused.
        """
        number = self._handles.open_file(inode, flags, uid)
        self._handles.file(number).access_is_due = access_is_due
        keep = not access_is_due and not flags & os.O_DIRECT and inode not in self._refused
        return FileInfo(fh=FileHandleT(number), keep_cache=keep)

    async def _brought(self, handle: FileHandle, offset: int, size: int) -> Buffer:
        """Bytes that are in windows, or on their way there, or that take a step or more."""
        inode, contents = handle.inode, self._contents
        end = min(offset + size, contents.size_of(inode))
        data = await self._streams.read(handle.stream, inode, offset, end)
        if data is None:
            data = await self._workers.drive(contents.read(inode, offset, size))
        return data

    async def _settle(self, inode: InodeId) -> None:
        """Chunk all dirty bytes of an open file, and commit it if it is the draft of a document.

        The model logs what could not be committed, once and at the end.
        """
        await self._flusher.settle(inode)
        if self._volume.is_draft(inode):
            try:
                await self._workers.drive(self._volume.commit_document(inode))
            except DocumentInvalid as error:
                raise FUSEError(errno.EINVAL) from error

    async def _truncate(
        self, inode: InodeId, size: int, wanted: AttributeChange | None, uid: int
    ) -> None:
        """Change the size of an open file at once, and what else is wanted."""
        async with self._flusher.locks.of(inode):
            await commands_done(self._contents, inode)
            self._volume.truncate(inode, size, wanted, privileged=uid == 0)

    async def _truncate_by_name(
        self, inode: InodeId, size: int, wanted: AttributeChange | None, ctx: RequestContext
    ) -> None:
        """Change a file's size: at once in its row, and in chunks unless it is open besides."""
        self._volume.open_file(inode, writing=True, thread=ctx.pid)
        try:
            await self._truncate(inode, size, wanted, ctx.uid)
            file = self._volume.contents.file(inode)
            if file is not None and file.users == 1:
                await self._settle_if_room(inode)
        finally:
            self._flusher.close(inode, writing=True)

    async def _settle_if_room(self, inode: InodeId) -> None:
        """Chunk a file that has its size in its row already, now or another time."""
        try:
            await self._settle(inode)
        except NoSpace:
            if self._volume.is_draft(inode):
                raise

    async def _settle_last(self, handle: FileHandle) -> None:
        """Store what a memory map wrote after the last flush, unless the file is gone anyway."""
        file = self._volume.contents.file(handle.inode)
        if file is None or not file.changed or self._flusher.resting.new.has_all(file):
            return
        if self._flusher.resting.new.take(handle.inode):
            return
        if self._flusher.resting.may(handle.inode):
            await self._flusher.make_durable(handle.inode)
            await self._flusher.resting.add(handle.inode)
        elif self._volume.is_draft(handle.inode) or not self._volume.is_orphan(handle.inode):
            await self._settle(handle.inode)

    def _entry(self, inode: InodeId) -> EntryAttributes:
        return attributes_of(inode, *self._volume.shown_attributes(inode))

    def _counted(self, inode: InodeId, *, volatile: bool = False) -> EntryAttributes:
        """The attributes for a reply that makes the kernel hold the inode once more.

        The kernel must not remember a volatile name.
        """
        entry = self._entry(inode)
        if volatile:
            entry.entry_timeout = 0
        self._volume.hold(inode)
        return entry
