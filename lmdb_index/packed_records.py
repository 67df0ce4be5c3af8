"""How the records of a table look inside a block of packed rows.

Rows of most tables are stored as they are. Those of `inode` and `object` are made smaller first:

  * Times are told as differences: `birth_ns` and `parent` from the block's base, `atime_ns` and
    `mtime_ns` from `birth_ns`, `ctime_ns` from `mtime_ns`; `content_size` from `size`.
  * An object id is told by its first 5 bytes if that object's row is packed, too. Packed object
    rows differ in them: one that does not stays as it is (packing.py). A shortened id is known by
    its size, so a record that has such a size of its own is never packed.

The key of an object's row stays packed as long as the row is there, whatever stands above it. An id
whose row is gone cannot be completed; it then ends in zeros, as that of no object does. Objects are
counted while something names them, so this is what damage looks like, or a row under an unpacked
one that hides it, which nobody decodes.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic

import msgspec

from lmdb_index.records import InodeRecord, ObjectRecord
from lmdb_index.schema import INODE, OBJECT, TABLES, Record, Table

ID_BYTES: Final = 32
SHORT_BYTES: Final = 5  # of 10 million objects about 45 stay unpacked because theirs are taken
NO_OBJECT: Final = bytes(ID_BYTES - SHORT_BYTES)

ChangeId = Callable[[bytes], bytes]  # shortens an id if that can be; completes a shortened one

_encode: Final = msgspec.msgpack.Encoder().encode


class NotPackable(Exception):
    """A record that no block can hold; its row stays as it is."""


class PackedCodec(Generic[Record]):
    """Turns the records of one table into rows of a block and back. This one changes nothing."""

    def __init__(self, table: Table[Record]) -> None:
        self._decode = msgspec.msgpack.Decoder(table.record).decode
        self._decode_group = msgspec.msgpack.Decoder(list[table.record]).decode  # type: ignore[name-defined]

    def base(self, stored: bytes) -> list[int]:
        """What a block that begins with this record has its numbers relative to."""
        return []

    def pack(self, stored: bytes, base: Sequence[int], shorten: ChangeId) -> msgspec.Raw:
        """The row of a record that is stored so elsewhere. Raises NotPackable."""
        return msgspec.Raw(stored)

    def rebase(self, row: msgspec.Raw, base: Sequence[int], wanted: Sequence[int]) -> msgspec.Raw:
        """The row of a block as it is in one of another base. Raises NotPackable."""
        return row

    def shorten_again(self, row: msgspec.Raw, shorten: ChangeId) -> msgspec.Raw:
        """The row with ids shortened that could not be when it was packed."""
        return row

    def unpack(self, row: msgspec.Raw, base: Sequence[int]) -> Record:
        """The record of a row, ids as they are stored. Raises msgspec.MsgspecError, ValueError."""
        return self._decode(row)

    def is_short(self, record: Record) -> bool:
        """Whether a record that was unpacked names any object by a shortened id."""
        return False

    def complete(self, record: Record, complete: ChangeId) -> None:
        """Let such a record have whole ids."""

    def outlines(self, group: msgspec.Raw, base: Sequence[int]) -> list[Record]:
        """The records of a group of rows, of which only what `stat` shows is sure to be right.

        Ids may be shortened, and other numbers relative. Raises msgspec.MsgspecError, ValueError.
        """
        records: list[Record] = self._decode_group(group)
        return records


class _InodeCodec(PackedCodec[InodeRecord]):
    def base(self, stored: bytes) -> list[int]:
        record = self._decode(stored)
        return [record.birth_ns, record.parent]

    def pack(self, stored: bytes, base: Sequence[int], shorten: ChangeId) -> msgspec.Raw:
        record = self._decode(stored)
        record.content = _shortened(record.content, 1, shorten)
        record.tree = _shortened(record.tree, 0, shorten)
        return self._relative(record, base)

    def rebase(self, row: msgspec.Raw, base: Sequence[int], wanted: Sequence[int]) -> msgspec.Raw:
        if base == wanted:
            return row
        return self._relative(self.unpack(row, base), wanted)

    def unpack(self, row: msgspec.Raw, base: Sequence[int]) -> InodeRecord:
        record = self._decode(row)
        _make_absolute(record, base)
        return record

    def is_short(self, record: InodeRecord) -> bool:
        return len(record.content) == 1 + SHORT_BYTES or len(record.tree) == SHORT_BYTES

    def complete(self, record: InodeRecord, complete: ChangeId) -> None:
        if len(record.content) == 1 + SHORT_BYTES:
            record.content = record.content[:1] + complete(record.content[1:])
        if len(record.tree) == SHORT_BYTES:
            record.tree = complete(record.tree)

    def _relative(self, record: InodeRecord, base: Sequence[int]) -> msgspec.Raw:
        birth, parent = base
        record.content_size -= record.size
        record.ctime_ns -= record.mtime_ns
        record.mtime_ns -= record.birth_ns
        record.atime_ns -= record.birth_ns
        record.birth_ns -= birth
        record.parent -= parent
        try:
            return msgspec.Raw(_encode(record))
        except OverflowError as error:  # times that are ages apart
            raise NotPackable from error

    def outlines(self, group: msgspec.Raw, base: Sequence[int]) -> list[InodeRecord]:
        records: list[InodeRecord] = self._decode_group(group)
        birth = base[0]
        for record in records:  # what _make_absolute does that attributes show
            born = record.birth_ns + birth
            modified = record.mtime_ns = record.mtime_ns + born
            record.atime_ns += born
            record.ctime_ns += modified
        return records


class _ObjectCodec(PackedCodec[ObjectRecord]):
    def pack(self, stored: bytes, base: Sequence[int], shorten: ChangeId) -> msgspec.Raw:
        record = self._decode(stored)
        if not record.base:
            return msgspec.Raw(stored)
        record.base = _shortened(record.base, 0, shorten)
        return msgspec.Raw(_encode(record))

    def shorten_again(self, row: msgspec.Raw, shorten: ChangeId) -> msgspec.Raw:
        record = self._decode(row)
        if len(record.base) != ID_BYTES:
            return row
        record.base = shorten(record.base)
        return msgspec.Raw(_encode(record))

    def is_short(self, record: ObjectRecord) -> bool:
        return len(record.base) == SHORT_BYTES

    def complete(self, record: ObjectRecord, complete: ChangeId) -> None:
        record.base = complete(record.base)


def _make_absolute(record: InodeRecord, base: Sequence[int]) -> None:
    """Undo what `_relative` did."""
    birth, parent = base
    record.parent += parent
    record.birth_ns += birth
    record.atime_ns += record.birth_ns
    record.mtime_ns += record.birth_ns
    record.ctime_ns += record.mtime_ns
    record.content_size += record.size


def _shortened(value: bytes, id_at: int, shorten: ChangeId) -> bytes:
    """A value that ends with an id, with that shortened. Raises NotPackable."""
    if len(value) == id_at + SHORT_BYTES:
        raise NotPackable
    if len(value) != id_at + ID_BYTES:
        return value
    return value[:id_at] + shorten(value[id_at:])


# The codec of each table, by the table's number.
PACKED_CODECS: Final[dict[int, PackedCodec[Any]]] = {
    table.number: PackedCodec(table) for table in TABLES
} | {INODE.number: _InodeCodec(INODE), OBJECT.number: _ObjectCodec(OBJECT)}
