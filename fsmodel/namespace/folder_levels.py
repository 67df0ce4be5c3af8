"""How hard the bytes of a folder's files are compressed: its `cairnfs.compression` attribute.

    1 to 19   the zstd level
    none      not at all: no compression and no deltas
    default   as the store's settings say, whatever the folders above say

It counts for what is written from then on, in the folder and everything below it, up to a folder
with an attribute of its own. What is found is not kept: the records above a file are in memory,
and only a directory that has any attribute is looked at twice.
"""

from collections.abc import Callable
from typing import Final, Protocol

from fsmodel.errors import InvalidArgument
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.store.drafts import UNCOMPRESSED
from lmdb_index.keys import named_key, number_key
from lmdb_index.records import InodeFlag, InodeRecord
from lmdb_index.schema import INODE, XATTR, Record, Table

COMPRESSION: Final = b"cairnfs.compression"
LEVEL_MAX: Final = 19
_NONE: Final = b"none"
_DEFAULT: Final = b"default"


FindInode = Callable[[InodeId], InodeRecord | None]


class ReadsRows(Protocol):
    """An index, or a snapshot of one."""

    def get(self, table: Table[Record], key: bytes) -> Record | None:
        """The row with this key."""
        ...


def level_of(value: bytes) -> int | None:
    """The level an attribute's value stands for; None for that of the store.

    Raises InvalidArgument.
    """
    if value == _DEFAULT:
        return None
    if value == _NONE:
        return UNCOMPRESSED
    if value.isdigit() and 1 <= int(value[:3]) <= LEVEL_MAX and value[:1] != b"0":
        return int(value)
    raise InvalidArgument(
        f"{COMPRESSION.decode()} is 1 to {LEVEL_MAX}, none or default, not {value[:40]!r}"
    )


def folder_level(rows: ReadsRows, directory: InodeId, find: FindInode | None = None) -> int | None:
    """The level for files in a directory; None for that of the store.

    Records of inodes are had from `find` where that is quicker than reading their rows.
    """
    while directory:
        record = rows.get(INODE, number_key(directory)) if find is None else find(directory)
        if record is None:
            return None
        if record.flags & InodeFlag.HAS_XATTRS:
            row = rows.get(XATTR, named_key(directory, COMPRESSION))
            if row is not None:
                return level_of(row.value)
        directory = InodeId(record.parent)
    return None


def level_for(rows: ReadsRows, inodes: InodeTable, file: InodeId) -> int | None:
    """The level for a file, by the folder of its first name; None for that of the store."""
    record = inodes.find(file)
    if record is None:
        return None
    return folder_level(rows, InodeId(record.parent), inodes.find)
