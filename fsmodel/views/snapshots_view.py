"""`.snapshots/NAME/...`: the whole tree as it was, to be read; mkdir makes a snapshot.

Nodes are made from tree entries. The inode number of one is a hash of the snapshot's root and of
the number its inode had, so hard links are links here too.
"""

import stat
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.content.content_ref import object_of
from fsmodel.content.file_state import FileState
from fsmodel.content.frozen import frozen_file
from fsmodel.content.reader import Reader
from fsmodel.errors import DataError, NoSuchAttribute, NotFound
from fsmodel.history.snapshot_store import SnapshotStore
from fsmodel.history.snapshot_tree import SnapshotTree, is_directory_entry
from fsmodel.history.snapshots import SnapshotInfo
from fsmodel.history.tree_entry import TreeEntry
from fsmodel.ids import ROOT_INODE, InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.xattrs import is_own_attribute
from fsmodel.steps import Steps
from fsmodel.store.objects import ObjectStore
from fsmodel.views.access_lists import access_list
from fsmodel.views.nodes import ViewAttributes, ViewDirectory, ViewFile, ViewLink, ViewNode
from fsmodel.views.views import Found, ViewProvider

NAME: Final = b".snapshots"
UNCHANGING_SECONDS: Final = 3600.0  # what a snapshot shows stays as it is
PERMISSIONS: Final = 0o1777  # with the sticky bit: others' snapshots are not theirs to delete


class SnapshotsView(ViewProvider):
    """Shows all snapshots in the root directory. Owner: the thread that owns the index."""

    def __init__(
        self,
        snapshots: SnapshotStore,
        inodes: InodeTable,
        namespace: Namespace,
        objects: ObjectStore,
    ) -> None:
        self.snapshots = snapshots
        self.inodes = inodes
        self.namespace = namespace
        self.objects = objects

    def view_in(self, directory: InodeId) -> Steps[ViewDirectory | None]:
        """The list of snapshots."""
        return SnapshotsDirectory(self)
        yield  # a generator, as all providers are


class SnapshotsDirectory(ViewDirectory):
    """`.snapshots`: a directory for each snapshot. Who may write to the root may make some."""

    def __init__(self, view: SnapshotsView) -> None:
        super().__init__(b"snapshots", ROOT_INODE)
        self._view = view

    def attributes(self) -> Steps[ViewAttributes]:
        """Owner and permissions of the root directory; changed when the last one was made."""
        record = self._view.inodes.get(ROOT_INODE)
        count, last_ns = self._view.snapshots.overview()
        if last_ns is None:
            last_ns = record.birth_ns
        mode = stat.S_IFDIR | record.mode & PERMISSIONS
        return ViewAttributes(mode, record.uid, record.gid, count, last_ns, last_ns, 2 + count)
        yield  # a generator, as all nodes' are

    def get_xattr(self, name: bytes) -> Steps[bytes]:
        """The access list of the root directory counts here too."""
        return access_list(self._view.namespace, ROOT_INODE, name)
        yield  # a generator, as all nodes' are

    def lookup(self, name: bytes) -> Steps[Found]:
        """The tree of a snapshot."""
        return (yield from self._top(self._view.snapshots.find(name)))

    def entries(self) -> Steps[Sequence[tuple[bytes, Found]]]:
        """All snapshots by name."""
        found: list[tuple[bytes, Found]] = []
        for snapshot in self._view.snapshots.all():
            try:
                top: Found = yield from self._top(snapshot)
            except NotFound:
                continue  # it has been deleted meanwhile
            except DataError as error:
                top = _DamagedSnapshot(snapshot, self.inode, error)
            found.append((snapshot.name, top))
        return found

    def make_directory(self, name: bytes, mode: int, creator: Creator) -> Steps[ViewDirectory]:
        """Make a snapshot. Raises AlreadyExists, PathRefused, NoSpace."""
        return (yield from self._top((yield from self._view.snapshots.create(name))))

    def rmdir(self, name: bytes) -> Steps[None]:
        """Delete a snapshot. Raises NotFound."""
        self._view.snapshots.delete(name)
        return
        yield  # a generator, as all nodes' are

    def _top(self, snapshot: SnapshotInfo) -> Steps["SnapshotDirectory"]:
        tree = yield from self._view.snapshots.tree(snapshot.name)
        shown = _Shown(self._view, tree, b"snapshot\0" + snapshot.root)
        top = SnapshotDirectory(shown, tree.top, self.inode)
        top.cache_seconds = 0.0  # it may be deleted at any time, with all that is below
        return top


class _DamagedSnapshot(ViewDirectory):
    """One whose root cannot be read: it is listed, and that is all."""

    def __init__(self, snapshot: SnapshotInfo, parent: InodeId, error: DataError) -> None:
        super().__init__(b"snapshot\0" + snapshot.root, parent)
        self._error = error

    def attributes(self) -> Steps[ViewAttributes]:
        """Raises DataError."""
        raise self._error


class _Shown:
    """One snapshot that is being looked at."""

    def __init__(self, view: SnapshotsView, tree: SnapshotTree, identity: bytes) -> None:
        self.tree = tree
        self.objects = view.objects
        self.identity = identity

    def node(self, entry: TreeEntry, parent: InodeId) -> ViewNode:
        """The node of an entry that a directory with this number has."""
        if is_directory_entry(entry):
            return SnapshotDirectory(self, entry, parent)
        if stat.S_ISREG(entry.mode):
            return SnapshotFile(self, entry)
        if stat.S_ISLNK(entry.mode):
            return SnapshotLink(self, entry)
        return SnapshotNode(self, entry)


class SnapshotNode(ViewNode):
    """Anything in a snapshot; itself a FIFO, socket or device."""

    cache_seconds = UNCHANGING_SECONDS

    def __init__(self, shown: _Shown, entry: TreeEntry) -> None:
        ViewNode.__init__(self, shown.identity + b"%d" % entry.inode)
        self._shown = shown
        self._entry = entry

    def attributes(self) -> Steps[ViewAttributes]:
        """As they were."""
        entry = self._entry
        return ViewAttributes(
            entry.mode,
            entry.uid,
            entry.gid,
            entry.size,
            entry.mtime_ns,
            entry.ctime_ns,
            entry.nlink,
            entry.rdev,
            entry.atime_ns,
        )
        yield  # a generator, as all nodes' are

    def get_xattr(self, name: bytes) -> Steps[bytes]:
        """As it was."""
        if is_own_attribute(name):
            raise NoSuchAttribute(f"a snapshot has no attribute {name!r}")
        return (yield from self._shown.tree.xattr(self._entry, name))

    def list_xattrs(self) -> Steps[Sequence[bytes]]:
        """As they were, but for our own."""
        names = [xattr.name for xattr in self._entry.xattrs]
        return [name for name in names if not is_own_attribute(name)]
        yield  # a generator, as all nodes' are


class SnapshotLink(SnapshotNode, ViewLink):
    """A symbolic link in a snapshot."""

    def target(self) -> bytes:
        """Where it pointed."""
        return self._entry.target


class SnapshotFile(SnapshotNode, ViewFile):
    """A regular file in a snapshot. Its bytes never change, so the kernel may keep them."""

    direct = False

    def __init__(self, shown: _Shown, entry: TreeEntry) -> None:
        super().__init__(shown, entry)
        self._file: FileState | None = None
        self._opens = 0
        self._relied = ExitStack()  # while it is open, its bytes are not collected

    def open(self, *, writing: bool) -> Steps[None]:
        """Raises ReadOnly."""
        yield from super().open(writing=writing)
        content = object_of(self._entry.content)
        if not self._opens and content is not None:
            self._relied.enter_context(self._shown.objects.reliance.on([content]))
        self._opens += 1

    def read(self, offset: int, size: int) -> Steps[Buffer]:
        """Some bytes, fewer only at the end."""
        objects = self._shown.objects
        if self._file is None:
            self._file = frozen_file(self._entry.content, objects)
            self._file.size = self._entry.size
            self._file.kept = min(self._file.kept, self._entry.content_size)
        return (yield from Reader(objects).read(self._file, offset, size))

    def close(self) -> None:
        """With the last user goes what is known of where the bytes lie."""
        self._opens -= 1
        if not self._opens:
            self._file = None
            self._relied.close()


class SnapshotDirectory(SnapshotNode, ViewDirectory):
    """A directory in a snapshot."""

    def __init__(self, shown: _Shown, entry: TreeEntry, parent: InodeId) -> None:
        super().__init__(shown, entry)
        self.parent = parent

    def lookup(self, name: bytes) -> Steps[Found]:
        """What a name stood for."""
        entry = yield from self._shown.tree.lookup(self._entry, name)
        return self._shown.node(entry, self.inode)

    def entries(self) -> Steps[Sequence[tuple[bytes, Found]]]:
        """All entries by name."""
        found: list[tuple[bytes, Found]] = []
        tree, after = self._shown.tree, b""
        while batch := (yield from tree.entries(self._entry, after)):
            found += [(entry.name, self._shown.node(entry, self.inode)) for entry in batch]
            after = batch[-1].name
        return found
