"""Puts together what snapshots, clones and locks are made of."""

from dataclasses import dataclass

from fsmodel.change import Changes
from fsmodel.content.contents import Contents
from fsmodel.copies import Copies
from fsmodel.durability import Durability
from fsmodel.history.roots import Roots
from fsmodel.history.snapshot_store import SnapshotStore
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.cloning import Copier
from fsmodel.namespace.locking import Locking
from fsmodel.namespace.namespace import Namespace
from fsmodel.namespace.originals import LiveOriginals
from fsmodel.namespace.replacing import Replacing
from fsmodel.outside_changes import OutsideChanges
from fsmodel.store.objects import ObjectStore
from fsmodel.write_guard import WriteGuard
from lmdb_index.index import Index


@dataclass(frozen=True, slots=True)
class SnapshotParts:
    """All there is about snapshots, clones and locks in an open volume."""

    snapshots: SnapshotStore
    copies: Copies
    locking: Locking
    outside: OutsideChanges


def assemble_snapshots(
    index: Index,
    inodes: InodeTable,
    changes: Changes,
    namespace: Namespace,
    objects: ObjectStore,
    contents: Contents,
    roots: Roots,
    durability: Durability,
    guard: WriteGuard,
) -> SnapshotParts:
    """The parts, on those of an open store."""
    outside = OutsideChanges()
    copies = Copies(
        Copier(changes, namespace, objects),
        Replacing(changes, inodes, namespace),
        LiveOriginals(index, inodes, namespace.xattrs),
        contents,
        namespace,
        outside,
        guard,
    )
    snapshots = SnapshotStore(
        index, changes, objects, durability, roots, namespace, copies, outside, guard
    )
    return SnapshotParts(snapshots, copies, Locking(changes, inodes, namespace, guard), outside)
