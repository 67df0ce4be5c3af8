"""The index's own rows: a missing or damaged one is corruption that says what to do."""

import msgspec
import pytest

from lmdb_index.errors import IndexCorrupt
from lmdb_index.index import Index
from lmdb_index.meta import (
    APPLIED_KEY,
    COUNTERS_KEY,
    SCHEMA_KEY,
    STORE_KEY,
    check_identity,
    read_meta,
)
from lmdb_index.records import RawRecord
from lmdb_index.schema import META
from tests.support.index_store import OTHER_UUID, UUID

BAD = {
    APPLIED_KEY: b"seven",
    COUNTERS_KEY: msgspec.msgpack.encode(["no", "map"]),
    SCHEMA_KEY: b"",
    STORE_KEY: OTHER_UUID,
}


def test_what_the_last_commit_contains_can_be_read(index: Index) -> None:
    with index.operation() as operation:
        operation.add("files", 3)
    index.checkpoint()
    meta = read_meta(index)
    assert (meta.applied, meta.counters) == (1, {"files": 3})


@pytest.mark.parametrize("key", BAD)
@pytest.mark.parametrize("missing", [True, False])
def test_a_missing_or_damaged_row_is_corruption(index: Index, key: bytes, missing: bool) -> None:
    with index.operation() as operation:
        if missing:
            operation.delete(META, key)
        else:
            operation.put(META, key, RawRecord(BAD[key]))
    check = read_meta if key in {APPLIED_KEY, COUNTERS_KEY} else identity_of
    with pytest.raises(IndexCorrupt, match=r"run cairnfs rebuild-index$"):
        check(index)


def identity_of(index: Index) -> None:
    check_identity(index, UUID)
