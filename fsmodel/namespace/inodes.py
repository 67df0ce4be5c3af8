"""What an inode is and what POSIX says of its attributes, as pure functions on records.

The rules follow Linux: fs/attr.c and fs/inode.c for set-uid, set-gid and access times.
"""

import stat
from collections.abc import Callable
from enum import Enum
from typing import Final, NamedTuple

from fsmodel.errors import NotADirectory, NotFound, NotPermitted
from fsmodel.ids import InodeId
from lmdb_index.records import InodeFlag, InodeRecord

DIRECTORY: Final = stat.S_IFDIR >> 12
REGULAR: Final = stat.S_IFREG >> 12
SYMLINK: Final = stat.S_IFLNK >> 12

PERMISSION_BITS: Final = 0o7777  # what chmod sets
RELATIME_NS: Final = 24 * 3600 * 10**9

_KIND_COUNTERS: Final = {DIRECTORY: "directories", REGULAR: "files", SYMLINK: "symlinks"}


class Creator(NamedTuple):
    """On whose behalf something is created.

    `in_group` says whether the creator is a member of a group (or may ignore groups). Without
    it the rule it serves is left to the kernel, which applies it since Linux 6.0.
    """

    uid: int
    gid: int
    in_group: Callable[[int], bool] | None = None


class AttributeChange(NamedTuple):
    """Attributes to set; None leaves one as it is. Sizes are changed with the content.

    The change time becomes now unless it is given.
    """

    mode: int | None = None  # permission bits; those of the type are ignored
    uid: int | None = None
    gid: int | None = None
    atime_ns: int | None = None
    mtime_ns: int | None = None
    ctime_ns: int | None = None

    @property
    def sets_owner(self) -> bool:
        """Whether user or group is set."""
        return self.uid is not None or self.gid is not None

    @property
    def only_times(self) -> bool:
        """Whether nothing but times is set."""
        return self.mode is self.uid is self.gid is None

    def is_of(self, record: InodeRecord) -> bool:
        """Whether an inode has all that is wanted already, the change time included."""
        return (
            self.ctime_ns == record.ctime_ns
            and self.mtime_ns in (None, record.mtime_ns)
            and self.atime_ns in (None, record.atime_ns)
            and self.only_times
        )


class AtimeMode(Enum):
    """When reading moves the access time, as the mount options of these names say."""

    RELATIME = "relatime"  # once after each change, and once a day
    STRICTATIME = "strictatime"
    NOATIME = "noatime"


def kind_of(record: InodeRecord) -> int:
    """The type of an inode: st_mode >> 12."""
    return record.mode >> 12


def is_directory(record: InodeRecord) -> bool:
    """Whether the inode is a directory."""
    return record.mode >> 12 == DIRECTORY


def counters_of(record: InodeRecord) -> tuple[str, ...]:
    """The counters an inode is part of. What is hidden only counts as an inode, or as a version."""
    if record.flags & InodeFlag.HIDDEN:
        return ("inodes", "versions") if record.flags & InodeFlag.VERSION else ("inodes",)
    counter = _KIND_COUNTERS.get(kind_of(record))
    return ("inodes", counter) if counter else ("inodes",)


def bytes_counter(record: InodeRecord) -> str:
    """The counter that the size of a regular file is part of."""
    if record.flags & InodeFlag.HIDDEN:
        return "version_bytes" if record.flags & InodeFlag.VERSION else "hidden_bytes"
    return "logical_bytes"


def require_directory(inode: InodeId, record: InodeRecord) -> None:
    """Raises NotADirectory."""
    if record.mode >> 12 != DIRECTORY:
        raise NotADirectory(f"inode {inode} is not a directory")


def require_linked(inode: InodeId, record: InodeRecord) -> None:
    """Raises NotFound when the last name is gone and only open handles keep the inode."""
    if record.nlink == 0:
        raise NotFound(f"inode {inode} has been removed")


def require_unlocked(inode: InodeId, record: InodeRecord) -> None:
    """Raises NotPermitted for an inode about which nothing may change."""
    if record.flags & InodeFlag.LOCKED:
        raise NotPermitted(f"inode {inode} is locked")


def initial_owner(directory: InodeRecord, mode: int, creator: Creator) -> tuple[int, int]:
    """Mode and group of something created in a directory.

    A set-gid directory passes on its group, and to directories the bit itself. A group-executable
    file keeps set-gid there only if its creator belongs to that group.
    """
    if not directory.mode & stat.S_ISGID:
        return mode, creator.gid
    if stat.S_ISDIR(mode):
        return mode | stat.S_ISGID, directory.gid
    runs_as_group = mode & stat.S_ISGID and mode & stat.S_IXGRP
    if runs_as_group and creator.in_group is not None and not creator.in_group(directory.gid):
        mode &= ~stat.S_ISGID
    return mode, directory.gid


def without_privileges(mode: int) -> int:
    """The mode after a write or a change of owner: directories keep theirs.

    Set-gid without group-execute is no privilege (it marked mandatory locking) and stays.
    """
    if stat.S_ISDIR(mode):
        return mode
    mode &= ~stat.S_ISUID
    return mode & ~stat.S_ISGID if mode & stat.S_IXGRP else mode


def access_is_due(record: InodeRecord, now_ns: int, atime_mode: AtimeMode) -> bool:
    """Whether reading at this moment moves the access time."""
    if atime_mode is AtimeMode.NOATIME or record.flags & InodeFlag.LOCKED:
        return False
    if atime_mode is AtimeMode.STRICTATIME:
        return record.atime_ns != now_ns
    seen_since_change = record.atime_ns > max(record.mtime_ns, record.ctime_ns)
    return not seen_since_change or now_ns - record.atime_ns >= RELATIME_NS
