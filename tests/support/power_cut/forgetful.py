"""A filesystem that forgets: after a cut it has what was synced, and of the rest what it likes.

    python -m tests.support.power_cut.forgetful MOUNTPOINT FOLDER [deaf]

shows the files of FOLDER, which it reads once and never writes. All is kept in memory twice: as
programs see it, and as a simulated disk (host_layer/simulated_disk.py) that is told of each change
and each sync. A line on standard input makes it do something, and is answered when that is done:

    leave PLACE SEED    make the folder PLACE of what a loss of power at this moment would leave
    cut PLACE SEED      the same, and end at once: whoever uses the mount gets errors

All of a file is synced by whatever syncs it, O_DSYNC included, as the kernel asks a FUSE filesystem
for nothing less. When `deaf`, a sync is said to be done and is not: the planted fault.
"""

import errno
import itertools
import os
import random
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyfuse3
import trio
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
)

from tests.support.host_layer.record import Entry, Event
from tests.support.host_layer.simulated_disk import SimulatedDisk

CACHE_SECONDS: Final = 3600.0
PRETENDED_BLOCKS: Final = 1 << 20  # of 4 KiB: 4 GiB
NOT_ON_DISK: Final = "lock.mdb"  # LMDB makes that one anew
PERMISSIONS: Final = 0o7777


class Node:
    """A file, folder or socket as programs see it."""

    def __init__(self, number: int, mode: int, parent: "Node | None", name: str) -> None:
        self.number = number
        self.mode = mode
        self.parent = parent
        self.name = name
        self.is_named = True
        self.data = bytearray()
        self.children: dict[str, Node] = {}
        self.mtime_ns = self.atime_ns = time.time_ns()

    @property
    def path(self) -> str:
        """As the simulated disk names it."""
        if self.parent is None:
            return "."
        above = self.parent.path
        return self.name if above == "." else f"{above}/{self.name}"

    @property
    def is_on_disk(self) -> bool:
        """Whether the disk is to know of it."""
        kept = stat.S_ISREG(self.mode) or stat.S_ISDIR(self.mode)
        return self.is_named and kept and self.name != NOT_ON_DISK

    def entry(self) -> EntryAttributes:
        """What stat shows."""
        entry = EntryAttributes()
        entry.st_ino = InodeT(self.number)
        entry.generation = 0
        entry.entry_timeout = entry.attr_timeout = CACHE_SECONDS
        entry.st_mode = ModeT(self.mode)
        entry.st_nlink = 2 if stat.S_ISDIR(self.mode) else int(self.is_named)
        entry.st_uid, entry.st_gid = os.getuid(), os.getgid()
        entry.st_size = len(self.data)
        entry.st_blksize = 4096
        entry.st_blocks = -(-len(self.data) // 512)
        entry.st_atime_ns = self.atime_ns
        entry.st_mtime_ns = entry.st_ctime_ns = self.mtime_ns
        return entry


class Forgetful(pyfuse3.Operations):
    """Answers the kernel. Owner of everything: the event-loop thread."""

    def __init__(self, folder: Path, *, is_deaf: bool) -> None:
        super().__init__()
        self.disk = SimulatedDisk.holding(folder)
        self._is_deaf = is_deaf
        self._numbers = itertools.count(pyfuse3.ROOT_INODE)
        self._nodes: dict[int, Node] = {}
        self._load(folder, self._new(stat.S_IFDIR | 0o755, None, ""))

    # -- names ----------------------------------------------------------------------------

    async def lookup(
        self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        """Find a name."""
        return self._child(parent_inode, name).entry()

    async def mkdir(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a folder."""
        node = self._add(parent_inode, name, stat.S_IFDIR | mode & PERMISSIONS)
        self._tell(Event.MADE_FOLDER, node)
        return node.entry()

    async def mknod(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, rdev: int, ctx: RequestContext
    ) -> EntryAttributes:
        """Create a socket, or a file."""
        node = self._add(parent_inode, name, mode)
        self._tell(Event.CREATED, node)
        return node.entry()

    async def create(
        self,
        parent_inode: InodeT,
        name: FileNameT,
        mode: ModeT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> tuple[FileInfo, EntryAttributes]:
        """Create a file and open it."""
        node = self._add(parent_inode, name, stat.S_IFREG | mode & PERMISSIONS)
        self._tell(Event.CREATED, node)
        return self._opened(node), node.entry()

    async def unlink(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Take a name away."""
        self._remove(self._child(parent_inode, name), Event.UNLINKED)

    async def rmdir(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        """Take an empty folder away."""
        node = self._child(parent_inode, name)
        if node.children:
            raise FUSEError(errno.ENOTEMPTY)
        self._remove(node, Event.REMOVED_FOLDER)

    async def rename(
        self,
        parent_inode_old: InodeT,
        name_old: FileNameT,
        parent_inode_new: InodeT,
        name_new: FileNameT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> None:
        """Move a name over another, or to where there is none."""
        node, target = self._child(parent_inode_old, name_old), self._nodes[parent_inode_new]
        assert node.parent is not None
        name = os.fsdecode(name_new)
        former, was_told = node.path, node.is_on_disk
        replaced = target.children.pop(name, None)
        if replaced is not None:
            replaced.is_named = False
        del node.parent.children[node.name]
        node.parent, node.name = target, name
        target.children[name] = node
        if was_told:
            self.disk.take(Entry(Event.RENAMED, former, node.path, 0, b"", durable=False))

    # -- attributes -----------------------------------------------------------------------

    async def getattr(self, inode: InodeT, ctx: RequestContext) -> EntryAttributes:
        """What stat shows."""
        return self._nodes[inode].entry()

    async def setattr(
        self,
        inode: InodeT,
        attr: EntryAttributes,
        fields: SetattrFields,
        fh: FileHandleT | None,
        ctx: RequestContext,
    ) -> EntryAttributes:
        """Change size, mode and times; the disk knows of sizes alone."""
        node = self._nodes[inode]
        if fields.update_size:
            size = attr.st_size
            del node.data[size:]
            node.data.extend(bytes(size - len(node.data)))
            self._tell(Event.CUT, node, offset=size)
        if fields.update_mode:
            node.mode = stat.S_IFMT(node.mode) | attr.st_mode & PERMISSIONS
        if fields.update_mtime:
            node.mtime_ns = attr.st_mtime_ns
        return node.entry()

    async def statfs(self, ctx: RequestContext) -> StatvfsData:
        """There is always room."""
        result = StatvfsData()
        result.f_bsize = result.f_frsize = 4096
        result.f_blocks = result.f_bfree = result.f_bavail = PRETENDED_BLOCKS
        result.f_files = result.f_ffree = result.f_favail = PRETENDED_BLOCKS
        result.f_namemax = 255
        return result

    # -- contents -------------------------------------------------------------------------

    async def opendir(self, inode: InodeT, ctx: RequestContext) -> FileHandleT:
        """Open a folder."""
        return FileHandleT(inode)

    async def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> None:
        """List names, by the numbers of what they name."""
        children = sorted(self._nodes[fh].children.values(), key=lambda node: node.number)
        for node in children:
            name = FileNameT(os.fsencode(node.name))
            if node.number > start_id and not pyfuse3.readdir_reply(
                token, name, node.entry(), node.number
            ):
                return

    async def open(self, inode: InodeT, flags: FlagT, ctx: RequestContext) -> FileInfo:
        """Open a file."""
        node = self._nodes[inode]
        if flags & os.O_TRUNC:
            node.data.clear()
            self._tell(Event.CUT, node)
        return self._opened(node)

    async def read(self, fh: FileHandleT, off: int, size: int) -> bytes:
        """Bytes as they were written."""
        return bytes(self._nodes[fh].data[off : off + size])

    async def write(self, fh: FileHandleT, off: int, buf: bytes) -> int:
        """Take bytes."""
        node = self._nodes[fh]
        data = bytes(buf)
        node.data.extend(bytes(max(off - len(node.data), 0)))
        node.data[off : off + len(data)] = data
        node.mtime_ns = time.time_ns()
        self._tell(Event.WRITTEN, node, offset=off, data=data)
        return len(data)

    async def fsync(self, fh: FileHandleT, datasync: bool) -> None:
        """The disk has all of a file."""
        self._sync(self._nodes[fh])

    async def fsyncdir(self, fh: FileHandleT, datasync: bool) -> None:
        """The disk has the names of a folder."""
        self._sync(self._nodes[fh])

    async def flush(self, fh: FileHandleT) -> None:
        """A close means nothing to a disk."""

    async def release(self, fh: FileHandleT) -> None:
        """Nothing is kept for a descriptor."""

    async def releasedir(self, fh: FileHandleT) -> None:
        """Nothing is kept for a descriptor."""

    async def forget(self, inode_list: Sequence[tuple[InodeT, int]]) -> None:
        """Let go of what has no name any more."""
        for inode, _ in inode_list:
            node = self._nodes.get(inode)
            if node is not None and not node.is_named:
                del self._nodes[inode]

    # -- helpers --------------------------------------------------------------------------

    def _new(self, mode: int, parent: Node | None, name: str) -> Node:
        node = Node(next(self._numbers), mode, parent, name)
        self._nodes[node.number] = node
        if parent is not None:
            parent.children[name] = node
        return node

    def _load(self, folder: Path, into: Node) -> None:
        for path in sorted(folder.iterdir()):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                self._load(path, self._new(mode, into, path.name))
            elif stat.S_ISREG(mode):
                self._new(mode, into, path.name).data += path.read_bytes()

    def _child(self, parent: int, name: bytes) -> Node:
        node = self._nodes[parent].children.get(os.fsdecode(name))
        if node is None:
            raise FUSEError(errno.ENOENT)
        return node

    def _add(self, parent: int, name: bytes, mode: int) -> Node:
        folder, text = self._nodes[parent], os.fsdecode(name)
        if text in folder.children:
            raise FUSEError(errno.EEXIST)
        return self._new(mode, folder, text)

    def _remove(self, node: Node, event: Event) -> None:
        assert node.parent is not None
        self._tell(event, node)
        del node.parent.children[node.name]
        node.is_named = False

    def _opened(self, node: Node) -> FileInfo:
        return FileInfo(fh=FileHandleT(node.number), keep_cache=True)

    def _tell(self, event: Event, node: Node, *, offset: int = 0, data: bytes = b"") -> None:
        if node.is_on_disk:
            self.disk.take(Entry(event, node.path, "", offset, data, durable=False))

    def _sync(self, node: Node) -> None:
        if not self._is_deaf:
            self._tell(Event.SYNCED, node)


async def _obey(disk: SimulatedDisk) -> None:
    """Carry out what standard input says, each as one moment; at its end, end."""
    async with trio.lowlevel.FdStream(os.dup(sys.stdin.fileno())) as stream:
        async for line in stream:
            verb, place, seed = line.decode().split()
            disk.leave(Path(place), random.Random(int(seed)))
            os.write(sys.stdout.fileno(), b"done\n")
            if verb == "cut":
                os._exit(0)
    os._exit(1)


async def _serve(operations: Forgetful) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_obey, operations.disk)
        await pyfuse3.main()
        nursery.cancel_scope.cancel()


def main(mountpoint: str, folder: Path, *, is_deaf: bool) -> None:
    """Serve until told to end; says when it is mounted."""
    operations = Forgetful(folder, is_deaf=is_deaf)
    options = {"fsname=forgetful", "allow_other", "default_permissions"}
    pyfuse3.init(operations, mountpoint, options)
    os.write(sys.stdout.fileno(), b"done\n")
    try:
        trio.run(_serve, operations)
    finally:
        pyfuse3.close(unmount=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), is_deaf="deaf" in sys.argv[3:])
