"""The check of single rows finds each damaged one and goes on behind it."""

from pathlib import Path
from typing import Any

import lmdb
import pytest

from lmdb_index.check import check_rows
from lmdb_index.environment import ENGINE
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.records import PackRecord
from lmdb_index.schema import PACK, Table
from lmdb_index.values import RowCodec
from tests.support.index_store import opened, put_packs

LATER: Table[Any] = Table(PACK.number, PACK.name, PackRecord, version=2)


def store_raw(store: Path, key: bytes, value: bytes) -> None:
    """Put a stored value past all checks, into an index that nothing has open."""
    with (
        lmdb.Environment(str(store / "index"), max_dbs=64, lib_version=ENGINE) as environment,
        environment.begin(write=True, db=environment.open_db(PACK.name)) as transaction,
    ):
        transaction.put(key, value)


def test_a_good_index_has_no_findings(index: Index) -> None:
    put_packs(index, range(100))
    assert list(check_rows(index)) == []
    with index.operation() as operation:
        assert list(check_rows(operation)) == []
    index.checkpoint()
    with index.snapshot() as snapshot:
        assert list(check_rows(snapshot)) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"no value", "fails its checksum"),
        (RowCodec(PACK).seal(b"another key", PackRecord(1)), "fails its checksum"),
        (RowCodec(LATER).seal(number_key(50), PackRecord(1)), "has version 2"),
    ],
)
def test_each_damaged_row_is_found(store: Path, value: bytes, text: str) -> None:
    with opened(store) as index:
        put_packs(index, range(100))
        index.checkpoint()
    store_raw(store, number_key(50), value)
    store_raw(store, number_key(70), b"")
    with opened(store) as index:
        first, second = check_rows(index)
    assert (first.table, first.key) == ("pack", number_key(50))
    assert text in first.text
    assert second.key == number_key(70)
