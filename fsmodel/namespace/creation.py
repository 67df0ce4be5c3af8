"""Making inodes, and the entries that name them.

A directory with a default access control list passes it on, and the mode becomes what both the
list and the creator allow, as acl(5) says. By then the kernel has taken the umask off the mode,
which acl(5) does not want where there is a default list: pyfuse3 cannot ask it not to. So such a
file may come out stricter than on ext4, never laxer.
"""

import stat
from typing import Final

from fsmodel.change import Change
from fsmodel.errors import AlreadyExists, InvalidArgument, NameTooLong, NotFound, NotPermitted
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.limits import SYMLINK_TARGET_BYTES_MAX
from fsmodel.namespace import acls
from fsmodel.namespace.directories import FIRST_COOKIE, Directories
from fsmodel.namespace.inodes import (
    PERMISSION_BITS,
    SYMLINK,
    Creator,
    counters_of,
    initial_owner,
    is_directory,
)
from fsmodel.namespace.names import NamePolicy
from fsmodel.namespace.places import Place, add_place
from fsmodel.namespace.xattrs import Xattrs
from lmdb_index.records import InodeFlag, InodeRecord

WHITEOUT_MODE: Final = stat.S_IFCHR  # with device 0/0: what an overlay takes for "deleted here"

_DIRECTORY_BITS: Final = 0o1777  # of those mkdir is asked for; set-gid comes from the parent
_NODE_TYPES: Final = (stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK)
_DEVICE_TYPES: Final = (stat.S_IFCHR, stat.S_IFBLK)


class Creation:
    """Makes new inodes. Owner: the thread that owns the index."""

    def __init__(
        self, inodes: InodeTable, directories: Directories, xattrs: Xattrs, policy: NamePolicy
    ) -> None:
        self._inodes = inodes
        self._directories = directories
        self._xattrs = xattrs
        self._policy = policy

    def make_root(self, change: Change, mode: int, uid: int, gid: int) -> None:
        """Make the root of an empty store. Raises AlreadyExists."""
        if self._inodes.find(ROOT_INODE) is not None:
            raise AlreadyExists("the tree has a root")
        mode = stat.S_IFDIR | mode & PERMISSION_BITS
        inode = _add(change, _new_record(change, mode, uid, gid))
        assert inode == ROOT_INODE

    def make_directory(
        self, change: Change, parent: InodeId, name: bytes, mode: int, creator: Creator
    ) -> InodeId:
        """Make an empty directory.

        Raises AlreadyExists, NotFound, NotADirectory, NotPermitted, and what the policy raises.
        """
        mode = stat.S_IFDIR | mode & _DIRECTORY_BITS
        return self._make(change, parent, name, mode, creator)

    def make_node(
        self,
        change: Change,
        parent: InodeId,
        name: bytes,
        mode: int,
        rdev: int,
        creator: Creator,
    ) -> InodeId:
        """Make a regular file (also when `mode` names no type), FIFO, socket or device.

        `rdev` counts for devices only. Raises as `make_directory`; NotPermitted for a directory
        and InvalidArgument for another type, as mknod(2).
        """
        file_type = stat.S_IFMT(mode) or stat.S_IFREG
        if file_type == stat.S_IFDIR:
            raise NotPermitted("a directory is not made as a node")
        if file_type not in _NODE_TYPES:
            raise InvalidArgument(f"no node has type {file_type:#o}")
        rdev = rdev if file_type in _DEVICE_TYPES else 0
        mode = file_type | mode & PERMISSION_BITS
        return self._make(change, parent, name, mode, creator, rdev=rdev)

    def make_symlink(
        self, change: Change, parent: InodeId, name: bytes, target: bytes, creator: Creator
    ) -> InodeId:
        """Make a symbolic link.

        Raises as `make_directory`; NotFound for an empty target, NameTooLong beyond 4,095 bytes,
        InvalidArgument for one with a NUL.
        """
        if not target:
            raise NotFound("a symbolic link cannot point to nothing")
        if len(target) > SYMLINK_TARGET_BYTES_MAX:
            raise NameTooLong(f"a target of {len(target)} bytes")
        if b"\0" in target:
            raise InvalidArgument("a target with a NUL byte")
        return self._make(change, parent, name, stat.S_IFLNK | 0o777, creator, target=target)

    def make_whiteout(self, change: Change, parent: InodeId, creator: Creator) -> InodeId:
        """Make an inode that says "deleted here", for an entry of that directory."""
        return self._new_inode(change, parent, WHITEOUT_MODE, creator)

    def _make(
        self,
        change: Change,
        parent: InodeId,
        name: bytes,
        mode: int,
        creator: Creator,
        *,
        rdev: int = 0,
        target: bytes = b"",
    ) -> InodeId:
        kind = mode >> 12
        self._directories.require_free(change, parent, name)
        self._policy.check_entry(parent, name, kind)
        if kind == SYMLINK:
            self._policy.check_symlink(parent, name, target)
        inode = self._new_inode(change, parent, mode, creator, rdev=rdev, target=target)
        cookie = self._directories.insert(change, parent, name, inode, kind)
        add_place(change, inode, Place(parent, cookie))
        return inode

    def _new_inode(
        self,
        change: Change,
        parent: InodeId,
        mode: int,
        creator: Creator,
        *,
        rdev: int = 0,
        target: bytes = b"",
    ) -> InodeId:
        """An inode that no entry names yet."""
        directory = change.inode(parent)
        mode, gid = initial_owner(directory, mode, creator)
        default: acls.Acl = ()
        if not stat.S_ISLNK(mode):
            default = self._xattrs.default_acl(parent, directory)
        access, mode = acls.inherited(default, mode) if default else ((), mode)
        record = _new_record(change, mode, creator.uid, gid)
        record.rdev, record.target = rdev, target
        record.size = len(target)
        record.flags |= directory.flags & InodeFlag.HIDDEN
        inode = _add(change, record)
        if default:
            self._xattrs.inherit(change, inode, default, access)
        return inode


def _new_record(change: Change, mode: int, uid: int, gid: int) -> InodeRecord:
    now = change.now_ns
    record = InodeRecord(
        mode=mode,
        uid=uid,
        gid=gid,
        nlink=0,
        size=0,
        rdev=0,
        atime_ns=now,
        mtime_ns=now,
        ctime_ns=now,
        birth_ns=now,
        parent=0,
        cookie=0,
    )
    if is_directory(record):
        record.nlink, record.next_cookie = 2, FIRST_COOKIE
    return record


def _add(change: Change, record: InodeRecord) -> InodeId:
    for counter in counters_of(record):
        change.operation.add(counter, 1)
    return change.add_inode(record)
