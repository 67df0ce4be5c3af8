"""What a snapshot shows, as originals to be copied from."""

from fsmodel.history.snapshot_tree import SnapshotTree
from fsmodel.history.tree_entry import TreeEntry
from fsmodel.namespace.originals import Original
from fsmodel.steps import Steps
from lmdb_index.records import InodeFlag


class SnapshotOriginals:
    """A tree of the past. Owner: the thread that owns the index."""

    def __init__(self, tree: SnapshotTree) -> None:
        self._tree = tree

    def original(self, entry: TreeEntry) -> Steps[Original]:
        """An entry with the values of its attributes. Raises DataError."""
        xattrs: list[tuple[bytes, bytes]] = []
        for xattr in entry.xattrs:
            value = yield from self._tree.value_of(xattr)
            xattrs.append((xattr.name, value))
        return Original(
            name=entry.name,
            inode=entry.inode,
            mode=entry.mode,
            uid=entry.uid,
            gid=entry.gid,
            nlink=entry.nlink,
            rdev=entry.rdev,
            size=entry.size,
            content=entry.content,
            content_size=entry.content_size,
            atime_ns=entry.atime_ns,
            mtime_ns=entry.mtime_ns,
            target=entry.target,
            xattrs=tuple(xattrs),
            extents=(),
            position=entry.name,
            place=entry,
            unsettled=bool(entry.flags & InodeFlag.UNSETTLED),
        )

    def children(self, directory: Original, after: object) -> Steps[list[Original]]:
        """Entries in the order of names. Raises DataError."""
        assert isinstance(directory.place, TreeEntry)
        assert after is None or isinstance(after, bytes)
        found: list[Original] = []
        for entry in (yield from self._tree.entries(directory.place, after or b"")):
            original = yield from self.original(entry)
            found.append(original)
        return found
