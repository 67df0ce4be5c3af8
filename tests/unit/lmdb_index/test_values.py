"""Stored values: what goes in comes out, and nothing else passes."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_64_digest

from lmdb_index.errors import IndexCorrupt, IndexTooNew
from lmdb_index.records import DigestRecord, InodeRecord, RawRecord
from lmdb_index.schema import DIGEST, INODE, TABLES, XATTR, Table
from lmdb_index.values import CODECS, VALUE_HEADER, RowCodec

KEY = b"a key"
integers = st.integers(-(2**63), 2**64 - 1)
inodes = st.builds(
    InodeRecord,
    **{
        field.name: integers if field.type is int else st.binary(max_size=40)
        for field in msgspec.structs.fields(InodeRecord)
    },
)


class LaterRaw(msgspec.Struct, array_like=True):
    """`RawRecord` as a later version may have it: with another field."""

    value: bytes = b""
    more: int = 7


def forged(table: Table[Any], key: bytes, rest: bytes) -> bytes:
    """A value with a right checksum, whatever it says."""
    return xxh3_64_digest(key + rest, table.number)[4:] + rest


@given(inodes)
def test_an_inode_comes_out_as_it_went_in(record: InodeRecord) -> None:
    codec = RowCodec(INODE)
    assert codec.unseal(KEY, codec.seal(KEY, record)) == record


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name.decode())
def test_every_table_has_a_codec_for_its_record(table: Table[Any]) -> None:
    record = table.record(*(field.type() for field in msgspec.structs.fields(table.record)))
    codec = CODECS[table.number]
    assert codec.unseal(KEY, codec.seal(KEY, record)) == record


def test_every_flipped_bit_is_noticed() -> None:
    codec = RowCodec(XATTR)
    value = codec.seal(KEY, RawRecord(b"twenty bytes of text"))
    for bit in range(8 * len(value)):
        flipped = bytearray(value)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(IndexCorrupt):
            codec.unseal(KEY, bytes(flipped))


def test_every_cut_is_noticed() -> None:
    codec = RowCodec(XATTR)
    value = codec.seal(KEY, RawRecord(b"twenty bytes of text"))
    for size in range(len(value)):
        with pytest.raises(IndexCorrupt):
            codec.unseal(KEY, value[:size])


def test_a_value_under_another_key_or_in_another_table_is_noticed() -> None:
    value = RowCodec(XATTR).seal(KEY, RawRecord(b"value"))
    for codec, key in [(RowCodec(XATTR), b"other"), (CODECS[DIGEST.number], KEY)]:
        with pytest.raises(IndexCorrupt):
            codec.unseal(key, value)


def test_the_error_names_the_table_and_the_key() -> None:
    with pytest.raises(IndexCorrupt, match=r"^index table xattr, row 6b fails its checksum: run"):
        RowCodec(XATTR).unseal(b"k", bytes(20))


def test_a_later_version_is_refused_as_such() -> None:
    later = Table(XATTR.number, XATTR.name, RawRecord, version=2)
    with pytest.raises(IndexTooNew, match="row 6b has version 2, this cairnfs knows 1"):
        RowCodec(XATTR).unseal(b"k", RowCodec(later).seal(b"k", RawRecord()))


@pytest.mark.parametrize(
    "rest",
    [b"", b"\0\x91\xc4\0", b"\x01", b"\x01\xc1", b"\x01\x91\x05", b"\x01\x91\xc4\x00more"],
    ids=["nothing", "version 0", "no record", "no MessagePack", "wrong type", "more behind"],
)
def test_a_right_checksum_does_not_excuse_a_wrong_record(rest: bytes) -> None:
    with pytest.raises(IndexCorrupt):
        RowCodec(XATTR).unseal(KEY, forged(XATTR, KEY, rest))


def test_an_older_row_gets_the_default_of_a_field_that_came_later() -> None:
    later = Table(XATTR.number, XATTR.name, LaterRaw)
    value = RowCodec(XATTR).seal(KEY, RawRecord(b"value"))
    assert RowCodec(later).unseal(KEY, value) == LaterRaw(b"value", 7)


def test_a_value_begins_with_its_header() -> None:
    record = DigestRecord(b"3" * 32, b"2" * 32)
    checksum, version = VALUE_HEADER.unpack_from(RowCodec(DIGEST).seal(KEY, record))
    rest = bytes([version]) + msgspec.msgpack.encode(record)
    assert (version, forged(DIGEST, KEY, rest)[:4]) == (DIGEST.version, checksum)


def test_tables_have_numbers_and_names_of_their_own() -> None:
    assert len({table.number for table in TABLES}) == len({table.name for table in TABLES})
    assert len(TABLES) == len({table.number for table in TABLES})
    assert all(0 < table.number < 256 for table in TABLES)
