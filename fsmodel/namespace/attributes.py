"""Changing the attributes of inodes: chmod, chown, times, and what each entails."""

import stat

from fsmodel.change import Change
from fsmodel.errors import NotSupported
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import (
    PERMISSION_BITS,
    SYMLINK,
    AttributeChange,
    is_directory,
    kind_of,
    require_unlocked,
    without_privileges,
)
from fsmodel.namespace.xattrs import CAPABILITY, Xattrs
from lmdb_index.records import InodeFlag, InodeRecord


class Attributes:
    """Sets attributes by the rules of POSIX. Owner: the thread that owns the index."""

    def __init__(self, xattrs: Xattrs) -> None:
        self._xattrs = xattrs

    def set(self, change: Change, inode: InodeId, wanted: AttributeChange) -> None:
        """Set what is given; a change of owner takes privileges away unless the mode is given too.

        Raises NotFound, NotPermitted for a locked inode, NotSupported for the mode of a symlink.
        """
        record = self._opened(change, inode)
        set_fields(record, wanted, change.now_ns)
        if not record.flags & InodeFlag.HAS_XATTRS:
            return
        if wanted.sets_owner and not is_directory(record):
            self._xattrs.discard(change, inode, CAPABILITY)
        if wanted.mode is not None:
            self._xattrs.follow_mode(change, inode, wanted.mode)

    def touch_modified(self, change: Change, inode: InodeId) -> None:
        """The content of a file changes now. Raises NotFound, NotPermitted for a locked inode."""
        self._opened(change, inode).mtime_ns = change.now_ns

    def has_privileges(
        self, inode: InodeId, record: InodeRecord, *, keep_set_ids: bool = False
    ) -> bool:
        """Whether writing to the inode has to take something from it."""
        if is_directory(record):
            return False
        may_run_as_owner = not keep_set_ids and without_privileges(record.mode) != record.mode
        return may_run_as_owner or self._xattrs.find(inode, record, CAPABILITY) is not None

    def clear_privileges(
        self, change: Change, inode: InodeId, *, keep_set_ids: bool = False
    ) -> bool:
        """Take set-uid, set-gid and capabilities from a file that is written or truncated.

        Whoever may set these bits keeps them when writing, but no writer keeps capabilities.
        Returns whether there was anything to take. Raises NotFound, NotPermitted for a locked
        inode. The kernel leaves this to the filesystem (FUSE_HANDLE_KILLPRIV).
        """
        record = change.inode(inode)
        require_unlocked(inode, record)
        if not self.has_privileges(inode, record, keep_set_ids=keep_set_ids):
            return False
        record = change.edit(inode)
        record.ctime_ns = change.now_ns
        if not keep_set_ids:
            record.mode = without_privileges(record.mode)
        self._xattrs.discard(change, inode, CAPABILITY)
        return True

    def _opened(self, change: Change, inode: InodeId) -> InodeRecord:
        """The record of an inode whose attributes change, stamped."""
        record = change.edit(inode)
        require_unlocked(inode, record)
        record.ctime_ns = change.now_ns
        return record


def set_fields(record: InodeRecord, wanted: AttributeChange, now_ns: int) -> None:
    """Let a record say what is wanted, as far as it says that itself.

    A change of owner takes privileges away unless the mode is given too. Raises NotSupported for
    the mode of a symlink; the record may have changed in part then.
    """
    if wanted.sets_owner:
        record.uid = record.uid if wanted.uid is None else wanted.uid
        record.gid = record.gid if wanted.gid is None else wanted.gid
        record.mode = without_privileges(record.mode)
    if wanted.mode is not None:
        if kind_of(record) == SYMLINK:
            raise NotSupported("a symbolic link has no permissions of its own")
        record.mode = stat.S_IFMT(record.mode) | wanted.mode & PERMISSION_BITS
    if wanted.atime_ns is not None:
        record.atime_ns = wanted.atime_ns
    if wanted.mtime_ns is not None:
        record.mtime_ns = wanted.mtime_ns
    record.ctime_ns = now_ns if wanted.ctime_ns is None else wanted.ctime_ns
