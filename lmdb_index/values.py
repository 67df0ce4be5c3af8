"""How a row's value is stored: a checksum, the table's version, and the record.

     0  checksum  4s  the low half of XXH3-64 over the key and all bytes from 4 on, seeded with
                      the table's number; in the digest's own order, most significant byte first
     4  version   u8  of the table
     5  record    MessagePack array of the record's fields

So a flipped bit, and a row that stands under a wrong key or in a wrong table, is noticed when it
is read. Codecs are made once for each table, because reading rows is what every request does.
"""

from struct import Struct
from typing import Any, Final, Generic

import msgspec
from xxhash import xxh3_64_digest

from lmdb_index.errors import IndexCorrupt, IndexProblem, IndexTooNew
from lmdb_index.schema import TABLES, Record, Table

VALUE_HEADER: Final = Struct("<4sB")
assert VALUE_HEADER.size == 5  # docs/format-index.md says the same, and a test compares them
_CHECKSUM: Final = 4  # bytes; also where the low half of a digest begins


class RowCodec(Generic[Record]):
    """Turns the records of one table into stored values and back."""

    __slots__ = ("_decode", "_encode", "_seed", "_table", "_version")

    def __init__(self, table: Table[Record]) -> None:
        self._table = table
        self._seed = table.number
        self._version = bytes([table.version])
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(table.record).decode

    def seal(self, key: bytes, record: Record) -> bytes:
        """The value to store for a record under a key."""
        checked = self._version + self._encode(record)
        return xxh3_64_digest(key + checked, self._seed)[_CHECKSUM:] + checked

    def unseal(self, key: bytes, value: bytes) -> Record:
        """The record of a stored value. Raises IndexCorrupt, IndexTooNew."""
        checked = value[_CHECKSUM:]
        if xxh3_64_digest(key + checked, self._seed)[_CHECKSUM:] != value[:_CHECKSUM]:
            raise self._corrupt(key, "fails its checksum")
        if checked[:1] != self._version:
            raise self._wrong_version(key, checked[:1])
        try:
            return self._decode(checked[1:])
        except msgspec.MsgspecError as error:
            raise self._corrupt(key, f"holds no {self._table.record.__name__}: {error}") from error

    def _wrong_version(self, key: bytes, version: bytes) -> IndexProblem:
        if version <= self._version:
            return self._corrupt(key, "has no version that ever was")
        return IndexTooNew(
            f"{self._place(key)} has version {version[0]}, this cairnfs knows"
            f" {self._table.version}: use a later cairnfs"
        )

    def _corrupt(self, key: bytes, reason: str) -> IndexCorrupt:
        text = f"{self._place(key)} {reason}: run cairnfs fsck --repair"
        return IndexCorrupt(text, self._table.name.decode(), key)

    def _place(self, key: bytes) -> str:
        return f"index table {self._table.name.decode()}, row {key.hex()}"


# The codec of each table, by the table's number.
CODECS: Final[dict[int, RowCodec[Any]]] = {table.number: RowCodec(table) for table in TABLES}
