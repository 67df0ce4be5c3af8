"""The check of the whole LMDB file passes what LMDB makes, and notices what it does not."""

import shutil
from pathlib import Path

import pytest

from lmdb_index.environment import DATA_FILE
from lmdb_index.errors import IndexCorrupt
from lmdb_index.index import Index
from lmdb_index.records import RawRecord
from lmdb_index.schema import XATTR
from lmdb_index.structure import check_structure
from tests.support.index_store import new_store, opened

PAGE = 4096
LONG = 3 * PAGE


def put(index: Index, key: bytes, size: int) -> None:
    with index.operation() as operation:
        operation.put(XATTR, key, RawRecord(b"v" * size))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An index in which a long value gave way to a shorter one before a checkpoint."""
    store = new_store(tmp_path / "store")
    with opened(store) as index:
        put(index, b"shorter", LONG)
        put(index, b"long", LONG)
        put(index, b"shorter", PAGE // 2)
        put(index, b"last", LONG)
        index.checkpoint()
    return store


def first_of_four(store: Path) -> int:
    """The number of a page that begins a value of LONG bytes, with those behind it."""
    data = (store / "index" / DATA_FILE).read_bytes()
    for page in range(2, len(data) // PAGE):
        header = data[page * PAGE : page * PAGE + 16]
        is_value = header[10] == 4 and int.from_bytes(header[12:], "little") == LONG // PAGE + 1
        if is_value:
            return page
    raise AssertionError


def test_a_long_value_may_give_way_to_a_shorter_one(store: Path) -> None:
    check_structure(store / "index")
    with opened(store) as index:
        row = index.get(XATTR, b"shorter")
    assert row is not None and len(row.value) == PAGE // 2


@pytest.mark.parametrize("pages", [0, 3, 5, 1 << 31, (1 << 32) - 1])
def test_a_value_with_fewer_pages_than_it_needs_or_with_others(store: Path, pages: int) -> None:
    file = store / "index" / DATA_FILE
    data = bytearray(file.read_bytes())
    at = first_of_four(store) * PAGE + 12
    data[at : at + 4] = pages.to_bytes(4, "little")
    file.write_bytes(data)
    with pytest.raises(IndexCorrupt, match="run cairnfs rebuild-index"):
        check_structure(store / "index")


def test_a_file_that_is_none(store: Path, tmp_path: Path) -> None:
    shutil.copytree(store / "index", tmp_path / "cut")
    (tmp_path / "cut" / DATA_FILE).write_bytes(b"")
    with pytest.raises(IndexCorrupt):
        check_structure(tmp_path / "cut")
    with pytest.raises(IndexCorrupt):
        check_structure(tmp_path)
