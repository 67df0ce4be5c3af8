"""Values of the tables: a checksum and a version around a record.

0  checksum  u32, low half of XXH3-64 over key and what follows, seeded with the table's number
4  version   u8, of the table
5  record    MessagePack array
"""

from struct import Struct
from typing import Final, Generic

import msgspec
from xxhash import xxh3_64_intdigest

from lmdb_index.errors import IndexCorrupt, IndexTooNew
from lmdb_index.schema import Record, Table

VALUE_HEADER: Final = Struct("<IB")
assert VALUE_HEADER.size == 5  # docs/on-disk-format.md says the same, and a test compares them
_CHECKSUM: Final = Struct("<I")
_LOW_HALF: Final = 0xFFFFFFFF


class RowCodec(Generic[Record]):
    """Turns records of one table into stored values and back."""

    def __init__(self, table: Table[Record]) -> None:
        self._table = table
        self._version = bytes([table.version])
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(table.record).decode

    def seal(self, key: bytes, record: Record) -> bytes:
        """The stored value of a record under a key."""
        body = self._version + self._encode(record)
        checksum = xxh3_64_intdigest(key + body, seed=self._table.number) & _LOW_HALF
        return _CHECKSUM.pack(checksum) + body

    def unseal(self, key: bytes, value: bytes) -> Record:
        """The record of a stored value. Raises IndexCorrupt, IndexTooNew."""
        checksum = xxh3_64_intdigest(key + value[4:], seed=self._table.number) & _LOW_HALF
        if value[:4] != _CHECKSUM.pack(checksum) or len(value) <= VALUE_HEADER.size:
            raise IndexCorrupt(f"{self._place(key)} fails its checksum")
        if value[4] > self._table.version:
            raise IndexTooNew(f"{self._place(key)} has version {value[4]}: upgrade cairnfs")
        try:
            return self._decode(memoryview(value)[5:])
        except msgspec.DecodeError as error:
            raise IndexCorrupt(f"{self._place(key)} does not decode: {error}") from error

    def _place(self, key: bytes) -> str:
        return f"row {key.hex()} of table {self._table.name.decode()}"
