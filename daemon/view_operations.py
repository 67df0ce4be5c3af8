"""pyfuse3 handlers for what has no inode row: the nodes of views.

They translate between requests and nodes (fsmodel/views/nodes.py), whose steps are driven by the
workers, so that a view that computes for long keeps nobody else waiting.
"""

import os
import stat
from collections.abc import Sequence
from typing import Final, cast

import pyfuse3
from pyfuse3 import (
    EntryAttributes,
    FileHandleT,
    FileInfo,
    FileNameT,
    FlagT,
    InodeT,
    ModeT,
    ReaddirToken,
    RequestContext,
    SetattrFields,
    XAttrNameT,
)

from daemon.attributes import absent_entry, attributes_in_view
from daemon.blind_copies import BlindCopies
from daemon.requests import attribute_change, creator_of
from daemon.stored_listings import DOT_COOKIE, DOT_DOT_COOKIE
from daemon.sync_group import SyncGroup
from daemon.view_entries import ViewEntries, reply_dot
from daemon.view_handles import Beliefs, ViewDirectoryHandle, ViewFileHandle, ViewHandles
from daemon.workers import Workers
from fsmodel.errors import (
    CrossesDevice,
    InvalidArgument,
    IsADirectory,
    NotFound,
    NotPermitted,
    NotSupported,
)
from fsmodel.ids import InodeId
from fsmodel.namespace.renames import RenameFlag
from fsmodel.views.nodes import ViewFile, ViewLink, is_view
from fsmodel.volume import Volume

LISTED_VIEW_COOKIE: Final = 1 << 62  # of views among stored entries, behind all of them
TRUSTED: Final = b"trusted."  # attributes for privileged callers
ABSENT_SECONDS: Final = 0.0  # what a view lacks now it may have the next moment


class ViewOperations(pyfuse3.Operations):
    """The views as the kernel sees them. Owner of its state: the event-loop thread."""

    def __init__(self, volume: Volume, workers: Workers, sync_group: SyncGroup) -> None:
        super().__init__()
        self._volume = volume
        self._views = volume.views
        self._workers = workers
        self._sync_group = sync_group
        self._handles = ViewHandles()
        self._beliefs = Beliefs()
        self._entries = ViewEntries(volume, workers, self._beliefs)
        self._blind_copies = BlindCopies()

    # -- for whom -------------------------------------------------------------------------

    def is_hidden(self, parent: int, name: bytes, ctx: RequestContext) -> bool:
        """Whether a view, or what is in it, is absent for the process that asks."""
        return self._blind_copies.hides(parent, name, ctx.pid)

    def note_directory(self, made: EntryAttributes, ctx: RequestContext) -> None:
        """A process has made a directory, stored or in a view."""
        self._blind_copies.note_directory(made.st_ino, ctx.pid)

    # -- names ----------------------------------------------------------------------------

    async def lookup(
        self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Find a view in a stored directory, or a name in a view."""
        if self.is_hidden(parent_inode, name, ctx):
            return absent_entry(ABSENT_SECONDS)
        try:
            return await self._entries.counted(
                await self._entries.find(InodeId(parent_inode), name)
            )
        except NotFound:
            return absent_entry(ABSENT_SECONDS)

    async def forget(self, inode_list: Sequence[tuple[InodeT, int]]) -> None:
        """The kernel no longer holds these nodes."""
        for inode, times in inode_list:
            if self._views.give_back(InodeId(inode), times):
                self._beliefs.forget(InodeId(inode))

    async def mkdir(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, ctx: RequestContext
    ) -> EntryAttributes:
        """Make a directory in a view, where that means something.

        One that is there, and is hidden from who makes it, is made by being shown to him.
        """
        if self.is_hidden(parent_inode, name, ctx):
            entry = await self._entries.counted(
                await self._entries.find(InodeId(parent_inode), name)
            )
            self._blind_copies.note_made(parent_inode, name, ctx.pid)
            return entry
        parent = self._views.directory(InodeId(parent_inode))
        steps = parent.make_directory(name, mode, creator_of(ctx))
        return await self._entries.counted(await self._workers.drive(steps))

    async def mknod(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, rdev: int, ctx: RequestContext
    ) -> EntryAttributes:
        """Make a regular file; views hold nothing else."""
        if not stat.S_ISREG(mode):
            raise NotPermitted("views hold files and directories only")
        return await self._entries.counted(
            await self._create(parent_inode, name, mode, ctx), made=True
        )

    async def symlink(
        self, parent_inode: InodeT, name: FileNameT, target: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Refused: views hold files and directories only."""
        raise NotPermitted("views hold files and directories only")

    async def link(
        self, inode: InodeT, new_parent_inode: InodeT, new_name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Refused: nothing has names both in a view and elsewhere, or two in a view."""
        raise CrossesDevice("no hard link leads into a view or out of one")

    async def unlink(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove a file of a view."""
        parent = self._views.directory(InodeId(parent_inode))
        await self._workers.drive(parent.unlink(name))
        self._blind_copies.note_removed(parent_inode, name, ctx.pid)

    async def rmdir(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove a directory of a view, or the view itself."""
        number = InodeId(parent_inode)
        if is_view(number):
            await self._workers.drive(self._views.directory(number).rmdir(name))
        else:
            await self._workers.drive(self._views.remove(number, name))

    async def rename(
        self,
        parent_inode_old: InodeT,
        name_old: FileNameT,
        parent_inode_new: InodeT,
        name_new: FileNameT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> None:
        """Move an entry within views; `mv` copies when it hears that this is another device."""
        parent, new_parent = InodeId(parent_inode_old), InodeId(parent_inode_new)
        await self._workers.drive(
            self._views.rename(parent, name_old, new_parent, name_new, RenameFlag(flags))
        )

    async def readlink(self, inode: InodeT, ctx: RequestContext) -> FileNameT:
        """Where a symbolic link of a view points."""
        node = self._views.node(InodeId(inode))
        if not isinstance(node, ViewLink):
            raise InvalidArgument(f"view node {inode} is no symbolic link")
        return FileNameT(node.target())

    # -- attributes -----------------------------------------------------------------------

    async def getattr(self, inode: InodeT, ctx: RequestContext) -> EntryAttributes:
        """What stat shows."""
        node = self._views.node(InodeId(inode))
        return attributes_in_view(node, await self._workers.drive(node.attributes()))

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
        node = self._views.node(number) if fh is None else self._handles.file(fh).node
        if fields.update_size:
            if not isinstance(node, ViewFile):
                raise InvalidArgument(f"view node {inode} has no size to change")
            await self._workers.drive(node.truncate(attr.st_size))
            self._beliefs.set(number, size=attr.st_size)
        change = attribute_change(attr, fields)
        if change is not None:
            await self._workers.drive(node.set_attributes(change))
            self._beliefs.set(number, mtime_ns=change.mtime_ns)
        return attributes_in_view(node, await self._workers.drive(node.attributes()))

    async def setxattr(
        self, inode: InodeT, name: XAttrNameT, value: bytes, ctx: RequestContext
    ) -> None:
        """Refused in the way that tools which copy attributes put up with."""
        raise NotSupported("views take no extended attributes")

    async def getxattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> bytes:
        """An extended attribute."""
        node = self._views.node(InodeId(inode))
        return await self._workers.drive(node.get_xattr(name))

    async def listxattr(self, inode: InodeT, ctx: RequestContext) -> Sequence[XAttrNameT]:
        """Names of the attributes that copies take along."""
        names = await self._workers.drive(self._views.node(InodeId(inode)).list_xattrs())
        unseen = () if ctx.uid == 0 else (TRUSTED,)
        return [XAttrNameT(name) for name in names if not name.startswith(unseen)]

    async def removexattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> None:
        """Refused as `setxattr`."""
        raise NotSupported("views take no extended attributes")

    # -- directories ----------------------------------------------------------------------

    async def opendir(self, inode: InodeT, ctx: RequestContext) -> FileHandleT:
        """Open a directory of a view for listing."""
        handle = ViewDirectoryHandle(self._views.directory(InodeId(inode)), ())
        return FileHandleT(self._handles.open_directory(handle))

    async def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> None:
        """List the entries that were there when the listing began; what is gone is left out."""
        handle = self._handles.directory(fh)
        if start_id == 0:
            handle.entries = await self._workers.drive(handle.node.entries())
        dots = ((b".", handle.node.inode), (b"..", handle.node.parent))
        for cookie, (name, inode) in enumerate(dots, DOT_COOKIE):
            if start_id < cookie and not reply_dot(token, name, inode, cookie):
                return
        first = max(start_id - DOT_DOT_COOKIE, 0)  # entry N of a view has cookie N + 3
        for cookie, (name, found) in enumerate(handle.entries[first:], first + DOT_DOT_COOKIE + 1):
            if not await self._entries.reply(token, name, found, cookie):
                return

    async def list_views(self, directory: InodeId, start_id: int, token: ReaddirToken) -> None:
        """End the listing of a stored directory with the views it shows."""
        for cookie, name in enumerate(self._views.listed(directory), LISTED_VIEW_COOKIE):
            if start_id >= cookie:
                continue
            view = await self._workers.drive(self._views.view_of(directory, name))
            if view is not None and not await self._entries.reply(token, name, view, cookie):
                return

    async def releasedir(self, fh: FileHandleT) -> None:
        """Close a directory."""
        self._handles.close_directory(fh)

    async def fsyncdir(self, fh: FileHandleT, datasync: bool) -> None:
        """Make changes durable."""
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
        """Create a file in a view, where that means something, and open it."""
        node = await self._create(parent_inode, name, mode, ctx)
        await self._workers.drive(node.open(writing=True))
        entry = await self._entries.counted(node, made=True)
        self._blind_copies.note_made(parent_inode, name, ctx.pid)
        return self._opened(node, writable=True), entry

    async def open(self, inode: InodeT, flags: FlagT, ctx: RequestContext) -> FileInfo:
        """Open a file of a view, emptying it if asked to."""
        node = self._views.node(InodeId(inode))
        if not isinstance(node, ViewFile):
            raise IsADirectory(f"view node {inode} has no bytes")
        writing = flags & os.O_ACCMODE != os.O_RDONLY
        await self._workers.drive(node.open(writing=writing))
        if writing and flags & os.O_TRUNC:
            try:
                await self._workers.drive(node.truncate(0))
            except BaseException:
                node.close()
                raise
            self._beliefs.set(node.inode, size=0)
        return self._opened(node, writable=writing)

    async def read(self, fh: FileHandleT, off: int, size: int) -> bytes:
        """Bytes of an open file."""
        steps = self._handles.file(fh).node.read(off, size)
        return cast("bytes", await self._workers.drive(steps))  # any buffer will do

    async def write(self, fh: FileHandleT, off: int, buf: bytes) -> int:
        """Take bytes for an open file."""
        node = self._handles.file(fh).node
        await self._workers.drive(node.write(off, bytes(buf)))
        self._beliefs.written(node.inode, off + len(buf))
        return len(buf)

    async def flush(self, fh: FileHandleT) -> None:
        """A descriptor is closed: what was written takes effect."""
        handle = self._handles.file(fh)
        if handle.writable:
            await self._workers.drive(handle.node.flush())

    async def fsync(self, fh: FileHandleT, datasync: bool) -> None:
        """Let what was written take effect, durably."""
        await self.flush(fh)
        await self._sync_group.sync()

    async def release(self, fh: FileHandleT) -> None:
        """The last descriptor of an open file description is gone."""
        node = self._handles.close_file(fh).node
        self._beliefs.opened(node.inode, -1)
        node.close()

    # -- helpers --------------------------------------------------------------------------

    async def _create(
        self, parent: InodeT, name: FileNameT, mode: int, ctx: RequestContext
    ) -> ViewFile:
        directory = self._views.directory(InodeId(parent))
        return await self._workers.drive(directory.create(name, mode, creator_of(ctx)))

    def _opened(self, node: ViewFile, *, writable: bool) -> FileInfo:
        number = self._handles.open_file(ViewFileHandle(node, writable))
        self._beliefs.opened(node.inode, 1)
        return FileInfo(fh=FileHandleT(number), direct_io=node.direct, keep_cache=not node.direct)
