"""Answers to the requests of the kernel, without anything behind them."""

import itertools
import os
import stat
from collections.abc import Sequence
from errno import EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY
from typing import Final

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

from bench.ceiling.nodes import CACHE_SECONDS, Node

ZEROS: Final = bytes(1 << 20)
PRETENDED_BLOCKS: Final = 1 << 28  # of 4 KiB: 1 TiB


class CeilingOperations(pyfuse3.Operations):
    """Names and attributes in dictionaries, and no contents."""

    supports_dot_lookup = True
    enable_writeback_cache = True
    enable_acl = True

    def __init__(self, nodes: dict[int, Node]) -> None:
        super().__init__()
        self._nodes = nodes
        self._numbers = itertools.count(max(nodes) + 1)
        self._listings: dict[int, list[tuple[bytes, Node]]] = {}
        self._handles = itertools.count(1)

    # -- names ----------------------------------------------------------------------------

    async def lookup(
        self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Find a name; that it is absent may be remembered."""
        if name == b".":
            return self._nodes[parent_inode].entry
        child = self._nodes[parent_inode].children.get(name)
        if child is not None:
            return child.entry
        absent = EntryAttributes()
        absent.st_ino = InodeT(0)
        absent.entry_timeout = CACHE_SECONDS
        return absent

    async def forget(self, inode_list: Sequence[tuple[InodeT, int]]) -> None:
        """Drop inodes that have no name any more."""
        for inode, _ in inode_list:
            node = self._nodes.get(inode)
            if node is not None and node.entry.st_nlink == 0:
                del self._nodes[inode]

    async def create(
        self,
        parent_inode: InodeT,
        name: FileNameT,
        mode: ModeT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> tuple[FileInfo, EntryAttributes]:
        """Create and open a file."""
        node = self._add(parent_inode, name, stat.S_IFREG | stat.S_IMODE(mode), ctx)
        return FileInfo(fh=FileHandleT(node.entry.st_ino), keep_cache=True), node.entry

    async def mknod(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, rdev: int, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a file or special file."""
        return self._add(parent_inode, name, mode, ctx).entry

    async def mkdir(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a directory."""
        return self._add(parent_inode, name, stat.S_IFDIR | stat.S_IMODE(mode), ctx).entry

    async def symlink(
        self, parent_inode: InodeT, name: FileNameT, target: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a symbolic link."""
        node = self._add(parent_inode, name, stat.S_IFLNK | 0o777, ctx)
        node.target = target
        node.entry.st_size = len(target)
        return node.entry

    async def readlink(self, inode: InodeT, ctx: RequestContext) -> FileNameT:
        """Where a symbolic link points."""
        return FileNameT(self._nodes[inode].target)

    async def link(
        self,
        inode: InodeT,
        new_parent_inode: InodeT,
        new_name: FileNameT,
        ctx: RequestContext,
    ) -> EntryAttributes:
        """Give an inode one more name."""
        node = self._nodes[inode]
        self._nodes[new_parent_inode].children[new_name] = node
        node.entry.st_nlink += 1
        return node.entry

    async def unlink(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove a name of a file."""
        node = self._child(parent_inode, name)
        if node.is_directory:
            raise FUSEError(EISDIR)
        self._drop(parent_inode, name)

    async def rmdir(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Remove an empty directory."""
        node = self._child(parent_inode, name)
        if not node.is_directory:
            raise FUSEError(ENOTDIR)
        if node.children:
            raise FUSEError(ENOTEMPTY)
        self._drop(parent_inode, name)

    async def rename(
        self,
        parent_inode_old: InodeT,
        name_old: FileNameT,
        parent_inode_new: InodeT,
        name_new: FileNameT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> None:
        """Move a name, replacing what is there."""
        if flags:
            raise FUSEError(EINVAL)
        node = self._child(parent_inode_old, name_old)
        if name_new in self._nodes[parent_inode_new].children:
            self._drop(parent_inode_new, name_new)
        del self._nodes[parent_inode_old].children[name_old]
        self._nodes[parent_inode_new].children[name_new] = node

    # -- attributes -----------------------------------------------------------------------

    async def getattr(self, inode: InodeT, ctx: RequestContext) -> EntryAttributes:
        """What stat shows."""
        return self._node(inode).entry

    async def setattr(
        self,
        inode: InodeT,
        attr: EntryAttributes,
        fields: SetattrFields,
        fh: FileHandleT | None,
        ctx: RequestContext,
    ) -> EntryAttributes:
        """Change attributes; a size is a number like the others."""
        entry = self._node(inode).entry
        if fields.update_size:
            entry.st_size = attr.st_size
        if fields.update_mode:
            entry.st_mode = attr.st_mode
        if fields.update_uid:
            entry.st_uid = attr.st_uid
        if fields.update_gid:
            entry.st_gid = attr.st_gid
        if fields.update_atime:
            entry.st_atime_ns = attr.st_atime_ns
        if fields.update_mtime:
            entry.st_mtime_ns = attr.st_mtime_ns
        if fields.update_ctime:
            entry.st_ctime_ns = attr.st_ctime_ns
        return entry

    async def getxattr(self, inode: InodeT, name: XAttrNameT, ctx: RequestContext) -> bytes:
        """No file has any."""
        raise FUSEError(pyfuse3.ENOATTR)

    async def listxattr(self, inode: InodeT, ctx: RequestContext) -> Sequence[XAttrNameT]:
        """No file has any."""
        return []

    async def statfs(self, ctx: RequestContext) -> StatvfsData:
        """A disk that never fills."""
        result = StatvfsData()
        result.f_bsize = result.f_frsize = 4096
        result.f_blocks = result.f_bfree = result.f_bavail = PRETENDED_BLOCKS
        result.f_files = result.f_ffree = result.f_favail = PRETENDED_BLOCKS
        result.f_namemax = 255
        return result

    async def access(self, inode: InodeT, mode: ModeT, ctx: RequestContext) -> bool:
        """Never asked while the kernel checks permissions."""
        return True

    # -- directories ----------------------------------------------------------------------

    async def opendir(self, inode: InodeT, ctx: RequestContext) -> FileHandleT:
        """List the directory as it is now."""
        handle = next(self._handles)
        self._listings[handle] = list(self._node(inode).children.items())
        return FileHandleT(handle)

    async def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> None:
        """Entries from a position on, until the kernel's buffer is full."""
        listing = self._listings[fh]
        for position in range(start_id, len(listing)):
            name, node = listing[position]
            if not pyfuse3.readdir_reply(token, FileNameT(name), node.entry, position + 1):
                return

    async def releasedir(self, fh: FileHandleT) -> None:
        """Forget the listing."""
        del self._listings[fh]

    async def fsyncdir(self, fh: FileHandleT, datasync: bool) -> None:
        """Nothing is kept, so nothing has to be written."""

    # -- files ----------------------------------------------------------------------------

    async def open(self, inode: InodeT, flags: FlagT, ctx: RequestContext) -> FileInfo:
        """A handle is the inode's number."""
        if flags & os.O_TRUNC:
            self._node(inode).entry.st_size = 0
        return FileInfo(fh=FileHandleT(inode), keep_cache=True)

    async def read(self, fh: FileHandleT, off: int, size: int) -> bytes:
        """Zeros, as many as the file has there."""
        count = min(size, self._node(fh).entry.st_size - off)
        return ZEROS[: max(count, 0)]

    async def write(self, fh: FileHandleT, off: int, buf: bytes) -> int:
        """Remember how far the file reaches."""
        entry = self._node(fh).entry
        entry.st_size = max(entry.st_size, off + len(buf))
        return len(buf)

    async def flush(self, fh: FileHandleT) -> None:
        """Nothing is kept."""

    async def fsync(self, fh: FileHandleT, datasync: bool) -> None:
        """Nothing is kept."""

    async def release(self, fh: FileHandleT) -> None:
        """Nothing was held."""

    # -- helpers --------------------------------------------------------------------------

    def _node(self, inode: int) -> Node:
        try:
            return self._nodes[inode]
        except KeyError:
            raise FUSEError(ENOENT) from None

    def _child(self, parent: InodeT, name: bytes) -> Node:
        try:
            return self._node(parent).children[name]
        except KeyError:
            raise FUSEError(ENOENT) from None

    def _add(self, parent: InodeT, name: bytes, mode: int, context: RequestContext) -> Node:
        siblings = self._node(parent).children
        if name in siblings:
            raise FUSEError(EEXIST)
        number = next(self._numbers)
        node = siblings[name] = self._nodes[number] = Node(number, mode, context)
        return node

    def _drop(self, parent: InodeT, name: bytes) -> None:
        node = self._nodes[parent].children.pop(name)
        node.entry.st_nlink = 0 if node.is_directory else node.entry.st_nlink - 1
