"""Making and opening: what is no index of this store, or a damaged one, is refused in one line."""

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

import lmdb
import pytest

from lmdb_index import meta
from lmdb_index.errors import IndexCorrupt, IndexProblem, IndexTooNew, JournalCorrupt
from lmdb_index.index import Index
from lmdb_index.packed import Packed
from lmdb_index.schema import SCHEMA_VERSION
from tests.support.index_store import (
    OTHER_UUID,
    UUID,
    files_of,
    new_store,
    opened,
    put_packs,
    put_raw,
    segments,
    the_segment,
)


def test_an_empty_index_holds_nothing(index: Index) -> None:
    rows = index.statistics().rows
    assert rows.pop("meta") > 0
    assert set(rows.values()) == {0}
    assert (index.counters(), index.journal_position, index.unsynced) == ({}, 0, False)


def test_a_host_that_fails_lmdb_is_told_in_one_line(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The binding makes the folder itself, and passes on what the host says to that."""

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(lmdb, "Environment", refuse)
    with pytest.raises(IndexProblem, match=r"index: Input/output error"):
        Index.open(store, UUID)


def test_an_index_that_lmdb_cannot_read_is_told_in_one_line(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise lmdb.CorruptedError("mdb_get: Located page was wrong type")

    with monkeypatch.context() as patch:
        patch.setattr(Packed, "load", refuse)
        with pytest.raises(IndexCorrupt, match="wrong type: run cairnfs rebuild-index"):
            Index.open(store, UUID)
    Index.open(store, UUID).close()


def test_files_are_for_their_owner_alone(store: Path) -> None:
    with opened(store) as index:
        put_raw(index, b"key")
        for path in store.rglob("*"):
            assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_making_another_index_is_refused(store: Path) -> None:
    before = files_of(store)
    with pytest.raises(IndexProblem, match="there is an index already"):
        Index.create(store, UUID)
    assert files_of(store) == before


def test_a_new_index_takes_little_room(store: Path) -> None:
    assert sum(path.stat().st_blocks * 512 for path in store.rglob("*")) < 512 << 10


def test_an_index_of_another_store_is_named(store: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    Index.create(other, OTHER_UUID)
    shutil.rmtree(store / "index")
    shutil.copytree(other / "index", store / "index")
    with pytest.raises(IndexCorrupt, match=f"belongs to store {OTHER_UUID.hex()}"):
        Index.open(store, UUID)


def test_a_journal_of_another_store_is_named(store: Path) -> None:
    with pytest.raises(JournalCorrupt, match=f"belongs to store {UUID.hex()}"):
        Index.open(store, OTHER_UUID)


def test_a_later_schema_is_refused_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as later:
        later.setattr(meta, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
        store = new_store(tmp_path / "store")
    before = files_of(store)
    with pytest.raises(
        IndexTooNew,
        match=f"schema {SCHEMA_VERSION + 1}, this cairnfs knows {SCHEMA_VERSION}: use a later",
    ):
        Index.open(store, UUID)
    assert files_of(store) == before


@pytest.mark.parametrize("keep", [0, 100, 4096, 12288])
def test_an_index_file_that_was_cut_is_noticed_before_it_is_read(store: Path, keep: int) -> None:
    with opened(store) as index:
        put_packs(index, range(300))
        index.checkpoint()
    data = store / "index" / "data.mdb"
    size = data.stat().st_size
    os.truncate(data, keep)
    with pytest.raises(IndexCorrupt, match=f"{keep} bytes of at least {size}: run cairnfs rebuild"):
        Index.open(store, UUID)


def test_a_missing_index_is_not_made_again(store: Path) -> None:
    data = store / "index" / "data.mdb"
    data.unlink()
    with pytest.raises(IndexCorrupt, match="has 0 bytes"):
        Index.open(store, UUID)
    assert not data.exists()


def test_a_file_that_is_no_index_is_refused(store: Path) -> None:
    data = store / "index" / "data.mdb"
    data.write_bytes(b"garbage" * data.stat().st_size)
    with pytest.raises(IndexCorrupt, match="run cairnfs rebuild-index"):
        Index.open(store, UUID)


def test_a_garbled_index_is_noticed_before_lmdb_trips_over_it(store: Path) -> None:
    with opened(store) as index:
        put_packs(index, range(300))
        index.checkpoint()
    data = store / "index" / "data.mdb"
    good = data.read_bytes()
    refused = []
    for page in range(0, len(good), 4096):
        data.write_bytes(good[:page] + bytes(4096) + good[page + 4096 :])
        with suppress(IndexCorrupt):
            Index.open(store, UUID, thorough=True).close()
            continue
        refused.append(page)
    data.write_bytes(good)
    Index.open(store, UUID, thorough=True).close()
    assert len(refused) > len(good) // 4096 // 2, "most pages are in use"


def test_a_missing_journal_is_refused(store: Path) -> None:
    the_segment(store).unlink()
    with pytest.raises(JournalCorrupt, match="no journal segment"):
        Index.open(store, UUID)
    (store / "journal").rmdir()
    with pytest.raises(JournalCorrupt, match="run cairnfs rebuild-index"):
        Index.open(store, UUID)


def test_what_cannot_be_opened_is_not_left_open(store: Path) -> None:
    """LMDB refuses to open an environment twice, so this would fail the second time."""
    with pytest.raises(JournalCorrupt):
        Index.open(store, OTHER_UUID)
    segment = the_segment(store)
    segment.rename(store / "hidden")
    with pytest.raises(JournalCorrupt):
        Index.open(store, UUID)
    (store / "hidden").rename(segment)
    with opened(store) as index:
        put_raw(index, b"key")


def test_tables_that_came_later_are_made(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lmdb_index import environment
    from lmdb_index.records import RawRecord
    from lmdb_index.schema import TABLES, Table
    from lmdb_index.values import CODECS, RowCodec

    later = Table(200, b"later", RawRecord)
    monkeypatch.setattr(environment, "TABLES", (*TABLES, later))
    monkeypatch.setitem(CODECS, 200, RowCodec(later))
    before = files_of(store)
    with opened(store, dry=True) as index:
        assert index.get(later, b"key") is None
    assert files_of(store) == before
    for _ in range(2):
        with opened(store) as index:
            with index.operation() as operation:
                operation.put(later, b"key", RawRecord(b"value"))
            index.checkpoint()
    assert len(segments(store)) == 1
