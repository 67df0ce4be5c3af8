"""The tree of inodes and names: one method for each thing a user can do to it.

Every method that changes something is exactly one change: it applies whole or not at all. The
parts are public, and their functions take the change in progress, so that several steps can be
combined in one:

    with namespace.changes.begin() as change:
        for parent, name in artifacts:
            namespace.links.unlink(change, parent, name)

Permissions are not checked here: the kernel does that (`default_permissions`), as it knows groups
and capabilities of the caller. What is checked here holds for everybody.
"""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from fsmodel.change import Change, Changes
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.attributes import Attributes, set_fields
from fsmodel.namespace.creation import Creation
from fsmodel.namespace.directories import Directories
from fsmodel.namespace.former_names import FormerNames
from fsmodel.namespace.inodes import (
    AtimeMode,
    AttributeChange,
    Creator,
    access_is_due,
    require_unlocked,
)
from fsmodel.namespace.links import Links
from fsmodel.namespace.listing import Entry, Listed, Listings
from fsmodel.namespace.names import NamePolicy, OrdinaryNames
from fsmodel.namespace.orphans import IsOpen, Orphans, ReleaseContent
from fsmodel.namespace.paths import Paths
from fsmodel.namespace.renames import NO_RENAME_FLAGS, ROOT_CREATOR, RenameFlag, Renames
from fsmodel.namespace.system_tree import SystemTree
from fsmodel.namespace.xattrs import NO_XATTR_FLAGS, XattrFlag, Xattrs
from lmdb_index.index import Index
from lmdb_index.records import InodeFlag, InodeRecord


class Namespace:
    """The names and attributes of one store. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        inodes: InodeTable,
        changes: Changes,
        *,
        is_open: IsOpen,
        release_content: ReleaseContent,
        policy: NamePolicy,
        atime_mode: AtimeMode = AtimeMode.RELATIME,
    ) -> None:
        """Put the parts together.

        `is_open` tells whether a handle keeps an inode whose last name goes; `release_content`
        lets go of the bytes of a file, in the change that destroys it.
        """
        self.changes = changes
        self.policy = policy
        self.directories = Directories(index, inodes)
        self.xattrs = Xattrs(index)
        self.attributes = Attributes(self.xattrs)
        self.orphans = Orphans(index, is_open, release_content)
        self.creation = Creation(inodes, self.directories, self.xattrs, policy)
        self.links = Links(self.directories, self.orphans, policy)
        self.system = SystemTree(
            inodes,
            self.directories,
            Creation(inodes, self.directories, self.xattrs, OrdinaryNames()),
        )
        self.renames = Renames(self.directories, self.creation, self.links, policy)
        self.paths = Paths(index, inodes, self.directories)
        self.lock_watchers: list[set[InodeId]] = []  # each gets the inodes that are locked from now
        self._listings = Listings(index, inodes)
        self._inodes = inodes
        self._atime_mode = atime_mode

    def keep_former(self, former: FormerNames) -> None:
        """From now on somebody keeps files whose last name goes."""
        self.links.former = self.renames.former = former

    # Reading

    def lookup(self, parent: InodeId, name: bytes) -> InodeId:
        """The inode a name leads to. Raises NotFound, NotADirectory, NameTooLong."""
        return self.directories.lookup(parent, name)

    def find(self, parent: InodeId, name: bytes) -> InodeId | None:
        """The same; None when there is no such name. Raises Stale, NotADirectory, NameTooLong."""
        return self.directories.find_inode(parent, name)

    def record(self, inode: InodeId) -> InodeRecord:
        """Everything known about an inode, to be read only. Raises NotFound."""
        return self._inodes.get(inode)

    def outline(self, inode: InodeId) -> InodeRecord:
        """The same for its attributes alone; contents may be cut short. Raises NotFound."""
        return self._inodes.outline(inode)

    def listing_limit(self, directory: InodeId) -> int:
        """Where a listing that begins now ends. Raises NotFound, NotADirectory."""
        return self._listings.limit(directory)

    def list_entries(
        self, directory: InodeId, after_cookie: int = 0, cookie_limit: int | None = None
    ) -> Iterator[Entry]:
        """The entries after a cookie, up to a `listing_limit`: that of now unless given."""
        if cookie_limit is None:
            cookie_limit = self._listings.limit(directory)
        return self._listings.entries(directory, after_cookie, cookie_limit)

    def list_records(
        self, directory: InodeId, after_cookie: int, cookie_limit: int, expected: int
    ) -> Iterator[Listed]:
        """Entries with the records of their inodes; see Listings.with_records."""
        return self._listings.with_records(directory, after_cookie, cookie_limit, expected)

    def resolve(self, path: bytes) -> InodeId:
        """The inode at a path from the root, no symbolic link followed; see Paths.resolve."""
        return self.paths.resolve(path)

    def paths_of(self, inode: InodeId) -> list[bytes]:
        """Every path of an inode, for log lines. Raises NotFound."""
        return self.paths.paths_of(inode)

    # Creating

    def make_root(self, mode: int, uid: int, gid: int) -> None:
        """Make the root directory of an empty store. Raises AlreadyExists."""
        with self.changes.begin() as change:
            self.creation.make_root(change, mode, uid, gid)

    def make_directory(self, parent: InodeId, name: bytes, mode: int, creator: Creator) -> InodeId:
        """mkdir(2); raises as Creation.make_directory."""
        with self.changes.begin() as change:
            return self.creation.make_directory(change, parent, name, mode, creator)

    def make_node(
        self, parent: InodeId, name: bytes, mode: int, rdev: int, creator: Creator
    ) -> InodeId:
        """mknod(2), and the creation of regular files; raises as Creation.make_node."""
        with self.changes.begin() as change:
            return self.creation.make_node(change, parent, name, mode, rdev, creator)

    def make_symlink(
        self, parent: InodeId, name: bytes, target: bytes, creator: Creator
    ) -> InodeId:
        """symlink(2); raises as Creation.make_symlink."""
        with self.changes.begin() as change:
            return self.creation.make_symlink(change, parent, name, target, creator)

    # Names

    def link(self, inode: InodeId, parent: InodeId, name: bytes) -> None:
        """link(2); raises as Links.link, and DocumentInvalid where names mean something."""
        with self.changes.begin() as change:
            self.links.link(change, inode, parent, name)
            self.file_named(change, parent, name, None)

    def file_named(
        self, change: Change, parent: InodeId, name: bytes, former: bytes | None
    ) -> None:
        """For who gives a file a name by the parts: what that means becomes part of the change.

        `former` is the content of the file that had the name; None when it was free. Here it means
        nothing.
        """

    def unlink(self, parent: InodeId, name: bytes) -> InodeId:
        """unlink(2); returns what was named; raises as Links.unlink."""
        with self.changes.begin() as change:
            return self.links.unlink(change, parent, name)

    def rmdir(self, parent: InodeId, name: bytes) -> InodeId:
        """rmdir(2); returns what was named; raises as Links.rmdir."""
        with self.changes.begin() as change:
            return self.links.rmdir(change, parent, name)

    def rename(
        self,
        parent: InodeId,
        name: bytes,
        new_parent: InodeId,
        new_name: bytes,
        flags: RenameFlag = NO_RENAME_FLAGS,
        creator: Creator = ROOT_CREATOR,
    ) -> None:
        """renameat2(2); a whiteout belongs to the creator; raises as Renames.rename."""
        with self.changes.begin() as change:
            self.renames.rename(change, parent, name, new_parent, new_name, flags, creator)

    # Attributes

    def set_attributes(self, inode: InodeId, wanted: AttributeChange) -> None:
        """chmod(2), chown(2), utimensat(2); raises as Attributes.set.

        After each rename, link and removal the kernel says what time it was, usually what the
        inode bears already: that is no change. What a file's row alone says is one row, no more: an
        archive that is unpacked asks for it three times for each file.
        """
        record = self._inodes.get(inode)
        require_unlocked(inode, record)
        if wanted.is_of(record):
            return
        if not record.flags & InodeFlag.HAS_XATTRS and self.changes.stale_trees.mark_entry(record):
            record = replace(record)
            set_fields(record, wanted, self.changes.now_ns())
            self.changes.put_row(inode, record)
            return
        with self.changes.begin() as change:
            self.attributes.set(change, inode, wanted)

    def clear_privileges(self, inode: InodeId, *, keep_set_ids: bool = False) -> bool:
        """Take from a file what a write takes; raises as Attributes.clear_privileges.

        Returns whether there was anything to take: if not, this is no change at all.
        """
        record = self._inodes.get(inode)
        if not self.attributes.has_privileges(inode, record, keep_set_ids=keep_set_ids):
            return False
        with self.changes.begin() as change:
            return self.attributes.clear_privileges(change, inode, keep_set_ids=keep_set_ids)

    def access_is_due(self, inode: InodeId) -> bool:
        """Whether reading the inode now would move its access time."""
        return access_is_due(self._inodes.get(inode), self.changes.now_ns(), self._atime_mode)

    def record_access(self, inode: InodeId) -> bool:
        """The inode has been read: move its access time if due; returns whether."""
        if not self.access_is_due(inode):
            return False
        self.changes.move_access(inode)
        return True

    def get_xattr(self, inode: InodeId, name: bytes) -> bytes:
        """The value of an extended attribute; raises as Xattrs.get."""
        return self.xattrs.get(inode, self._inodes.get(inode), name)

    def find_xattr(self, inode: InodeId, name: bytes) -> bytes | None:
        """The same; None when there is no such attribute."""
        return self.xattrs.look_up(inode, self._inodes.get(inode), name)

    def list_xattrs(self, inode: InodeId, *, with_trusted: bool = True) -> list[bytes]:
        """Names of the extended attributes; those of `trusted.` are for privileged callers."""
        return self.xattrs.names(inode, self._inodes.get(inode), with_trusted=with_trusted)

    def set_xattr(
        self, inode: InodeId, name: bytes, value: bytes, flags: XattrFlag = NO_XATTR_FLAGS
    ) -> None:
        """setxattr(2); raises as Xattrs.set."""
        with self.changes.begin() as change:
            self.xattrs.set(change, inode, name, value, flags)

    def remove_xattr(self, inode: InodeId, name: bytes) -> None:
        """removexattr(2); raises as Xattrs.remove."""
        with self.changes.begin() as change:
            self.xattrs.remove(change, inode, name)

    # Inodes without a name

    def close_orphan(self, inode: InodeId) -> bool:
        """The last handle of an inode is gone: destroy it if it has no name; returns whether."""
        record = self._inodes.find(inode)
        if record is None or record.nlink:
            return False
        with self.changes.begin() as change:
            self.orphans.destroy(change, inode)
        return True

    def close_if_lost(self, inode: InodeId) -> None:
        """Something that used an inode has ended: destroy it if nothing keeps it any more."""
        if self.orphans.is_lost(inode):
            self.close_orphan(inode)

    def close_orphans(self, inodes: Sequence[InodeId]) -> None:
        """Destroy inodes without a name that nothing holds any more, in one change."""
        with self.changes.begin() as change:
            for inode in inodes:
                self.orphans.destroy(change, inode)

    def purge_orphans(self) -> int:
        """Destroy, one by one, what was open and unlinked when the store was last in use."""
        orphans = self.orphans.all()
        for inode in orphans:
            with self.changes.begin() as change:
                self.orphans.destroy(change, inode)
        return len(orphans)
