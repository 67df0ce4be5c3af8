"""How hard the bytes of a folder's files are compressed: its `cairnfs.compression` attribute.

    1 to 19   the zstd level
    none      not at all: no compression and no deltas
    default   as the store's settings say, whatever the folders above say

It counts for what is written from then on, in the folder and everything below it, up to a folder
with an attribute of its own. Nothing is cached: only directories that have any attribute are looked
at twice, and there are few above a file.
"""

from typing import Final, Protocol

from fsmodel.errors import InvalidArgument
from lmdb_index.keys import named_key, number_key
from lmdb_index.records import InodeFlag
from lmdb_index.schema import INODE, XATTR, Record, Table

COMPRESSION: Final = b"cairnfs.compression"
UNCOMPRESSED: Final = 0  # a level of ours: stored as it is
LEVEL_MAX: Final = 19
_NONE: Final = b"none"
_DEFAULT: Final = b"default"


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


def folder_level(rows: ReadsRows, directory: int) -> int | None:
    """The level for files in a directory; None for that of the store."""
    while directory:
        record = rows.get(INODE, number_key(directory))
        if record is None:
            return None
        if record.flags & InodeFlag.HAS_XATTRS:
            row = rows.get(XATTR, named_key(directory, COMPRESSION))
            if row is not None:
                return level_of(row.value)
        directory = record.parent
    return None
