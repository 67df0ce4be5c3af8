"""What a tree says of an inode, as the rows that the index would have of it."""

from collections.abc import Callable

from fsmodel.history.tree_entry import FIRST_PLACE, VALUE_INLINE_MAX, TreeEntry, TreeXattr
from fsmodel.ids import ObjectId
from lmdb_index.records import InodeFlag, InodeRecord


def inode_row(entry: TreeEntry, parent: int, cookie: int) -> InodeRecord:
    """The row of an entry's inode, as if settled, and but for the tree that equals a directory."""
    return InodeRecord(
        mode=entry.mode,
        uid=entry.uid,
        gid=entry.gid,
        nlink=entry.nlink,
        size=entry.size,
        rdev=entry.rdev,
        atime_ns=entry.atime_ns,
        mtime_ns=entry.mtime_ns,
        ctime_ns=entry.ctime_ns,
        birth_ns=entry.birth_ns,
        parent=parent,
        cookie=cookie,
        content=entry.content,
        content_size=entry.content_size,
        next_cookie=entry.next_cookie,
        flags=entry.flags & ~(FIRST_PLACE | InodeFlag.UNSETTLED),
        target=entry.target,
    )


def xattr_row(xattr: TreeXattr, load: Callable[[ObjectId], bytes]) -> bytes:
    """The value of an attribute; a long one is loaded. Raises what `load` does."""
    return xattr.value if xattr.size <= VALUE_INLINE_MAX else load(ObjectId(xattr.value))
