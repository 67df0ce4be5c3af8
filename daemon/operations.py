"""pyfuse3 handlers: translate, delegate, answer.

Every handler is one request of the kernel. What it means is decided by the model; here numbers
become names, errors become errnos, and what has to wait does so.
"""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
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
    ReaddirToken,
    RequestContext,
    SetattrFields,
    StatvfsData,
    XAttrNameT,
)

from daemon.attributes import (
    CACHE_SECONDS,
    absent_entry,
    attributes_of,
    blank_attributes,
    fill_attributes,
)
from daemon.errnos import errors_become_errnos
from daemon.flusher import Flusher
from daemon.handles import DirectoryHandle, FileHandle, Handles
from daemon.kernel_notices import bytes_refused, entry_changed
from daemon.read_streams import ReadStreams
from daemon.requests import attribute_change, creator_of
from daemon.stacks import log_task_stacks
from daemon.sync_group import SyncGroup
from daemon.view_operations import ViewOperations
from daemon.workers import Workers
from fsmodel.errors import CairnError, DataError, DocumentInvalid, NotFound, NotPermitted
from fsmodel.ids import InodeId
from fsmodel.limits import NAME_BYTES_MAX
from fsmodel.namespace.renames import RenameFlag
from fsmodel.virtual_attributes import PREFIX as VIRTUAL_PREFIX
from fsmodel.volume import Volume

O_NOATIME: Final = os.O_NOATIME
STACKTRACE_ATTRIBUTE: Final = b"fuse_stacktrace"
DOT_COOKIE: Final = 1  # those of real entries begin behind these two
DOT_DOT_COOKIE: Final = 2


class MakeRoom(Protocol):
    """Tries to make room on the host for so many new bytes, if it lacks that."""

    async def __call__(self, size_bytes: int = 0) -> None:
        """Whether that has helped, the model says next."""
        ...


class CairnOperations(pyfuse3.Operations):
    """Stored inodes as the kernel sees them. Owner of its state: the event-loop thread."""

    def __init__(
        self,
        volume: Volume,
        flusher: Flusher,
        workers: Workers,
        sync_group: SyncGroup,
        views: ViewOperations,
        make_room: MakeRoom,
    ) -> None:
        """`make_room` is awaited before anything that needs room, in case there is none."""
        super().__init__()
        self._volume = volume
        self._flusher = flusher
        self._workers = workers
        self._sync_group = sync_group
        self._views = views
        self._make_room = make_room
        self._handles = Handles()
        self._streams = ReadStreams(volume.contents, workers, flusher.start)

    # -- names ----------------------------------------------------------------------------

    async def lookup(
        self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Find a name. That it is absent is an answer the kernel may keep."""
        with errors_become_errnos():
            parent = InodeId(parent_inode)
            volatile = self._volume.is_volatile(parent, name)
            try:
                inode = self._volume.lookup(parent, name, ctx.pid)
            except NotFound:
                return absent_entry(0) if volatile else absent_entry()
            return self._counted(inode, volatile=volatile)

    async def forget(self, inode_list: Sequence[tuple[InodeT, int]]) -> None:
        """The kernel no longer holds these inodes. It takes no answer, not even an error."""
        with suppress(FUSEError), errors_become_errnos():
            self._volume.give_back((InodeId(inode), times) for inode, times in inode_list)

    async def mkdir(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a directory."""
        with errors_become_errnos():
            await self._make_room()
            parent = InodeId(parent_inode)
            inode = self._volume.make_directory(parent, name, mode, creator_of(ctx))
            return self._counted(inode, volatile=self._volume.is_volatile(parent, name))

    async def mknod(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, rdev: int, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a file, FIFO, socket or device node."""
        with errors_become_errnos():
            await self._make_room()
            inode = self._volume.make_node(InodeId(parent_inode), name, mode, rdev, creator_of(ctx))
            return self._counted(inode)

    async def symlink(
        self, parent_inode: InodeT, name: FileNameT, target: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a symbolic link."""
        with errors_become_errnos():
            await self._make_room()
            inode = self._volume.make_symlink(InodeId(parent_inode), name, target, creator_of(ctx))
            return self._counted(inode)

    async def link(
        self,
        inode: InodeT,
        new_parent_inode: InodeT,
        new_name: FileNameT,
        ctx: RequestContext,
    ) -> EntryAttributes:
        """Give an inode one more name."""
        with errors_become_errnos():
            await self._make_room()
            parent = InodeId(new_parent_inode)
            if self._volume.is_document(parent, new_name):
                await self._flusher.settle(InodeId(inode))  # it is read and checked
            self._volume.link(InodeId(inode), parent, new_name)
            volatile = self._volume.is_volatile(parent, new_name)
            return self._counted(InodeId(inode), volatile=volatile)

    async def unlink(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove a name of something that is no directory."""
        with errors_become_errnos():
            parent = InodeId(parent_inode)
            unlink = partial(self._volume.unlink, parent, name)
            await self._flusher.resting.end_replaced(parent, name, unlink)

    async def rmdir(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove an empty directory."""
        with errors_become_errnos():
            self._volume.rmdir(InodeId(parent_inode), name)

    async def rename(
        self,
        parent_inode_old: InodeT,
        name_old: FileNameT,
        parent_inode_new: InodeT,
        name_new: FileNameT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> None:
        """Move a name, replacing or exchanging what is there."""
        parent, new_parent = InodeId(parent_inode_old), InodeId(parent_inode_new)
        with errors_become_errnos():
            await self._settle_for_rename(parent, name_old, new_parent, name_new)
            kind, creator = RenameFlag(flags), creator_of(ctx)
            rename = partial(
                self._volume.rename, parent, name_old, new_parent, name_new, kind, creator
            )
            await self._flusher.resting.end_replaced(new_parent, name_new, rename)

    async def readlink(self, inode: InodeT, ctx: RequestContext) -> FileNameT:
        """Where a symbolic link points."""
        with errors_become_errnos():
            target = self._volume.read_link(InodeId(inode))
            self._volume.record_access(InodeId(inode))
            return FileNameT(target)

    # -- attributes -----------------------------------------------------------------------

    async def getattr(self, inode: InodeT, ctx: RequestContext) -> EntryAttributes:
        """What stat shows."""
        with errors_become_errnos():
            return self._entry(InodeId(inode))

    async def setattr(
        self,
        inode: InodeT,
        attr: EntryAttributes,
        fields: SetattrFields,
        fh: FileHandleT | None,
        ctx: RequestContext,
    ) -> EntryAttributes:
        """Change attributes, the size among them."""
        with errors_become_errnos():
            number = InodeId(inode)
            change = attribute_change(attr, fields)
            if fields.update_size:
                if fh is None:
                    await self._truncate_by_name(number, attr.st_size, ctx)
                else:
                    await self._truncate(number, attr.st_size, ctx.uid)
            if change is not None and (fh is None or fields.update_size):
                self._volume.set_attributes(number, change)
            elif change is not None:  # by a handle: not what a program asked for, but the kernel
                self._volume.stamp_written(number, change)
            return self._entry(number)

    async def statfs(self, ctx: RequestContext) -> StatvfsData:
        """The host's free space, as it bounds what can be stored."""
        with errors_become_errnos():
            space = self._volume.host_space()
            result = StatvfsData()
            result.f_bsize = space.f_bsize
            result.f_frsize = space.f_frsize
            result.f_blocks = space.f_blocks
            result.f_bfree = space.f_bfree
            result.f_bavail = space.f_bavail
            result.f_files = space.f_files
            result.f_ffree = space.f_ffree
            result.f_favail = space.f_favail
            result.f_namemax = NAME_BYTES_MAX
            return result

    async def access(self, inode: InodeT, mode: ModeT, ctx: RequestContext) -> bool:
        """Never asked while the kernel checks permissions, as it does here."""
        return True

    async def setxattr(
        self, inode: InodeT, name: XAttrNameT, value: bytes, ctx: RequestContext
    ) -> None:
        """Set an extended attribute. `fuse_stacktrace` on the root logs what every task does."""
        with errors_become_errnos():
            if name == STACKTRACE_ATTRIBUTE and inode == pyfuse3.ROOT_INODE:
                log_task_stacks()
                return
            await self._make_room()
            self._volume.set_xattr(InodeId(inode), name, value)

    async def getxattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> bytes:
        """An extended attribute, stored or virtual."""
        with errors_become_errnos():
            number = InodeId(inode)
            if not name.startswith(VIRTUAL_PREFIX):  # as for the capabilities of each new file
                return self._volume.stored_xattr(number, name)
            await self._flusher.settle(number)  # it speaks of the bytes as they are now
            return await self._workers.drive(self._volume.get_xattr(number, name))

    async def listxattr(self, inode: InodeT, ctx: RequestContext) -> Sequence[XAttrNameT]:
        """Names of the stored attributes."""
        with errors_become_errnos():
            names = self._volume.list_xattrs(InodeId(inode), with_trusted=ctx.uid == 0)
            return [XAttrNameT(name) for name in names]

    async def removexattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> None:
        """Remove an extended attribute."""
        with errors_become_errnos():
            self._volume.remove_xattr(InodeId(inode), name)

    # -- directories ----------------------------------------------------------------------

    async def opendir(self, inode: InodeT, ctx: RequestContext) -> FileHandleT:
        """Open a directory for listing."""
        with errors_become_errnos():
            number = InodeId(inode)
            limit = self._volume.listing_limit(number)
            return FileHandleT(self._handles.open_directory(number, limit))

    async def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> None:
        """List entries behind a cookie, until the kernel's buffer is full."""
        with errors_become_errnos():
            handle = self._handles.directory(fh)
            if start_id == 0:
                self._volume.record_access(handle.inode)
                handle.cookie_limit = self._volume.listing_limit(handle.inode)
            for name, inode, cookie in self._dots(handle.inode, start_id):
                if not pyfuse3.readdir_reply(token, name, self._entry(inode), cookie):
                    return  # the kernel does not count these two as lookups
            if self._list_stored(handle, max(start_id, DOT_DOT_COOKIE), token):
                await self._views.list_views(handle.inode, start_id, token)

    async def releasedir(self, fh: FileHandleT) -> None:
        """Close a directory."""
        with errors_become_errnos():
            self._handles.close_directory(fh)

    async def fsyncdir(self, fh: FileHandleT, datasync: bool) -> None:
        """Make the directory's changes durable."""
        with errors_become_errnos():
            await self._sync_group.sync()

    # -- files ----------------------------------------------------------------------------

    async def create(
        self,
        parent_inode: InodeT,
        name: FileNameT,
        mode: ModeT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> tuple[FileInfo, EntryAttributes]:
        """Create a regular file and open it."""
        with errors_become_errnos():
            if not self._volume.has_room():
                await self._make_room()
            parent, exclusive = InodeId(parent_inode), bool(flags & os.O_EXCL)
            inode = self._volume.create_file(
                parent, name, mode, creator_of(ctx), exclusive=exclusive, thread=ctx.pid
            )
            volatile = self._volume.is_volatile(parent, name)
            return self._opened(inode, flags, ctx.uid), self._counted(inode, volatile=volatile)

    async def open(self, inode: InodeT, flags: FlagT, ctx: RequestContext) -> FileInfo:
        """Open a file, emptying it if asked to."""
        with errors_become_errnos():
            number = InodeId(inode)
            writing = flags & os.O_ACCMODE != os.O_RDONLY
            self._volume.open_file(number, writing=writing, thread=ctx.pid)
            try:
                if flags & os.O_TRUNC and writing:
                    await self._truncate(number, 0, ctx.uid)
            except BaseException:
                self._flusher.close(number, writing=writing)
                raise
            return self._opened(number, flags, ctx.uid)

    async def read(self, fh: FileHandleT, off: int, size: int) -> bytes:
        """Bytes of an open file; wrong bytes never, EIO for a damaged range instead."""
        with errors_become_errnos():
            handle = self._handles.file(fh)
            contents = self._volume.contents
            end = min(off + size, contents.size_of(handle.inode))
            try:
                data = await self._streams.read(handle.stream, handle.inode, off, end)
                if data is None:
                    data = await self._workers.drive(contents.read(handle.inode, off, size))
            except DataError as error:
                error.add_note(self._volume.described(handle.inode))
                raise
            if handle.access_is_due:
                handle.access_is_due = False
                self._volume.record_access(handle.inode)
            return data  # type: ignore[return-value]  # any contiguous buffer will do

    async def write(self, fh: FileHandleT, off: int, buf: bytes) -> int:
        """Take bytes for an open file; waits when too much is dirty."""
        with errors_become_errnos():
            handle = self._handles.file(fh)
            privileged = self._handles.only_privileged_write(handle.inode)
            if not self._volume.has_room(len(buf)):
                await self._make_room(len(buf))
            try:
                file = self._volume.write(handle.inode, off, buf, privileged=privileged)
            except NotPermitted:  # locked since it was opened
                self._show_truth(handle.inode)
                raise
            await self._flusher.wrote(file, len(buf))
            return len(buf)

    async def flush(self, fh: FileHandleT) -> None:
        """A descriptor is closed: from here on its bytes survive a killed daemon."""
        with errors_become_errnos():
            handle = self._handles.file(fh)
            if handle.writable:
                self._volume.contents.all_stamped(handle.inode)
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
        with errors_become_errnos():
            inode = self._handles.file(fh).inode
            self._volume.contents.all_stamped(inode)
            if self._volume.is_draft(inode):
                await self._settle(inode)
            else:
                await self._flusher.make_durable(inode)
            await self._sync_group.sync()

    async def release(self, fh: FileHandleT) -> None:
        """The last descriptor of an open file description is gone."""
        with errors_become_errnos():
            handle = self._handles.close_file(fh)
            self._streams.end(handle.stream)
            try:
                await self._settle_last(handle)
            finally:
                self._flusher.close(handle.inode, writing=handle.writable)

    # -- helpers --------------------------------------------------------------------------

    def _is_directory(self, parent: InodeId, name: bytes) -> bool:
        with suppress(CairnError):
            record, _ = self._volume.attributes(self._volume.lookup(parent, name))
            return stat.S_ISDIR(record.mode)
        return False  # who looks next finds the same

    def _show_truth(self, inode: InodeId) -> None:
        """The kernel forgets bytes of a file that it has taken for us, and its size once closed."""
        self._flusher.start(bytes_refused, inode)
        for path in self._volume.paths_of(inode):
            folder, _, name = path.rpartition(b"/")
            entry_changed(self._volume.resolve(folder), name)

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

    def _list_stored(self, handle: DirectoryHandle, after: int, token: ReaddirToken) -> bool:
        """List entries behind a cookie; False when the kernel's buffer is full before the end."""
        directory, volume = handle.inode, self._volume
        told: list[InodeId] = []
        fits = True
        entry, is_asked = blank_attributes(), volume.has_volatile_names(directory)
        limit, expected = handle.cookie_limit, handle.expected
        for found, record, size in volume.list_attributes(directory, after, limit, expected):
            fill_attributes(entry, found.inode, record, size)
            if is_asked:
                volatile = volume.is_volatile(directory, found.name)
                entry.entry_timeout = 0 if volatile else CACHE_SECONDS
            fits = pyfuse3.readdir_reply(token, FileNameT(found.name), entry, found.cookie)
            if not fits:
                break
            told.append(found.inode)
        volume.hold_each(told)
        handle.expected = len(told) + (not fits)
        return fits

    def _dots(self, directory: InodeId, start: int) -> Iterator[tuple[FileNameT, InodeId, int]]:
        if start < DOT_COOKIE:
            yield FileNameT(b"."), directory, DOT_COOKIE
        if start < DOT_DOT_COOKIE:
            parent = self._volume.lookup(directory, b"..")
            yield FileNameT(b".."), parent, DOT_DOT_COOKIE

    def _opened(self, inode: InodeId, flags: int, uid: int) -> FileInfo:
        """A handle for an open file.

        The kernel keeps the pages it has, unless reading them would have to move the access time:
        then the read must come to us, once.
        """
        number = self._handles.open_file(inode, flags, uid)
        reading = flags & os.O_ACCMODE != os.O_WRONLY and not flags & O_NOATIME
        due = reading and self._volume.access_is_due(inode)
        self._handles.file(number).access_is_due = due
        return FileInfo(fh=FileHandleT(number), keep_cache=not due and not flags & os.O_DIRECT)

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

    async def _settle_for_rename(
        self, parent: InodeId, name: bytes, new_parent: InodeId, new_name: bytes
    ) -> None:
        """What becomes a document by its new name is checked then, so that no byte may be missing.

        Bytes the kernel has not sent yet are: who renames flushes before, as for a crash's sake.
        """
        if self._volume.is_document(new_parent, new_name):
            with suppress(NotFound):
                await self._flusher.settle(self._volume.lookup(parent, name))
        if self._flusher.resting and self._is_directory(parent, name):
            await self._flusher.resting.end_all()  # there may be documents in it

    async def _truncate(self, inode: InodeId, size: int, uid: int) -> None:
        """Change the size of an open file, at once."""
        async with self._flusher.locks.of(inode):
            self._volume.truncate(inode, size, privileged=uid == 0)

    async def _truncate_by_name(self, inode: InodeId, size: int, ctx: RequestContext) -> None:
        """Change a file's size: at once in its row, and in chunks unless it is open besides."""
        self._volume.open_file(inode, writing=True, thread=ctx.pid)
        try:
            await self._truncate(inode, size, ctx.uid)
            file = self._volume.contents.file(inode)
            if file is not None and file.users == 1:
                await self._settle(inode)
        finally:
            self._flusher.close(inode, writing=True)

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
