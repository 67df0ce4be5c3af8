"""The rows of the `meta` table: what the last commit contains, and what wrote it."""

from struct import Struct
from typing import Final, NamedTuple, Protocol

import msgspec

from lmdb_index.errors import IndexCorrupt, IndexTooNew
from lmdb_index.operation import Operation
from lmdb_index.records import RawRecord
from lmdb_index.rows import CurrentTransaction, Rows
from lmdb_index.schema import META, SCHEMA_VERSION, Record, Table
from lmdb_index.values import CODECS

SCHEMA_KEY: Final = b"schema"
STORE_KEY: Final = b"store"
MIGRATING_KEY: Final = b"migrating"  # there while the tables are of no schema, but between two
APPLIED_KEY: Final = b"applied"
COUNTERS_KEY: Final = b"counters"
ROOT_KEY: Final = b"root"  # the model's: id of the root object written last
LISTED_KEY: Final = b"listed"  # the model's: the same id, if that root tells of all snapshots

_U64: Final = Struct("<Q")
_encode_counters: Final = msgspec.msgpack.Encoder().encode
_decode_counters: Final = msgspec.msgpack.Decoder(dict[str, int]).decode


class ReadsRows(Protocol):
    """Whatever finds a row: an index, a snapshot of one, an operation."""

    def get(self, table: Table[Record], key: bytes) -> Record | None:
        """The row with this key."""
        ...


class Meta(NamedTuple):
    """What the last commit contains."""

    applied: int  # number of the last operation in it
    counters: dict[str, int]


def read_meta(rows: Rows) -> Meta:
    """What the last commit contains. Raises IndexCorrupt."""
    counters = _value(rows, COUNTERS_KEY)
    try:
        return Meta(_number(rows, APPLIED_KEY), _decode_counters(counters))
    except msgspec.MsgspecError as error:
        raise _damaged(COUNTERS_KEY) from error


def check_identity(rows: Rows, uuid: bytes) -> None:
    """Raise IndexCorrupt, IndexTooNew unless this is the index of this store, and known."""
    schema = _number(rows, SCHEMA_KEY)
    if schema > SCHEMA_VERSION:
        raise IndexTooNew(
            f"index has schema {schema}, this cairnfs knows {SCHEMA_VERSION}: use a later cairnfs"
        )
    found = _value(rows, STORE_KEY)
    if found != uuid:
        raise IndexCorrupt(
            f"index belongs to store {found.hex()}, not to {uuid.hex()}: run cairnfs rebuild-index"
        )


def schema_of(rows: ReadsRows) -> int:
    """Which schema the tables have. Raises IndexCorrupt."""
    return _number(rows, SCHEMA_KEY)


def begun_migration(rows: ReadsRows) -> int | None:
    """The number of the migration that was begun and not ended, up or down, if there is one.

    Raises IndexCorrupt.
    """
    return None if rows.get(META, MIGRATING_KEY) is None else _number(rows, MIGRATING_KEY)


def put_begun_migration(operation: Operation, number: int) -> None:
    """Say that the tables are between two schemas from the end of an operation on."""
    operation.put(META, MIGRATING_KEY, RawRecord(_U64.pack(number)))


def put_schema(operation: Operation, schema: int) -> None:
    """Say which schema the tables have from the end of an operation on. For migrations."""
    operation.put(META, SCHEMA_KEY, RawRecord(_U64.pack(schema)))
    operation.delete(META, MIGRATING_KEY)


def put_identity(current: CurrentTransaction, uuid: bytes) -> None:
    """Write, once, what a new index is. Raises lmdb.Error."""
    _put(current, SCHEMA_KEY, _U64.pack(SCHEMA_VERSION))
    _put(current, STORE_KEY, uuid)


def put_meta(current: CurrentTransaction, meta: Meta) -> None:
    """Write what the commit that follows contains. Raises lmdb.Error."""
    _put(current, APPLIED_KEY, _U64.pack(meta.applied))
    _put(current, COUNTERS_KEY, _encode_counters(meta.counters))


def _put(current: CurrentTransaction, key: bytes, value: bytes) -> None:
    sealed = CODECS[META.number].seal(key, RawRecord(value))
    current.transaction.put(key, sealed, db=current.databases[META.number])


def _number(rows: ReadsRows, key: bytes) -> int:
    value = _value(rows, key)
    if len(value) != _U64.size:
        raise _damaged(key)
    return int(_U64.unpack(value)[0])


def _value(rows: ReadsRows, key: bytes) -> bytes:
    record = rows.get(META, key)
    if record is None:
        raise _damaged(key)
    return record.value


def _damaged(key: bytes) -> IndexCorrupt:
    return IndexCorrupt(
        f"index table meta, row {key.decode()}: missing or damaged: run cairnfs rebuild-index"
    )
