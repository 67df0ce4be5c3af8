"""Extended attributes: which there may be, and the access control lists among them.

An inode's HAS_XATTRS flag tells whether it has any row, so that most inodes are never looked up.
An access list and the permission bits of the mode are kept in step; a list that says no more than
the bits is not stored, as on ext4.
"""

from enum import IntFlag
from typing import Final

from fsmodel.change import Change
from fsmodel.errors import (
    AccessDenied,
    AlreadyExists,
    AttributeTooBig,
    InvalidArgument,
    NoSpace,
    NoSuchAttribute,
    NotPermitted,
    NotSupported,
)
from fsmodel.ids import InodeId
from fsmodel.limits import XATTR_LIST_BYTES_MAX, XATTR_NAME_BYTES_MAX, XATTR_VALUE_BYTES_MAX
from fsmodel.namespace import acls
from fsmodel.namespace.acls import ACCESS_ACL, DEFAULT_ACL
from fsmodel.namespace.inodes import (
    DIRECTORY,
    REGULAR,
    SYMLINK,
    is_directory,
    kind_of,
    require_unlocked,
)
from lmdb_index.index import Index
from lmdb_index.keys import name_of, named_key, number_key
from lmdb_index.records import InodeFlag, InodeRecord, RawRecord
from lmdb_index.schema import XATTR

CAPABILITY: Final = b"security.capability"
_ACLS: Final = (ACCESS_ACL, DEFAULT_ACL)
_USER: Final = b"user."
_TRUSTED: Final = b"trusted."
_OWN: Final = b"cairnfs."
_NAMESPACES: Final = (_USER, _TRUSTED, b"security.")


class XattrFlag(IntFlag):
    """How setting an attribute treats one that exists: the flags of setxattr(2)."""

    CREATE = 1
    REPLACE = 2


NO_XATTR_FLAGS: Final = XattrFlag(0)


class Xattrs:
    """The extended attributes of all inodes. Owner: the thread that owns the index."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def find(self, inode: InodeId, record: InodeRecord, name: bytes) -> bytes | None:
        """A stored value, or None. Sees the change in progress."""
        if not record.flags & InodeFlag.HAS_XATTRS:
            return None
        row = self._index.get(XATTR, named_key(inode, name))
        return None if row is None else row.value

    def get(self, inode: InodeId, record: InodeRecord, name: bytes) -> bytes:
        """A value. Raises NoSuchAttribute, NotSupported, InvalidArgument, AttributeTooBig."""
        value = self.look_up(inode, record, name)
        if value is None:
            raise NoSuchAttribute(f"inode {inode} has no attribute {name!r}")
        return value

    def look_up(self, inode: InodeId, record: InodeRecord, name: bytes) -> bytes | None:
        """A value that somebody asks for; None when there is none. Raises else as `get`."""
        _check_name(name, kind_of(record))
        return self.find(inode, record, name)

    def names(
        self, inode: InodeId, record: InodeRecord, *, with_trusted: bool = True
    ) -> list[bytes]:
        """All names in order, without those of `trusted.` for callers who may not see them.

        Attributes of our own are not listed either: whoever copies attributes could not set them.
        """
        if not record.flags & InodeFlag.HAS_XATTRS:
            return []
        rows = self._index.scan_prefix(XATTR, number_key(inode))
        found = (name_of(key) for key, _ in rows)
        unseen = _OWN if with_trusted else (_OWN, _TRUSTED)
        return [name for name in found if not name.startswith(unseen)]

    def set(
        self,
        change: Change,
        inode: InodeId,
        name: bytes,
        value: bytes,
        flags: XattrFlag = NO_XATTR_FLAGS,
    ) -> None:
        """Set an attribute; for access control lists the flags have no meaning, as on Linux.

        Raises AlreadyExists (CREATE), NoSuchAttribute (REPLACE), NotPermitted for `user.` on what
        is no file or directory, AccessDenied for a default list on what is no directory,
        InvalidArgument for a malformed list or name or unknown flags, NotSupported for another
        namespace, AttributeTooBig, and NoSpace when the names would no longer fit a listing.
        """
        record = self._opened(change, inode, name)
        if len(value) > XATTR_VALUE_BYTES_MAX:
            raise AttributeTooBig(f"{name!r}: {len(value)} bytes, limit {XATTR_VALUE_BYTES_MAX}")
        if name in _ACLS:
            self._set_acl(change, inode, record, name, acls.decode_acl(value))
            return
        self._check_flags(inode, record, name, flags)
        self.put(change, inode, name, value)

    def remove(self, change: Change, inode: InodeId, name: bytes) -> None:
        """Remove an attribute. Removing an access control list that is not there succeeds.

        Raises NoSuchAttribute, and NotPermitted, NotSupported, InvalidArgument as `set`.
        """
        self._opened(change, inode, name)
        if not self.discard(change, inode, name) and name not in _ACLS:
            raise NoSuchAttribute(f"inode {inode} has no attribute {name!r}")

    def put(self, change: Change, inode: InodeId, name: bytes, value: bytes) -> None:
        """Store a value without asking whether the attribute may be set."""
        change.operation.put(XATTR, named_key(inode, name), RawRecord(value))
        change.edit(inode).flags |= InodeFlag.HAS_XATTRS

    def discard(self, change: Change, inode: InodeId, name: bytes) -> bool:
        """Delete a value if there is one; return whether there was."""
        if not change.inode(inode).flags & InodeFlag.HAS_XATTRS:
            return False
        if not change.operation.delete(XATTR, named_key(inode, name)):
            return False
        rest = change.operation.scan_prefix(XATTR, number_key(inode))
        if next(iter(rest), None) is None:
            change.edit(inode).flags &= ~InodeFlag.HAS_XATTRS
        return True

    def follow_mode(self, change: Change, inode: InodeId, mode: int) -> None:
        """Let the access list, where there is one, say what chmod set."""
        value = self.find(inode, change.inode(inode), ACCESS_ACL)
        if value is not None:
            acl = acls.with_mode(acls.decode_acl(value), mode)
            self.put(change, inode, ACCESS_ACL, acls.encode_acl(acl))

    def default_acl(self, directory: InodeId, record: InodeRecord) -> acls.Acl:
        """What a directory passes on to what is created in it; empty without a default list."""
        return acls.decode_acl(self.find(directory, record, DEFAULT_ACL) or b"")

    def inherit(self, change: Change, inode: InodeId, default: acls.Acl, access: acls.Acl) -> None:
        """Give something just created the lists it inherits."""
        if not acls.is_minimal(access):
            self.put(change, inode, ACCESS_ACL, acls.encode_acl(access))
        if is_directory(change.inode(inode)):
            self.put(change, inode, DEFAULT_ACL, acls.encode_acl(default))

    def _opened(self, change: Change, inode: InodeId, name: bytes) -> InodeRecord:
        """The record of an inode whose attribute of that name changes, stamped."""
        record = change.edit(inode)
        require_unlocked(inode, record)
        kind = kind_of(record)
        _check_name(name, kind)
        if name.startswith(_USER) and kind not in (REGULAR, DIRECTORY):
            raise NotPermitted(f"only files and directories have {_USER.decode()} attributes")
        record.ctime_ns = change.now_ns
        return record

    def _check_flags(
        self, inode: InodeId, record: InodeRecord, name: bytes, flags: XattrFlag
    ) -> None:
        if flags & ~int(XattrFlag.CREATE | XattrFlag.REPLACE):
            raise InvalidArgument(f"unknown flags {int(flags):#x} for an attribute")
        exists = self.find(inode, record, name) is not None
        if exists and flags & XattrFlag.CREATE:
            raise AlreadyExists(f"inode {inode} has attribute {name!r}")
        if not exists and flags & XattrFlag.REPLACE:
            raise NoSuchAttribute(f"inode {inode} has no attribute {name!r}")
        if not exists:
            self._check_room(inode, record, name)

    def _check_room(self, inode: InodeId, record: InodeRecord, name: bytes) -> None:
        listed = sum(len(other) + 1 for other in self.names(inode, record))
        if listed + len(name) + 1 > XATTR_LIST_BYTES_MAX:
            raise NoSpace(f"inode {inode} has attribute names of {listed} bytes: remove some")

    def _set_acl(
        self, change: Change, inode: InodeId, record: InodeRecord, name: bytes, acl: acls.Acl
    ) -> None:
        if name == DEFAULT_ACL and acl and not is_directory(record):
            raise AccessDenied("only directories have default access control lists")
        if name == ACCESS_ACL and acl:
            record.mode = record.mode & ~0o777 | acls.mode_of(acl)
        if not acl or (name == ACCESS_ACL and acls.is_minimal(acl)):
            self.discard(change, inode, name)
        else:
            self.put(change, inode, name, acls.encode_acl(acl))


def is_own_attribute(name: bytes) -> bool:
    """Whether an attribute is one of ours, which means nothing anywhere else."""
    return name.startswith(_OWN)


def _check_name(name: bytes, kind: int) -> None:
    """Raises AttributeTooBig, NotSupported, InvalidArgument."""
    if len(name) > XATTR_NAME_BYTES_MAX:
        raise AttributeTooBig(f"an attribute name of {len(name)} bytes")
    if name in _ACLS:
        if kind == SYMLINK:
            raise NotSupported("symbolic links have no access control lists")
    elif not name.startswith(_NAMESPACES):
        raise NotSupported(f"attribute {name!r} is in no known namespace")
    elif name in _NAMESPACES or b"\0" in name:
        raise InvalidArgument(f"{name!r} cannot name an attribute")
