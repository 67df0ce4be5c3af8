"""Which handlers answer a request: those for stored inodes, or those for views."""

from collections.abc import Awaitable, Callable, Sequence

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
    StatvfsData,
    XAttrNameT,
)

from daemon.operations import CairnOperations
from daemon.view_operations import ViewOperations
from fsmodel.ids import InodeId
from fsmodel.namespace.names import is_view_name
from fsmodel.views.nodes import is_view


class RoutedOperations(pyfuse3.Operations):
    """The whole filesystem as the kernel sees it: a tree of inodes, and views in it.

    The number of an inode or of what is open tells which part is meant; besides, a view is entered
    and removed by its name in a stored directory.
    """

    supports_dot_lookup = True
    enable_writeback_cache = True
    enable_acl = True

    def __init__(
        self,
        files: CairnOperations,
        views: ViewOperations,
        settle_closed: Callable[[], Awaitable[None]],
    ) -> None:
        """`settle_closed` is awaited before a view is looked at: it speaks of settled files."""
        super().__init__()
        self._files = files
        self._views = views
        self._settle_closed = settle_closed

    def _of(self, number: int) -> CairnOperations | ViewOperations:
        return self._views if is_view(number) else self._files

    def _of_name(self, parent: int, name: bytes) -> CairnOperations | ViewOperations:
        return self._views if is_view_name(InodeId(parent), name) else self._of(parent)

    async def lookup(
        self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Find a name."""
        operations = self._of_name(parent_inode, name)
        if operations is self._views:
            await self._settle_closed()
        return await operations.lookup(parent_inode, name, ctx)

    async def forget(self, inode_list: Sequence[tuple[InodeT, int]]) -> None:
        """The kernel no longer holds these inodes."""
        await self._files.forget([held for held in inode_list if not is_view(held[0])])
        await self._views.forget([held for held in inode_list if is_view(held[0])])

    async def mkdir(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a directory."""
        hidden = self._views.is_hidden(parent_inode, name, ctx)
        operations = self._views if hidden else self._of(parent_inode)
        entry = await operations.mkdir(parent_inode, name, mode, ctx)
        self._views.note_directory(entry, ctx)
        return entry

    async def mknod(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, rdev: int, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a file, FIFO, socket or device node."""
        return await self._of(parent_inode).mknod(parent_inode, name, mode, rdev, ctx)

    async def symlink(
        self, parent_inode: InodeT, name: FileNameT, target: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a symbolic link."""
        return await self._of(parent_inode).symlink(parent_inode, name, target, ctx)

    async def link(
        self, inode: InodeT, new_parent_inode: InodeT, new_name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Give an inode one more name."""
        operations = self._of(inode | new_parent_inode)
        return await operations.link(inode, new_parent_inode, new_name, ctx)

    async def unlink(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove a name of something that is no directory."""
        await self._of(parent_inode).unlink(parent_inode, name, ctx)

    async def rmdir(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove an empty directory."""
        await self._of_name(parent_inode, name).rmdir(parent_inode, name, ctx)

    async def rename(
        self,
        parent_inode_old: InodeT,
        name_old: FileNameT,
        parent_inode_new: InodeT,
        name_new: FileNameT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> None:
        """Move a name; one side being a view is enough for the views to answer."""
        operations = self._of_name(parent_inode_old | parent_inode_new, name_old)
        await operations.rename(parent_inode_old, name_old, parent_inode_new, name_new, flags, ctx)

    async def readlink(self, inode: InodeT, ctx: RequestContext) -> FileNameT:
        """Where a symbolic link points."""
        return await self._of(inode).readlink(inode, ctx)

    async def getattr(self, inode: InodeT, ctx: RequestContext) -> EntryAttributes:
        """What stat shows."""
        if is_view(inode):
            await self._settle_closed()
        return await self._of(inode).getattr(inode, ctx)

    async def setattr(
        self,
        inode: InodeT,
        attr: EntryAttributes,
        fields: SetattrFields,
        fh: FileHandleT | None,
        ctx: RequestContext,
    ) -> EntryAttributes:
        """Change attributes."""
        return await self._of(inode).setattr(inode, attr, fields, fh, ctx)

    async def statfs(self, ctx: RequestContext) -> StatvfsData:
        """The host's free space."""
        return await self._files.statfs(ctx)

    async def access(self, inode: InodeT, mode: ModeT, ctx: RequestContext) -> bool:
        """Never asked while the kernel checks permissions, as it does here."""
        return True

    async def setxattr(
        self, inode: InodeT, name: XAttrNameT, value: bytes, ctx: RequestContext
    ) -> None:
        """Set an extended attribute."""
        await self._of(inode).setxattr(inode, name, value, ctx)

    async def getxattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> bytes:
        """An extended attribute."""
        return await self._of(inode).getxattr(inode, name, ctx)

    async def listxattr(self, inode: InodeT, ctx: RequestContext) -> Sequence[XAttrNameT]:
        """Names of the extended attributes."""
        return await self._of(inode).listxattr(inode, ctx)

    async def removexattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> None:
        """Remove an extended attribute."""
        await self._of(inode).removexattr(inode, name, ctx)

    async def opendir(self, inode: InodeT, ctx: RequestContext) -> FileHandleT:
        """Open a directory for listing."""
        if is_view(inode):
            await self._settle_closed()
        return await self._of(inode).opendir(inode, ctx)

    async def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> None:
        """List entries behind a cookie."""
        await self._of(fh).readdir(fh, start_id, token)

    async def releasedir(self, fh: FileHandleT) -> None:
        """Close a directory."""
        await self._of(fh).releasedir(fh)

    async def fsyncdir(self, fh: FileHandleT, datasync: bool) -> None:
        """Make a directory's changes durable."""
        await self._of(fh).fsyncdir(fh, datasync)

    async def create(
        self,
        parent_inode: InodeT,
        name: FileNameT,
        mode: ModeT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> tuple[FileInfo, EntryAttributes]:
        """Create a regular file and open it."""
        return await self._of(parent_inode).create(parent_inode, name, mode, flags, ctx)

    async def open(self, inode: InodeT, flags: FlagT, ctx: RequestContext) -> FileInfo:
        """Open a file."""
        if is_view(inode):
            await self._settle_closed()
        return await self._of(inode).open(inode, flags, ctx)

    async def read(self, fh: FileHandleT, off: int, size: int) -> bytes:
        """Bytes of an open file."""
        return await self._of(fh).read(fh, off, size)

    async def write(self, fh: FileHandleT, off: int, buf: bytes) -> int:
        """Take bytes for an open file."""
        return await self._of(fh).write(fh, off, buf)

    async def flush(self, fh: FileHandleT) -> None:
        """A descriptor is closed."""
        await self._of(fh).flush(fh)

    async def fsync(self, fh: FileHandleT, datasync: bool) -> None:
        """Make a file's bytes durable."""
        await self._of(fh).fsync(fh, datasync)

    async def release(self, fh: FileHandleT) -> None:
        """The last descriptor of an open file description is gone."""
        await self._of(fh).release(fh)
