"""docs/format-index.md says what the code does, byte for byte."""

import re
from datetime import UTC, datetime
from pathlib import Path
from struct import Struct
from typing import Final

import msgspec
import pytest

import lmdb_index
from lmdb_index import meta, records, value_keys
from lmdb_index.block_format import BLOCK_HEADER, BLOCK_VERSION
from lmdb_index.block_keys import GROUP_ROWS, KeyForm
from lmdb_index.journal_files import segment_path
from lmdb_index.journal_format import (
    PAYLOAD_BYTES_MAX,
    RECORD_HEADER,
    SEGMENT_HEADER,
    SEGMENT_MAGIC,
    SEGMENT_VERSION,
    RecordKind,
    SegmentHeader,
    encode_payload,
    encode_record,
    encode_segment_header,
    segment_seed,
)
from lmdb_index.keys import named_key
from lmdb_index.packed_records import SHORT_BYTES
from lmdb_index.records import RawRecord
from lmdb_index.schema import SCHEMA_VERSION, TABLES, XATTR
from lmdb_index.segment_file import RESERVE_BYTES, ZEROED_BYTES
from lmdb_index.values import VALUE_HEADER, RowCodec
from tests.support.format_pages import FormatPage, fields, public_structs
from tests.support.index_store import UUID

PAGE: Final = FormatPage("format-index.md")

BYTE_TABLES: Final = {
    "Stored value": VALUE_HEADER,
    "Packed rows": BLOCK_HEADER,
    "Segment header": SEGMENT_HEADER,
    "Record header": RECORD_HEADER,
}


@pytest.mark.parametrize("heading", BYTE_TABLES)
def test_byte_tables_are_the_structs(heading: str) -> None:
    PAGE.require_bytes(heading, BYTE_TABLES[heading])


def test_every_struct_that_has_a_name_has_a_table() -> None:
    for name, layout in public_structs(lmdb_index):
        assert layout in BYTE_TABLES.values(), f"{name} has no table"


def test_the_tables_are_those_of_the_schema() -> None:
    told = [
        (row["table"], int(row["number"]), int(row["version"]), row["record"])
        for row in PAGE.rows("Index", "table")
    ]
    assert told == [
        (table.name.decode(), table.number, table.version, table.record.__name__)
        for table in TABLES
    ]


def test_the_fields_of_records_are_told_in_their_order() -> None:
    told = {
        row["record"]: re.findall(r"\w+", row["fields"])
        for row in PAGE.rows("Stored value", "record")
    }
    assert told == {
        name: [field.name for field in msgspec.structs.fields(record)]
        for name, record in vars(records).items()
        if isinstance(record, type) and issubclass(record, msgspec.Struct)
    }


def test_packed_rows_are_told() -> None:
    told = {
        (int(row["form"]), row["name"]): re.findall(r"\w+", row["tables"])
        for row in PAGE.rows("Packed rows", "form")
    }
    assert told == {
        (form.value, form.name): [
            table.name.decode() for table in TABLES if table.packed_keys is form
        ]
        for form in KeyForm
    }
    header = PAGE.meanings("Packed rows")
    assert header["version"] == str(BLOCK_VERSION)
    assert f"array of {GROUP_ROWS} rows" in PAGE.section("Packed rows")
    assert f"by its first {SHORT_BYTES} if" in PAGE.section("Packed rows")


def test_the_rows_of_meta_are_told() -> None:
    told = {row["key"]: row["value"] for row in PAGE.rows("Meta rows", "key")}
    keys = {value for name, value in vars(meta).items() if name.endswith("_KEY")}
    assert {key.encode() for key in told} == keys
    assert told["schema"].endswith(f"; {SCHEMA_VERSION}")


def test_kinds_of_records_are_told() -> None:
    told = {row["name"]: bytes.fromhex(row["kind"]) for row in PAGE.rows("Record header", "kind")}
    assert told == {kind.name: kind.value for kind in RecordKind}


def test_magic_version_and_limits_are_told() -> None:
    header = PAGE.meanings("Segment header")
    assert SEGMENT_MAGIC.hex(" ") in header["magic"]
    assert header["version"] == str(SEGMENT_VERSION)
    record = PAGE.meanings("Record header")
    assert f"at most {PAYLOAD_BYTES_MAX} " in record["payload size"]
    assert f"up to {RESERVE_BYTES >> 20} MiB" in PAGE.section("Journal")
    assert f", {ZEROED_BYTES >> 10} KiB of zeros" in PAGE.section("Journal")
    assert segment_path(Path(), 1).name == f"{1:016x}.wal"


def test_the_sample_is_what_is_written() -> None:
    """Changing a stored byte takes a new version: this fails when one changes unnoticed."""
    seed = segment_seed(UUID, 1)
    key = named_key(2, b"user.a")
    value = RowCodec(XATTR).seal(key, RawRecord(b"hi"))
    written = encode_segment_header(SegmentHeader(UUID, 1, 61440))
    payload = encode_payload({"n": 1}, [(XATTR.number, key, value)])
    written += encode_record(RecordKind.OPERATION, 1, payload, seed, len(written))
    written += encode_record(RecordKind.SYNC_MARKER, 1, b"", seed, len(written))
    lines = PAGE.fenced("Sample", "hex").splitlines()
    assert bytes.fromhex("".join(line.split("  ", 1)[1] for line in lines)) == written
    assert [int(line.split()[0], 16) for line in lines] == list(range(0, len(written), 16))
    assert f"`{seed:016x}`" in PAGE.section("Sample")


def test_the_comparison_notices_a_difference() -> None:
    """The harness is awake: another Struct does not match the table."""
    with pytest.raises(AssertionError):
        PAGE.require_bytes("Record header", SEGMENT_HEADER)
    assert fields(Struct("<4sB2IQ")) == [
        ("bytes", 4),
        ("u8", 1),
        ("u32", 4),
        ("u32", 4),
        ("u64", 8),
    ]


def test_tags_of_value_keys() -> None:
    table = PAGE.rows("Value keys", "tag")
    assert all(bytes.fromhex(row["tag"]) == getattr(value_keys, row["name"]) for row in table)
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    values: tuple[object, ...] = (None, False, True, 0, moment, "", [])
    keys = [value_keys.value_key(value) for value in values]
    assert [key[:1].hex() for key in keys] == [row["tag"] for row in table]
