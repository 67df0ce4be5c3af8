"""Are snapshots what they are called, and does the last root tell of them?"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from fsmodel.errors import DataError
from fsmodel.history.root_format import decode_root
from fsmodel.history.roots import current_root
from fsmodel.history.snapshots import printable, record_of, snapshots_told
from fsmodel.ids import ROOT_INODE, ObjectId
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import number_key
from lmdb_index.meta import LISTED_KEY
from lmdb_index.records import SnapshotRecord
from lmdb_index.schema import DAMAGED, INODE, META, SNAPSHOT

LoadObject = Callable[[ObjectId], bytes]


class WrongSnapshot(NamedTuple):
    """A snapshot whose row, or whose place in the list of the last root, is not right."""

    name: bytes
    text: str
    right: SnapshotRecord | None  # what the row must say; None: there is no such snapshot


def check_snapshots(view: IndexView, load: LoadObject) -> Iterator[Finding]:
    """Look at every snapshot's row, its root, and the list in the last root."""
    for wrong in wrong_snapshots(view, load):
        yield Finding(Part.TREES, wrong.text)


def wrong_snapshots(view: IndexView, load: LoadObject) -> Iterator[WrongSnapshot]:
    """What is wrong with snapshots, and what would be right.

    One whose root is known to be damaged is others' to report.
    """
    told = _told(view, load)
    for name, record in view.scan(SNAPSHOT):
        if view.get(DAMAGED, record.root) is None:
            yield from _check_one(name, record, load, told or {})
    if told is not None:
        yield from _check_list(view, load, told)


def _told(view: IndexView, load: LoadObject) -> dict[bytes, ObjectId] | None:
    """The snapshots that the last root tells of; None when it need not know, or cannot be read.

    Where another root is due, it knows as long as no snapshot has been deleted since.
    """
    root_id, directory = current_root(view), view.get(INODE, number_key(ROOT_INODE))
    listed = view.get(META, LISTED_KEY)
    tells_of_all = listed is not None and listed.value == root_id
    if root_id is None or directory is None or not (directory.tree or tells_of_all):
        return None
    try:
        return dict(snapshots_told(load, root_id, decode_root(load(root_id))))
    except DataError:
        return None  # told as every object that cannot be read


def _check_one(
    name: bytes, record: SnapshotRecord, load: LoadObject, told: dict[bytes, ObjectId]
) -> Iterator[WrongSnapshot]:
    other = _record_in(load, told[name]) if name in told else None
    try:
        root = decode_root(load(ObjectId(record.root)))
    except DataError as error:
        text = f"snapshot {printable(name)} cannot be read: {error}"
        yield WrongSnapshot(name, text, other)
        return
    right = record_of(ObjectId(record.root), root) if root.name == name else other
    if right != record:
        text = f"snapshot {printable(name)} is another one than its row says"
        yield WrongSnapshot(name, text, right)


def _check_list(
    view: IndexView, load: LoadObject, told: dict[bytes, ObjectId]
) -> Iterator[WrongSnapshot]:
    for name, record in view.scan(SNAPSHOT):
        if name not in told:
            text = f"snapshot {printable(name)}: the last root does not tell of it"
            yield WrongSnapshot(name, text, record)
    for name, root_id in told.items():
        if view.get(SNAPSHOT, name) is None:
            text = f"snapshot {printable(name)}: only the last root tells of it"
            yield WrongSnapshot(name, text, _record_in(load, root_id))


def _record_in(load: LoadObject, root_id: ObjectId) -> SnapshotRecord | None:
    try:
        return record_of(root_id, decode_root(load(root_id)))
    except DataError:
        return None
