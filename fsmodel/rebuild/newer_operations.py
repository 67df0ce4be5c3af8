"""What the journal knows that the root does not: operations behind the one the root goes up to.

They fit only if none is missing in between. Of their rows those count that say what users see; all
that can be derived from these is derived afterwards.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fsmodel.rebuild.bulk import Bulk
from lmdb_index.errors import IndexProblem, NoRoom
from lmdb_index.recovery import LoggedOperation, holds_operations, read_operations
from lmdb_index.schema import (
    DIRENT,
    DIRENT_ORDER,
    EXTENT,
    INODE,
    LINK,
    OBJECT,
    ORPHAN,
    SNAPSHOT,
    UNSETTLED,
    XATTR,
    Table,
)
from lmdb_index.values import RowCodec

_REPLAYED: Final[tuple[Table[Any], ...]] = (
    *(INODE, DIRENT, DIRENT_ORDER, LINK, XATTR, EXTENT, ORPHAN, UNSETTLED, SNAPSHOT),
)
_CODECS: Final[dict[int, tuple[Table[Any], RowCodec[Any]]]] = {
    table.number: (table, RowCodec(table)) for table in _REPLAYED
}


@dataclass(slots=True)
class NewerOperations:
    """How far a journal could be replayed."""

    operations: int = 0
    inodes_added: int = 0
    problem: str = ""  # why not to its end; empty when it was, or there was nothing in it


def replay_newer(journal: Path, uuid: bytes, operation: int, bulk: Bulk) -> NewerOperations:
    """Apply the operations behind a number. Raises NoRoom; a journal that does not fit is told."""
    newer = NewerOperations()
    try:
        for logged in read_operations(journal, uuid, operation):
            if not all(_is_stored(bulk, key) for key in _objects_of(logged)):
                newer.problem = f"operation {logged.sequence} speaks of data that no pack has"
                break
            _apply(bulk, logged)
            newer.operations += 1
            newer.inodes_added += logged.counters.get("last_inode", 0)
    except NoRoom:
        raise
    except IndexProblem as problem:
        newer.problem = str(problem) if holds_operations(journal, uuid) else ""
    return newer


def forget_trees(bulk: Bulk) -> None:
    """No directory's row names a tree any more: the next root shows what they are now."""
    for key, record in bulk.index.scan(INODE):
        if record.tree:
            record.tree = b""
            bulk.put(INODE, key, record)


def last_inode(bulk: Bulk) -> int:
    """The greatest inode number there is."""
    for key, _ in bulk.index.scan(INODE, reverse=True):
        return int.from_bytes(key)
    return 0


def _objects_of(logged: LoggedOperation) -> Iterator[bytes]:
    return (
        key
        for number, key, value in logged.mutations
        if number == OBJECT.number and value is not None
    )


def _is_stored(bulk: Bulk, key: bytes) -> bool:
    return bulk.index.get(OBJECT, key) is not None


def _apply(bulk: Bulk, logged: LoggedOperation) -> None:
    for number, key, value in logged.mutations:
        if number not in _CODECS:
            continue
        table, codec = _CODECS[number]
        if value is None:
            bulk.delete(table, key)
        else:
            bulk.put(table, key, codec.unseal(key, value))
