"""pyfuse3 handlers: translate, delegate, answer.

Every handler is one request of the kernel. What it means is decided by the model; here numbers
become names, errors become errnos, and what has to wait does so. Here are names, attributes and
directories; those of open files are in file_operations.py.
"""

import errno
import stat
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import pyfuse3
from pyfuse3 import (
    EntryAttributes,
    FileHandleT,
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

from daemon.attributes import absent_entry
from daemon.errnos import answer_to
from daemon.file_operations import FileOperations, MakeRoom
from daemon.flusher import Flusher
from daemon.requests import attribute_change, creator_of
from daemon.stacks import log_task_stacks
from daemon.stored_listings import StoredListings
from daemon.sync_group import SyncGroup
from daemon.view_operations import ViewOperations
from daemon.workers import Workers
from fsmodel.errors import CairnError, NotFound
from fsmodel.ids import InodeId
from fsmodel.limits import NAME_BYTES_MAX
from fsmodel.namespace.renames import NO_RENAME_FLAGS, RenameFlag
from fsmodel.virtual_attributes import PREFIX as VIRTUAL_PREFIX
from fsmodel.volume import Volume

STACKTRACE_ATTRIBUTE: Final = b"fuse_stacktrace"


class CairnOperations(FileOperations):
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
        super().__init__(volume, flusher, workers, sync_group, make_room)
        self._views = views
        self._listings = StoredListings(volume, flusher.start)

    # -- names ----------------------------------------------------------------------------

    async def lookup(
        self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Find a name. That it is absent is an answer the kernel may keep."""
        parent = InodeId(parent_inode)
        volatile = self._volume.is_volatile(parent, name)
        try:
            inode = self._volume.find(parent, name, ctx.pid)
        except NotFound:  # nor is there such a directory
            inode = None
        if inode is None:
            return absent_entry(0) if volatile else absent_entry()
        return self._counted(inode, volatile=volatile)

    async def forget(self, inode_list: Sequence[tuple[InodeT, int]]) -> None:
        """The kernel no longer holds these inodes. It takes no answer, not even an error."""
        try:
            self._volume.give_back((InodeId(inode), times) for inode, times in inode_list)
        except Exception as error:  # noqa: BLE001  # it would end the main loop
            answer_to(error)  # which tells of it, if anybody has to know
        self._refused.forgotten(InodeId(inode) for inode, _ in inode_list)

    async def mkdir(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a directory."""
        await self._make_room()
        parent = InodeId(parent_inode)
        inode = self._volume.make_directory(parent, name, mode, creator_of(ctx))
        return self._counted(inode, volatile=self._volume.is_volatile(parent, name))

    async def mknod(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, rdev: int, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a file, FIFO, socket or device node."""
        await self._make_room()
        inode = self._volume.make_node(InodeId(parent_inode), name, mode, rdev, creator_of(ctx))
        return self._counted(inode)

    async def symlink(
        self, parent_inode: InodeT, name: FileNameT, target: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a symbolic link."""
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
        await self._make_room()
        parent = InodeId(new_parent_inode)
        if self._volume.is_document(parent, new_name):
            await self._flusher.settle(InodeId(inode))  # it is read and checked
        self._volume.link(InodeId(inode), parent, new_name)
        volatile = self._volume.is_volatile(parent, new_name)
        return self._counted(InodeId(inode), volatile=volatile)

    async def unlink(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove a name of something that is no directory."""
        parent = InodeId(parent_inode)
        unlink = partial(self._volume.unlink, parent, name)
        await self._flusher.resting.end_replaced(parent, name, unlink)

    async def rmdir(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove an empty directory."""
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
        await self._settle_for_rename(parent, name_old, new_parent, name_new)
        kind = RenameFlag(flags) if flags else NO_RENAME_FLAGS
        creator = creator_of(ctx)
        rename = partial(self._volume.rename, parent, name_old, new_parent, name_new, kind, creator)
        await self._flusher.resting.end_replaced(new_parent, name_new, rename)

    async def readlink(self, inode: InodeT, ctx: RequestContext) -> FileNameT:
        """Where a symbolic link points."""
        target = self._volume.read_link(InodeId(inode))
        self._volume.record_access(InodeId(inode))
        return FileNameT(target)

    # -- attributes -----------------------------------------------------------------------

    async def getattr(self, inode: InodeT, ctx: RequestContext) -> EntryAttributes:
        """What stat shows."""
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
        number = InodeId(inode)
        change = attribute_change(attr, fields)
        if fields.update_size and fh is None:
            await self._truncate_by_name(number, attr.st_size, change, ctx)
        elif fields.update_size:
            await self._truncate(number, attr.st_size, change, ctx.uid)
        elif change is not None and fh is None:
            self._volume.set_attributes(number, change)
        elif change is not None:  # by a handle: not what a program asked for, but the kernel
            self._volume.stamp_written(number, change)
        return self._entry(number)

    async def statfs(self, ctx: RequestContext) -> StatvfsData:
        """The host's free space, as it bounds what can be stored."""
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
        if name == STACKTRACE_ATTRIBUTE and inode == pyfuse3.ROOT_INODE:
            log_task_stacks()
            return
        await self._make_room()
        self._volume.set_xattr(InodeId(inode), name, value)

    async def getxattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> bytes:
        """An extended attribute, stored or virtual."""
        number = InodeId(inode)
        if not name.startswith(VIRTUAL_PREFIX):  # as for the capabilities of each new file
            value = self._volume.find_xattr(number, name)
            if value is None:
                raise FUSEError(errno.ENODATA)
            return value
        await self._flusher.settle(number)  # it speaks of the bytes as they are now
        return await self._workers.drive(self._volume.get_xattr(number, name))

    async def listxattr(self, inode: InodeT, ctx: RequestContext) -> Sequence[XAttrNameT]:
        """Names of the stored attributes."""
        names = self._volume.list_xattrs(InodeId(inode), with_trusted=ctx.uid == 0)
        return [XAttrNameT(name) for name in names]

    async def removexattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> None:
        """Remove an extended attribute."""
        self._volume.remove_xattr(InodeId(inode), name)

    # -- directories ----------------------------------------------------------------------

    async def opendir(self, inode: InodeT, ctx: RequestContext) -> FileHandleT:
        """Open a directory for listing."""
        number = InodeId(inode)
        limit = self._volume.listing_limit(number)
        return FileHandleT(self._handles.open_directory(number, limit))

    async def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> None:
        """List entries behind a cookie, until the kernel's buffer is full."""
        handle = self._handles.directory(fh)
        if start_id == 0:
            self._volume.record_access(handle.inode)
            handle.cookie_limit = self._volume.listing_limit(handle.inode)
        if self._listings.tell(handle, start_id, token):
            await self._views.list_views(handle.inode, start_id, token)

    async def releasedir(self, fh: FileHandleT) -> None:
        """Close a directory."""
        self._handles.close_directory(fh)

    async def fsyncdir(self, fh: FileHandleT, datasync: bool) -> None:
        """Make the directory's changes durable."""
        await self._sync_group.sync()

    # -- helpers --------------------------------------------------------------------------

    def _is_directory(self, parent: InodeId, name: bytes) -> bool:
        with suppress(CairnError):
            record, _ = self._volume.attributes(self._volume.lookup(parent, name))
            return stat.S_ISDIR(record.mode)
        return False  # who looks next finds the same

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
