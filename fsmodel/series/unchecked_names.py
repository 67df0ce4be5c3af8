"""Names that cairnfs gives and takes itself, without asking the policy for users' names."""

from fsmodel.change import Change
from fsmodel.errors import NotPermitted
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.creation import Creation
from fsmodel.namespace.former_names import FormerNames
from fsmodel.namespace.inodes import DIRECTORY, Creator
from fsmodel.namespace.links import Links
from fsmodel.namespace.names import OrdinaryNames
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.renames import Renames
from lmdb_index.records import InodeFlag


class UncheckedNames:
    """Makes, moves and removes entries. Owner: the thread that owns the index."""

    def __init__(self, inodes: InodeTable, namespace: Namespace) -> None:
        anything = OrdinaryNames()
        self._namespace = namespace
        self._inodes = inodes
        self._directories = namespace.directories
        self._creation = Creation(inodes, namespace.directories, namespace.xattrs, anything)
        self._links = Links(namespace.directories, namespace.orphans, anything)
        self._renames = Renames(namespace.directories, self._creation, self._links, anything)
        self.system = namespace.system

    def keep_former(self, former: FormerNames) -> None:
        """From now on somebody keeps what loses its name, and follows folders that move."""
        self._links.former = self._renames.former = former

    def find(self, directory: InodeId, name: bytes) -> InodeId | None:
        """The inode of a name, as a change in progress sees it."""
        dirent = self._directories.find(directory, name)
        return None if dirent is None else InodeId(dirent.inode)

    def make_directory(
        self, change: Change, parent: InodeId, name: bytes, mode: int, owner: Creator
    ) -> InodeId:
        """Make a directory. Raises AlreadyExists."""
        return self._creation.make_directory(change, parent, name, mode, owner)

    def make_file(
        self, change: Change, parent: InodeId, name: bytes, mode: int, owner: Creator
    ) -> InodeId:
        """Make an empty file. Raises AlreadyExists."""
        return self._creation.make_node(change, parent, name, mode, 0, owner)

    def rename(
        self, change: Change, parent: InodeId, name: bytes, new_parent: InodeId, new_name: bytes
    ) -> None:
        """Move an entry, replacing what has the name. Raises Refused."""
        self._renames.rename(change, parent, name, new_parent, new_name)

    def require_unlocked_below(self, top: InodeId) -> None:
        """Raises NotPermitted when a directory or anything below it is locked.

        It looks at all of it, without a pause.
        """
        stack = [top]
        while stack:
            directory = stack.pop()
            self._require_unlocked(directory)
            for entry in self._namespace.list_entries(directory):
                if entry.kind == DIRECTORY:
                    stack.append(entry.inode)
                else:
                    self._require_unlocked(entry.inode)

    def is_locked(self, inode: InodeId) -> bool:
        """Whether an inode that is there stays as it is."""
        return bool(self._inodes.get(inode).flags & InodeFlag.LOCKED)

    def _require_unlocked(self, inode: InodeId) -> None:
        if self.is_locked(inode):
            shown = self._namespace.paths_of(inode)[0].decode(errors="backslashreplace")
            raise NotPermitted(f"{shown} is locked, so nothing above it can be removed")

    def unlink(self, change: Change, parent: InodeId, name: bytes) -> None:
        """Remove a name. Raises NotFound."""
        self._links.unlink(change, parent, name)

    def rmdir(self, change: Change, parent: InodeId, name: bytes) -> None:
        """Remove an empty directory. Raises NotFound, DirectoryNotEmpty."""
        self._links.rmdir(change, parent, name)
