"""Where an inode has its names: a place is (directory, cookie), one for each entry.

The inode's own row holds one place, the `link` table the others. A directory has one place. The
link count of anything else is the number of its places.
"""

from typing import Final, NamedTuple

from fsmodel.change import Change
from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import is_directory
from lmdb_index.index import Index
from lmdb_index.keys import number_key, triple_key, triple_of
from lmdb_index.records import InodeRecord, RawRecord
from lmdb_index.schema import LINK


class Place(NamedTuple):
    """One entry, by its directory and its cookie there."""

    directory: int
    cookie: int


NOWHERE: Final = Place(0, 0)
_PRESENT: Final = RawRecord()


def places_of(index: Index, inode: InodeId, record: InodeRecord) -> list[Place]:
    """All places of an inode, that of its own row first; none for the root and for orphans."""
    first = _own(record)
    if first == NOWHERE:
        return []
    rows = index.scan_prefix(LINK, number_key(inode)) if _may_have_rows(record) else ()
    return [first, *(Place(*triple_of(key)[1:]) for key, _ in rows)]


def add_place(change: Change, inode: InodeId, place: Place) -> None:
    """An entry now names the inode."""
    record = change.edit(inode)
    record.nlink += not is_directory(record)
    if _own(record) == NOWHERE:
        record.parent, record.cookie = place
    else:
        assert not is_directory(record)
        change.operation.put(LINK, triple_key(inode, *place), _PRESENT)


def remove_place(change: Change, inode: InodeId, place: Place) -> None:
    """An entry no longer names the inode."""
    record = change.edit(inode)
    if _own(record) == place:
        record.parent, record.cookie = _take_row(change, inode, record)
    else:
        _delete_row(change, inode, place)
    record.nlink -= not is_directory(record)


def move_place(change: Change, inode: InodeId, old: Place, new: Place) -> None:
    """The entry that names the inode stands elsewhere now."""
    if old == new:
        return
    record = change.edit(inode)
    if _own(record) == old:
        record.parent, record.cookie = new
    else:
        _delete_row(change, inode, old)
        change.operation.put(LINK, triple_key(inode, *new), _PRESENT)


def _own(record: InodeRecord) -> Place:
    return Place(record.parent, record.cookie)


def _may_have_rows(record: InodeRecord) -> bool:
    return record.nlink > 1 and not is_directory(record)


def _take_row(change: Change, inode: InodeId, record: InodeRecord) -> Place:
    """Take a place out of the table, to become that of the inode's own row."""
    if not _may_have_rows(record):
        return NOWHERE
    key, _ = next(iter(change.operation.scan_prefix(LINK, number_key(inode))))
    change.operation.delete(LINK, key)
    return Place(*triple_of(key)[1:])


def _delete_row(change: Change, inode: InodeId, place: Place) -> None:
    deleted = change.operation.delete(LINK, triple_key(inode, *place))
    assert deleted, f"inode {inode} has no name at {place}"
