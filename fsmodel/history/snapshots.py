"""Named snapshots: roots that are kept under a name, and how roots tell of them.

A snapshot is a root. Its row in the table `snapshot` counts as a reference to it, so all that it
shows is kept. Every root names a tree that lists the snapshots before it, and says itself what it
is called if it is one: so the packs alone say which snapshots there are.
"""

from collections.abc import Iterator
from typing import NamedTuple

from fsmodel.change import Change
from fsmodel.errors import AlreadyExists, NotFound, PathRefused
from fsmodel.history.reads_rows import ReadsRows
from fsmodel.history.root_format import SNAPSHOTS_LABEL, Root
from fsmodel.history.tree_entry import NO_ENTRY, TreeEntry
from fsmodel.history.tree_reader import LoadTree, entries_of_tree
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.limits import NAME_BYTES_MAX
from fsmodel.namespace.names import check_name
from fsmodel.store.objects import ObjectStore
from lmdb_index.meta import LISTED_KEY
from lmdb_index.records import SnapshotRecord
from lmdb_index.schema import META, SNAPSHOT


class SnapshotInfo(NamedTuple):
    """What is known of a snapshot without looking into it."""

    name: bytes
    created_ns: int
    root: ObjectId
    logical_bytes: int  # sizes of all regular files
    files: int


def check_snapshot_name(name: bytes) -> None:
    """Raises NameTooLong, PathRefused."""
    check_name(name)
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PathRefused(f"{name!r} cannot name a snapshot: it is not UTF-8") from error
    if text.startswith(".") or not text.isprintable():
        raise PathRefused(
            f"{text!r} cannot name a snapshot: it begins with a dot or has control characters"
        )


def all_snapshots(rows: ReadsRows) -> Iterator[SnapshotInfo]:
    """Every snapshot, by name."""
    for name, record in rows.scan_prefix(SNAPSHOT, b""):
        yield _info(name, record)


def find_snapshot(rows: ReadsRows, name: bytes) -> SnapshotInfo:
    """The snapshot of a name. Raises NotFound."""
    could_be = 0 < len(name) <= NAME_BYTES_MAX  # LMDB looks up no key of any length
    record = rows.get(SNAPSHOT, name) if could_be else None
    if record is None:
        raise NotFound(f"there is no snapshot {printable(name)!r}: see `cairnfs snapshot list`")
    return _info(name, record)


def require_free_name(rows: ReadsRows, name: bytes) -> None:
    """Raises AlreadyExists."""
    if rows.get(SNAPSHOT, name) is not None:
        raise AlreadyExists(f"there is a snapshot {printable(name)!r} already: choose another name")


def name_snapshot(change: Change, objects: ObjectStore, root_id: ObjectId, root: Root) -> None:
    """Keep a root under its name, in the change that records it. Raises AlreadyExists."""
    require_free_name(change.operation, root.name)
    objects.add_reference(change, root_id)
    change.operation.put(SNAPSHOT, root.name, record_of(root_id, root))


def forget_snapshot(change: Change, objects: ObjectStore, name: bytes) -> None:
    """Let go of a snapshot; the next root, which is due from now on, tells of it no longer.

    Raises NotFound.
    """
    found = find_snapshot(change.operation, name)
    objects.drop_reference(change, found.root)
    change.operation.delete(SNAPSHOT, name)
    change.operation.delete(META, LISTED_KEY)
    change.edit(ROOT_INODE).tree = b""


def record_of(root_id: ObjectId, root: Root) -> SnapshotRecord:
    """The row of a snapshot that is this root."""
    return SnapshotRecord(root_id, root.time_ns, root.logical_bytes, root.files)


def listed_snapshot(name: bytes, root_id: ObjectId) -> TreeEntry:
    """What the tree that lists all snapshots says of one."""
    return NO_ENTRY._replace(name=name, tree=root_id)


def snapshots_told(
    load: LoadTree, root_id: ObjectId, root: Root
) -> Iterator[tuple[bytes, ObjectId]]:
    """Name and root of every snapshot that a root tells of. Raises DataError."""
    tree = root.labelled(SNAPSHOTS_LABEL)
    if tree is not None:
        for entry in entries_of_tree(load, tree):
            yield entry.name, ObjectId(entry.tree)
    if root.name:
        yield root.name, root_id


def printable(name: bytes) -> str:
    """A name as messages show it."""
    return name.decode("utf-8", "backslashreplace")


def _info(name: bytes, record: SnapshotRecord) -> SnapshotInfo:
    root = ObjectId(record.root)
    return SnapshotInfo(name, record.created_ns, root, record.logical_bytes, record.files)
