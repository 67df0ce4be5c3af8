"""Which handlers answer a request: those for stored inodes, or those for views."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar

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
from fsmodel.views.nodes import VIEW_BIT

Answered = TypeVar("Answered")
Answer: TypeAlias = Coroutine[Any, Any, Answered]


class RoutedOperations(pyfuse3.Operations):
    """The whole filesystem as the kernel sees it: a tree of inodes, and views in it.

    The number of an inode or of what is open tells which part is meant; besides, a view is entered
    and removed by its name in a stored directory. As all requests pass here, what a handler answers
    is handed on without being awaited.
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
        return self._views if number & VIEW_BIT else self._files

    def _of_name(self, parent: int, name: bytes) -> CairnOperations | ViewOperations:
        return self._views if is_view_name(InodeId(parent), name) else self._of(parent)

    async def _settled(self, handler: Callable[..., Answer[Answered]], *arguments: Any) -> Answered:
        """What a handler of views answers once it can speak of settled files."""
        await self._settle_closed()
        return await handler(*arguments)

    async def _forget(
        self, held: Sequence[tuple[InodeT, int]], of_views: Sequence[tuple[InodeT, int]]
    ) -> None:
        await self._files.forget([each for each in held if not each[0] & VIEW_BIT])
        await self._views.forget(of_views)

    def lookup(
        self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext
    ) -> Answer[EntryAttributes]:
        """Find a name."""
        operations = self._of_name(parent_inode, name)
        if operations is self._views:
            return self._settled(operations.lookup, parent_inode, name, ctx)
        return operations.lookup(parent_inode, name, ctx)

    def forget(self, inode_list: Sequence[tuple[InodeT, int]]) -> Answer[None]:
        """The kernel no longer holds these inodes."""
        of_views = [held for held in inode_list if held[0] & VIEW_BIT]
        return self._forget(inode_list, of_views) if of_views else self._files.forget(inode_list)

    async def mkdir(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a directory."""
        hidden = self._views.is_hidden(parent_inode, name, ctx)
        operations = self._views if hidden else self._of(parent_inode)
        entry = await operations.mkdir(parent_inode, name, mode, ctx)
        self._views.note_directory(entry, ctx)
        return entry

    def mknod(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, rdev: int, ctx: RequestContext
    ) -> Answer[EntryAttributes]:
        """Create a file, FIFO, socket or device node."""
        return self._of(parent_inode).mknod(parent_inode, name, mode, rdev, ctx)

    def symlink(
        self, parent_inode: InodeT, name: FileNameT, target: FileNameT, ctx: RequestContext
    ) -> Answer[EntryAttributes]:
        """Create a symbolic link."""
        return self._of(parent_inode).symlink(parent_inode, name, target, ctx)

    def link(
        self, inode: InodeT, new_parent_inode: InodeT, new_name: FileNameT, ctx: RequestContext
    ) -> Answer[EntryAttributes]:
        """Give an inode one more name."""
        operations = self._of(inode | new_parent_inode)
        return operations.link(inode, new_parent_inode, new_name, ctx)

    def unlink(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> Answer[None]:
        """Remove a name of something that is no directory."""
        return self._of(parent_inode).unlink(parent_inode, name, ctx)

    def rmdir(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> Answer[None]:
        """Remove an empty directory."""
        return self._of_name(parent_inode, name).rmdir(parent_inode, name, ctx)

    def rename(
        self,
        parent_inode_old: InodeT,
        name_old: FileNameT,
        parent_inode_new: InodeT,
        name_new: FileNameT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> Answer[None]:
        """Move a name; one side being a view is enough for the views to answer."""
        operations = self._of_name(parent_inode_old | parent_inode_new, name_old)
        return operations.rename(parent_inode_old, name_old, parent_inode_new, name_new, flags, ctx)

    def readlink(self, inode: InodeT, ctx: RequestContext) -> Answer[FileNameT]:
        """Where a symbolic link points."""
        return self._of(inode).readlink(inode, ctx)

    def getattr(self, inode: InodeT, ctx: RequestContext) -> Answer[EntryAttributes]:
        """What stat shows."""
        if inode & VIEW_BIT:
            return self._settled(self._views.getattr, inode, ctx)
        return self._files.getattr(inode, ctx)

    def setattr(
        self,
        inode: InodeT,
        attr: EntryAttributes,
        fields: SetattrFields,
        fh: FileHandleT | None,
        ctx: RequestContext,
    ) -> Answer[EntryAttributes]:
        """Change attributes."""
        return self._of(inode).setattr(inode, attr, fields, fh, ctx)

    def statfs(self, ctx: RequestContext) -> Answer[StatvfsData]:
        """The host's free space."""
        return self._files.statfs(ctx)

    async def access(self, inode: InodeT, mode: ModeT, ctx: RequestContext) -> bool:
        """Never asked while the kernel checks permissions, as it does here."""
        return True

    def setxattr(
        self, inode: InodeT, name: XAttrNameT, value: bytes, ctx: RequestContext
    ) -> Answer[None]:
        """Set an extended attribute."""
        return self._of(inode).setxattr(inode, name, value, ctx)

    def getxattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> Answer[bytes]:
        """An extended attribute."""
        return self._of(inode).getxattr(inode, name, ctx)

    def listxattr(self, inode: InodeT, ctx: RequestContext) -> Answer[Sequence[XAttrNameT]]:
        """Names of the extended attributes."""
        return self._of(inode).listxattr(inode, ctx)

    def removexattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> Answer[None]:
        """Remove an extended attribute."""
        return self._of(inode).removexattr(inode, name, ctx)

    def opendir(self, inode: InodeT, ctx: RequestContext) -> Answer[FileHandleT]:
        """Open a directory for listing."""
        if inode & VIEW_BIT:
            return self._settled(self._views.opendir, inode, ctx)
        return self._files.opendir(inode, ctx)

    def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> Answer[None]:
        """List entries behind a cookie."""
        return self._of(fh).readdir(fh, start_id, token)

    def releasedir(self, fh: FileHandleT) -> Answer[None]:
        """Close a directory."""
        return self._of(fh).releasedir(fh)

    def fsyncdir(self, fh: FileHandleT, datasync: bool) -> Answer[None]:
        """Make a directory's changes durable."""
        return self._of(fh).fsyncdir(fh, datasync)

    def create(
        self,
        parent_inode: InodeT,
        name: FileNameT,
        mode: ModeT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> Answer[tuple[FileInfo, EntryAttributes]]:
        """Create a regular file and open it."""
        return self._of(parent_inode).create(parent_inode, name, mode, flags, ctx)

    def open(self, inode: InodeT, flags: FlagT, ctx: RequestContext) -> Answer[FileInfo]:
        """Open a file."""
        if inode & VIEW_BIT:
            return self._settled(self._views.open, inode, flags, ctx)
        return self._files.open(inode, flags, ctx)

    def read(self, fh: FileHandleT, off: int, size: int) -> Answer[bytes]:
        """Bytes of an open file."""
        return self._of(fh).read(fh, off, size)

    def write(self, fh: FileHandleT, off: int, buf: bytes) -> Answer[int]:
        """Take bytes for an open file."""
        return self._of(fh).write(fh, off, buf)

    def flush(self, fh: FileHandleT) -> Answer[None]:
        """A descriptor is closed."""
        return self._of(fh).flush(fh)

    def fsync(self, fh: FileHandleT, datasync: bool) -> Answer[None]:
        """Make a file's bytes durable."""
        return self._of(fh).fsync(fh, datasync)

    def release(self, fh: FileHandleT) -> Answer[None]:
        """The last descriptor of an open file description is gone."""
        return self._of(fh).release(fh)
