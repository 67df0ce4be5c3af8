"""Everything one can do with named snapshots: make, list, look into, compare, restore, delete."""

from functools import partial
from typing import Final

from fsmodel.change import Changes
from fsmodel.copies import Copies
from fsmodel.durability import Durability
from fsmodel.errors import InvalidArgument, NotFound, ReadOnly
from fsmodel.history.differences import Found, find_differences
from fsmodel.history.root_format import decode_root
from fsmodel.history.roots import Roots, current_root, write_persistently, write_present
from fsmodel.history.snapshot_originals import SnapshotOriginals
from fsmodel.history.snapshot_tree import SnapshotTree, is_directory_entry
from fsmodel.history.snapshots import (
    SnapshotInfo,
    all_snapshots,
    check_snapshot_name,
    find_snapshot,
    forget_snapshot,
    require_free_name,
)
from fsmodel.history.tree_entry import TreeEntry
from fsmodel.history.tree_pages import TreePages
from fsmodel.ids import ROOT_INODE, InodeId, ObjectId
from fsmodel.namespace.inodes import Creator
from fsmodel.namespace.namespace import Namespace
from fsmodel.outside_changes import OutsideChanges
from fsmodel.steps import Steps
from fsmodel.store.objects import ObjectStore
from fsmodel.write_guard import WriteGuard
from lmdb_index.index import Index
from lmdb_index.schema import SNAPSHOT

_UNKNOWN: Final = -1


class SnapshotStore:
    """The snapshots of one store. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        changes: Changes,
        objects: ObjectStore,
        durability: Durability,
        roots: Roots,
        namespace: Namespace,
        copies: Copies,
        outside: OutsideChanges,
        guard: WriteGuard,
    ) -> None:
        self._index = index
        self._changes = changes
        self._objects = objects
        self._durability = durability
        self._roots = roots
        self._names = namespace
        self._copies = copies
        self._outside = outside
        self._guard = guard
        self._pages = TreePages(objects)
        self._last_made: int | None = None
        self._last_made_of = 0  # so many, of which it is known; none after a deletion

    def all(self) -> list[SnapshotInfo]:
        """Every snapshot, by name."""
        return list(all_snapshots(self._index))

    def overview(self) -> tuple[int, int | None]:
        """How many snapshots there are, and when the last one was made; None without any.

        All are looked at only after one has gone. A view asks for each name in it, so that a look
        each time would make a listing cost the square of their number.
        """
        count = self._index.count(SNAPSHOT)
        if self._last_made_of != count:
            times = (each.created_ns for each in all_snapshots(self._index))
            self._last_made, self._last_made_of = max(times, default=None), count
        return count, self._last_made

    def find(self, name: bytes) -> SnapshotInfo:
        """What is known of a snapshot. Raises NotFound."""
        return find_snapshot(self._index, name)

    def create(self, name: bytes) -> Steps[SnapshotInfo]:
        """Keep the whole tree as it is now under a name.

        Bytes that were written and are not stored yet are not part of it. Raises AlreadyExists,
        PathRefused, NameTooLong, NoSpace, DataError: then there is no new snapshot.
        """
        self._guard.require_room()
        check_snapshot_name(name)
        require_free_name(self._index, name)
        yield from write_persistently(partial(self._write_root, name))
        made = find_snapshot(self._index, name)
        if self._last_made_of == self._index.count(SNAPSHOT) - 1:
            self._last_made = max(self._last_made or 0, made.created_ns)
            self._last_made_of += 1
        return made

    def delete(self, name: bytes) -> SnapshotInfo:
        """Let go of a snapshot; GC gives back what only it needed. Raises NotFound, NoSpace."""
        self._guard.require_writable()
        found = find_snapshot(self._index, name)
        with self._changes.begin() as change:
            forget_snapshot(change, self._objects, name)
        self._last_made_of = _UNKNOWN
        return found

    def tree(self, name: bytes) -> Steps[SnapshotTree]:
        """What a snapshot shows. Raises NotFound, DataError."""
        return (yield from self._tree_of(find_snapshot(self._index, name).root))

    def present(self) -> Steps[SnapshotTree]:
        """The tree as it is now; a root is written of it if need be. Raises ReadOnly, NoSpace."""
        if self._roots.is_due or current_root(self._index) is None:
            if self._guard.read_only:
                raise ReadOnly("comparing with the present writes to the store: compare snapshots")
            yield from write_persistently(partial(self._write_root, b""))
        root = current_root(self._index)
        assert root is not None
        return (yield from self._tree_of(root))

    def compare(self, former: bytes, later: bytes | None, path: bytes, found: Found) -> Steps[int]:
        """What differs at a path and below between two snapshots, or one and the present.

        See find_differences. Raises NotFound, PathRefused, ReadOnly, DataError.
        """
        first = yield from self.tree(former)
        second = yield from (self.present() if later is None else self.tree(later))
        return (yield from find_differences(first, second, path, found))

    def restore(self, name: bytes, path: bytes, destination: bytes | None = None) -> Steps[InodeId]:
        """Bring a file or tree back, to where it was or elsewhere; no data is copied.

        What is there now is replaced, in one moment. Directories on the way to where it was that
        are gone are made again as they were. Raises NotFound, NotADirectory, PathRefused,
        NotPermitted for what is locked, InvalidArgument for the root, NoSpace, DataError.
        """
        self._guard.require_room()
        tree = yield from self.tree(name)
        target = _names_of(path if destination is None else destination)
        if not target:
            raise InvalidArgument("the root cannot be replaced: name a destination below it")
        entry = yield from tree.resolve(path)
        originals = SnapshotOriginals(tree)
        original = yield from originals.original(entry)
        parent = yield from self._directory_at(target[:-1], tree if destination is None else None)
        return (yield from self._copies.restore(originals, original, parent, target[-1]))

    def clone(self, name: bytes, path: bytes, parent: InodeId, new_name: bytes) -> Steps[InodeId]:
        """Give a file or tree of a snapshot a copy under a free name; raises as Copies.clone."""
        tree = yield from self.tree(name)
        originals = SnapshotOriginals(tree)
        original = yield from originals.original((yield from tree.resolve(path)))
        return (yield from self._copies.copy(originals, original, parent, new_name))

    def _write_root(self, name: bytes) -> Steps[None]:
        return write_present(self._roots, self._durability.checkpoint, name)

    def _tree_of(self, root: ObjectId) -> Steps[SnapshotTree]:
        data = yield from self._pages.load_bytes(root)
        return SnapshotTree(self._pages, decode_root(data))

    def _directory_at(self, names: list[bytes], tree: SnapshotTree | None) -> Steps[InodeId]:
        """The directory at a path, missing ones made as a snapshot has them, if one is given."""
        inode, entry = ROOT_INODE, None if tree is None else tree.top
        for name in names:
            if tree is not None and entry is not None:
                entry = yield from tree.lookup(entry, name)
            try:
                inode = self._names.lookup(inode, name)
            except NotFound:
                if entry is None or not is_directory_entry(entry):
                    raise
                inode = self._make_again(inode, entry)
        return inode

    def _make_again(self, parent: InodeId, entry: TreeEntry) -> InodeId:
        """A directory that is gone, by the rules for those that users make."""
        creator = Creator(entry.uid, entry.gid)
        made = self._names.make_directory(parent, entry.name, entry.mode & 0o777, creator)
        with self._changes.begin() as change:
            record = change.edit(made)
            record.mode, record.gid = entry.mode, entry.gid
        self._outside.tell(parent, entry.name)
        return made


def _names_of(path: bytes) -> list[bytes]:
    return [name for name in path.split(b"/") if name not in (b"", b".")]
