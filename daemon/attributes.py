"""Inode records as the kernel wants them."""

from typing import Final

import pyfuse3

from fsmodel.ids import InodeId
from fsmodel.views.nodes import ViewAttributes, ViewNode
from lmdb_index.records import InodeFlag, InodeRecord

BLOCK_BYTES: Final = 512  # the unit of st_blocks
PREFERRED_IO_BYTES: Final = 128 * 1024
# The daemon is the only writer of real entries, so the kernel may trust them for long.
CACHE_SECONDS: Final = 3600.0


def attributes_of(inode: InodeId, record: InodeRecord, size: int) -> pyfuse3.EntryAttributes:
    """The attributes of an inode whose bytes number `size` as of now."""
    entry = blank_attributes()
    fill_attributes(entry, inode, record, size)
    return entry


def blank_attributes() -> pyfuse3.EntryAttributes:
    """Attributes that every inode has, to be filled with those of one after the other."""
    entry = pyfuse3.EntryAttributes()
    entry.generation = 0
    entry.entry_timeout = CACHE_SECONDS
    entry.attr_timeout = CACHE_SECONDS
    entry.st_blksize = PREFERRED_IO_BYTES
    return entry


def fill_attributes(
    entry: pyfuse3.EntryAttributes, inode: InodeId, record: InodeRecord, size: int
) -> None:
    """Let blank attributes, or those of another inode, be those of this one."""
    # Done for each entry of a listing, where a NewType costs as much as two of these lines.
    entry.st_ino = inode
    entry.st_mode = record.mode
    # Whoever still has a deleted file at hand that lives on as a version sees it without a name.
    entry.st_nlink = 0 if record.flags & InodeFlag.VERSION else record.nlink
    entry.st_uid = record.uid
    entry.st_gid = record.gid
    entry.st_rdev = record.rdev
    entry.st_size = size
    entry.st_blocks = -(-size // BLOCK_BYTES)
    entry.st_atime_ns = record.atime_ns
    entry.st_mtime_ns = record.mtime_ns
    entry.st_ctime_ns = record.ctime_ns


def attributes_in_view(
    node: ViewNode, found: ViewAttributes, generation: int = 0
) -> pyfuse3.EntryAttributes:
    """The attributes of a view node."""
    entry = pyfuse3.EntryAttributes()
    entry.st_ino = pyfuse3.InodeT(node.inode)
    entry.generation = generation
    entry.entry_timeout = entry.attr_timeout = node.cache_seconds
    entry.st_mode = pyfuse3.ModeT(found.mode)
    entry.st_nlink = found.nlink
    entry.st_uid = found.uid
    entry.st_gid = found.gid
    entry.st_rdev = found.rdev
    entry.st_size = found.size
    entry.st_blksize = PREFERRED_IO_BYTES
    entry.st_blocks = -(-found.size // BLOCK_BYTES)
    entry.st_mtime_ns = found.mtime_ns
    entry.st_atime_ns = found.mtime_ns if found.atime_ns is None else found.atime_ns
    entry.st_ctime_ns = found.ctime_ns
    return entry


def absent_entry(seconds: float = CACHE_SECONDS) -> pyfuse3.EntryAttributes:
    """The answer for a name that does not exist, which the kernel may remember for a while."""
    entry = pyfuse3.EntryAttributes()
    entry.st_ino = pyfuse3.InodeT(0)
    entry.entry_timeout = seconds
    return entry
