"""What fsck finds of indexes, how it is repaired, and what comes back with a new index."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from fsmodel import errors
from fsmodel.ids import InodeId
from fsmodel.indexes.catalogue import DEFINITION
from fsmodel.indexes.definition import Definition
from fsmodel.namespace.xattrs import Xattrs
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.repair.repair import repair_store
from fsmodel.steps import run_inline
from fsmodel.upkeep.findings import Part
from lmdb_index.errors import IndexCorrupt
from lmdb_index.records import InodeRecord, RawRecord
from lmdb_index.rows import Rows
from lmdb_index.schema import INDEX_ENTRY, INDEXED, Table
from tests.support.indexed import IndexedStore, quiet
from tests.support.volumes import parts_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[IndexedStore]:
    made = IndexedStore(tmp_path)
    made.create("numbers", "runs/*.json", "n")
    for number in range(3):
        made.put(f"runs/{number}.json", {"n": number})
    yield made
    made.require_sound()
    made.require_right("numbers")
    made.close()


def spoil(store: IndexedStore, table: Table[Any], add: bytes | None = None) -> None:
    """Delete the first row of a table, or add one."""
    parts = parts_of(store.volume)
    key, _ = next(parts.index.scan(table))
    with parts.changes.begin() as change:
        if add is None:
            change.operation.delete(table, key)
        else:
            change.operation.put(table, key[:8] + add, RawRecord(b"[9]"))


@pytest.mark.parametrize(
    ("table", "add"), [(INDEX_ENTRY, None), (INDEXED, None), (INDEX_ENTRY, b"\x30\x03" + bytes(8))]
)
def test_what_is_wrong_is_found_and_built_anew(
    store: IndexedStore, table: Table[Any], add: bytes | None
) -> None:
    spoil(store, table, add)
    assert run_inline(store.indexes.verify("numbers", quiet)).wrong
    found = run_inline(store.volume.fsck()).findings
    assert {finding.part for finding in found} == {Part.INDEXES}
    report = run_inline(store.volume.repair())
    assert [each.part for each in report.repaired] == [Part.INDEXES]
    store.require_sound()
    assert store.indexes.info("numbers").state == "building"
    assert run_inline(store.indexes.resume(quiet)) == []
    assert store.query("numbers", 1) == ["/runs/1.json"]


def test_it_is_repaired_when_nobody_uses_the_store(store: IndexedStore) -> None:
    spoil(store, INDEXED)
    store.volume.close()
    repair_store(store.store, quiet)
    store._open()
    run_inline(store.indexes.resume(quiet))


def test_an_index_made_again_from_the_packs_has_the_definitions(store: IndexedStore) -> None:
    store.volume.close()
    shutil.rmtree(store.store / "index")
    rebuild_index(store.store, quiet)
    store._open()
    assert store.indexes.is_unfinished
    run_inline(store.indexes.resume(quiet))
    assert store.query("numbers", 2) == ["/runs/2.json"]


def test_a_store_with_a_definition_that_cannot_be_read_opens(
    store: IndexedStore, caplog: pytest.LogCaptureFixture
) -> None:
    unreadable = IndexCorrupt("a row fails its checksum", "xattr", b"")
    with mock.patch.object(Rows, "scan_prefix", side_effect=unreadable):
        parts_of(store.volume).indexes._catalogue._reload()
    assert "fsck --repair" in caplog.text
    assert store.indexes.all() == []
    assert not store.indexes.is_unfinished  # what the indexes hold is not taken for dropped
    with pytest.raises(errors.IndexCorrupt, match="fails its checksum"):
        store.indexes.info("numbers")
    caplog.clear()
    store.put("runs/9.json", {"n": 9})  # nobody keeps the index now
    store.reopen()
    assert {each.part for each in run_inline(store.volume.fsck()).findings} == {Part.INDEXES}
    run_inline(store.volume.repair())
    run_inline(store.indexes.resume(quiet))
    assert store.query("numbers", 9) == ["/runs/9.json"]


def test_an_index_made_where_another_cannot_be_read_is_told(store: IndexedStore) -> None:
    unreadable = IndexCorrupt("a row fails its checksum", "xattr", b"")
    find, definition = Xattrs.find, Definition("more", "runs/*.json", ("n",))

    def fail(xattrs: Xattrs, inode: InodeId, record: InodeRecord, name: bytes) -> bytes | None:
        if name == DEFINITION:
            raise unreadable
        return find(xattrs, inode, record, name)

    with mock.patch.object(Xattrs, "find", fail), pytest.raises(errors.IndexCorrupt):
        store.indexes.define(definition)
    store.reopen()
    run_inline(store.indexes.resume(quiet))
    assert store.query("more", 1) == ["/runs/1.json"]
