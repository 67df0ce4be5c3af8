"""A tree with one of everything a store can hold, and what must be found of it again."""

import stat
from typing import Any

import msgspec

from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.namespace.inodes import AttributeChange
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index.index import Index
from lmdb_index.schema import (
    DIRENT,
    DIRENT_ORDER,
    EXTENT,
    INODE,
    LINK,
    ORPHAN,
    UNSETTLED,
    XATTR,
    Table,
)
from tests.support.volume_store import USER, random_bytes

SHOWN: tuple[Table[Any], ...] = (
    *(INODE, DIRENT, DIRENT_ORDER, LINK, XATTR, EXTENT, ORPHAN, UNSETTLED),
)
LONG_VALUE = random_bytes("value", 60_000)


def put_file(volume: Volume, directory: InodeId, name: bytes, data: bytes) -> InodeId:
    """A new file with these bytes."""
    inode = volume.make_node(directory, name, stat.S_IFREG | 0o640, 0, USER)
    write_file(volume, inode, data)
    return inode


def write_file(volume: Volume, inode: InodeId, data: bytes, offset: int = 0) -> None:
    """Write and settle."""
    volume.open_file(inode, writing=True)
    volume.write(inode, offset, data)
    run_inline(volume.contents.settle(inode))
    volume.close_file(inode)


def fill_tree(volume: Volume, *, big_bytes: int = 3_000_000, hole_bytes: int = 50_000_000) -> None:
    """One of everything: kinds, links, names, owners, times, attributes, sizes."""
    one = volume.make_directory(ROOT_INODE, b"one", 0o750, USER)
    two = volume.make_directory(one, b"two \xff\xfe", 0o1777, USER)
    volume.make_directory(two, b"empty", 0o700, USER)
    small = put_file(volume, one, b"small", b"few bytes")
    put_file(volume, one, b"none", b"")
    put_file(volume, two, b"big", random_bytes("big", big_bytes))
    hole = put_file(volume, two, b"hole", b"x")
    write_file(volume, hole, b"y", offset=hole_bytes)
    volume.link(small, two, b"linked")
    volume.link(small, ROOT_INODE, b"a link")
    volume.make_symlink(two, b"symlink", b"../" * 100 + b"target", USER)
    for kind in (stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK):
        volume.make_node(one, b"node %x" % kind, kind | 0o604, 0x10305, USER)
    for inode in (small, two, ROOT_INODE):
        volume.set_xattr(inode, b"user.short", b"value")
        volume.set_xattr(inode, b"user.long", LONG_VALUE)
        volume.set_xattr(inode, b"user.none", b"")
    old, new = -12_345_678_901_234_567, 9_876_543_210_987_654_321
    volume.set_attributes(small, AttributeChange(atime_ns=old, mtime_ns=new, uid=70000, gid=1))
    volume.set_attributes(ROOT_INODE, AttributeChange(mode=0o755, mtime_ns=old))


def rows_shown(index: Index) -> dict[tuple[bytes, bytes], tuple[Any, ...]]:
    """Every row that says what users see."""
    return {
        (table.name, key): msgspec.structs.astuple(record)
        for table in SHOWN
        for key, record in index.scan(table)
    }
