"""Hard links: one more name for a file, or one less; the last one ends an inode."""

from fsmodel.change import Change
from fsmodel.errors import (
    DirectoryNotEmpty,
    IsADirectory,
    NotADirectory,
    NotPermitted,
    TooManyLinks,
)
from fsmodel.ids import InodeId
from fsmodel.limits import LINKS_MAX
from fsmodel.namespace.directories import Directories
from fsmodel.namespace.former_names import FormerNames, NothingKept
from fsmodel.namespace.inodes import (
    DIRECTORY,
    REGULAR,
    is_directory,
    kind_of,
    require_linked,
    require_unlocked,
)
from fsmodel.namespace.names import NamePolicy
from fsmodel.namespace.orphans import Orphans
from fsmodel.namespace.places import Place, add_place, remove_place
from lmdb_index.records import DirentRecord


class Links:
    """Adds and removes names. Owner: the thread that owns the index."""

    def __init__(self, directories: Directories, orphans: Orphans, policy: NamePolicy) -> None:
        self._directories = directories
        self._orphans = orphans
        self._policy = policy
        self.former: FormerNames = NothingKept()

    def link(self, change: Change, inode: InodeId, parent: InodeId, name: bytes) -> None:
        """Give a file one more name.

        Raises AlreadyExists, NotFound (also for an inode whose last name is gone), NotADirectory,
        NotPermitted for directories and locked inodes, TooManyLinks, and what the policy raises.
        """
        self._directories.require_free(change, parent, name)
        record = change.inode(inode)
        require_unlocked(inode, record)
        if is_directory(record):
            raise NotPermitted("a directory has only one name")
        require_linked(inode, record)
        if record.nlink >= LINKS_MAX:
            raise TooManyLinks(f"inode {inode} has {record.nlink} names, the limit")
        self._policy.check_entry(parent, name, kind_of(record))
        self._policy.check_link(inode, parent, name)
        cookie = self._directories.insert(change, parent, name, inode, kind_of(record))
        add_place(change, inode, Place(parent, cookie))
        change.edit(inode).ctime_ns = change.now_ns

    def unlink(self, change: Change, parent: InodeId, name: bytes) -> InodeId:
        """Remove a name of anything but a directory; return what it named.

        Raises NotFound, NotADirectory, IsADirectory, NotPermitted.
        """
        dirent = self._directories.require(change, parent, name)
        if dirent.kind == DIRECTORY:
            raise IsADirectory(f"{name!r} in directory {parent} is a directory")
        return self._remove(change, parent, name, dirent)

    def rmdir(self, change: Change, parent: InodeId, name: bytes) -> InodeId:
        """Remove an empty directory; return its number.

        Raises NotFound, NotADirectory, DirectoryNotEmpty, NotPermitted.
        """
        dirent = self._directories.require(change, parent, name)
        if dirent.kind != DIRECTORY:
            raise NotADirectory(f"{name!r} in directory {parent} is not a directory")
        require_empty(change, InodeId(dirent.inode))
        return self._remove(change, parent, name, dirent)

    def drop(self, change: Change, inode: InodeId, place: Place, name: bytes | None = None) -> None:
        """An entry names the inode no longer. Raises NotPermitted for a locked inode.

        Given the entry's `name`, a file whose last name this was may be kept as a version.
        """
        record = change.edit(inode)
        require_unlocked(inode, record)
        is_last = record.nlink == 1 and kind_of(record) == REGULAR
        if name is not None and is_last and self.former.keep_removed(change, inode, place, name):
            return
        remove_place(change, inode, place)
        record.ctime_ns = change.now_ns
        if record.nlink == 0 or is_directory(record):
            self._orphans.bury(change, inode)

    def _remove(
        self, change: Change, parent: InodeId, name: bytes, dirent: DirentRecord
    ) -> InodeId:
        inode = InodeId(dirent.inode)
        self._directories.remove(change, parent, name, dirent)
        self.drop(change, inode, Place(parent, dirent.cookie), name)
        return inode


def require_empty(change: Change, directory: InodeId) -> None:
    """Raises DirectoryNotEmpty."""
    if change.inode(directory).size:
        raise DirectoryNotEmpty(f"directory {directory} is not empty")
