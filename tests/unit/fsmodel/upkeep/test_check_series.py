"""Artifacts by address, and series with their output: found out when they are wrong, and mended."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fsmodel.ids import InodeId, ObjectId
from fsmodel.rebuild.rebuild import rebuild_index
from fsmodel.repair.repair import repair_store
from fsmodel.series.artifacts import artifact_key
from fsmodel.steps import run_inline
from fsmodel.upkeep.findings import Part
from lmdb_index.keys import named_key, pair_key
from lmdb_index.records import DirentOrderRecord, RawRecord
from lmdb_index.schema import ARTIFACT, DIRENT, DIRENT_ORDER, XATTR
from tests.support.structured import StructuredStore
from tests.support.volumes import damage


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StructuredStore]:
    store = StructuredStore(tmp_path)
    for series in ("a", "b", "gone"):
        store.mkdir(f"output/{series}")
        store.write(f"output/{series}/data/1.txt", series.encode())
    store.remove("series/b.json")
    store.remove("series/gone.json")
    store.remove("series/deleted/gone.json")
    store.require_sound()
    yield store
    store.close()


def findings(store: StructuredStore) -> list[str]:
    found = run_inline(store.volume.fsck()).findings
    return [finding.text for finding in found if finding.part is Part.SERIES]


def change_row(store: StructuredStore, name: bytes, *, present: bool) -> None:
    key = artifact_key(store.inode("output/a"), b"data", name)
    assert key is not None
    with store.volume._parts.changes.begin() as change:
        if present:
            change.operation.put(ARTIFACT, key, RawRecord())
        else:
            change.operation.delete(ARTIFACT, key)


def test_a_row_that_lacks(store: StructuredStore) -> None:
    change_row(store, b"1.txt", present=False)
    folder = store.inode("output/a")
    text = f"artifact data/1.txt of series folder {folder} is not listed by its address"
    assert findings(store) == [text]


def test_a_row_too_many(store: StructuredStore) -> None:
    change_row(store, b"2.txt", present=True)
    assert len(findings(store)) == 1


def test_a_row_of_no_series(store: StructuredStore) -> None:
    key = artifact_key(store.inode("projects"), b"data", b"1.txt")
    assert key is not None
    with store.volume._parts.changes.begin() as change:
        change.operation.put(ARTIFACT, key, RawRecord())
    assert len(findings(store)) == 1


def test_repair_makes_the_rows_anew(store: StructuredStore) -> None:
    change_row(store, b"1.txt", present=False)
    change_row(store, b"2.txt", present=True)
    report = run_inline(store.volume.repair())
    assert [repair.part for repair in report.repaired] == [Part.SERIES] * 2
    store.require_sound()
    assert store.status("a") == {"1": ["data"]}


def test_repair_forgets_rows_of_output_that_lies_elsewhere(store: StructuredStore) -> None:
    """As when its name was lost, and it is in lost+found: what they stand for has its names."""
    output, folder = store.split("output/a")
    entry = store.volume._parts.index.get(DIRENT, named_key(output, folder))
    assert entry is not None
    with store.volume._parts.changes.begin() as change:
        change.operation.delete(DIRENT, named_key(output, folder))
        change.operation.delete(DIRENT_ORDER, pair_key(output, entry.cookie))
        change.edit(InodeId(entry.inode)).parent = store.inode("projects")
    run_inline(store.volume.repair())
    missing = "series b'a' has no folder for output: write its document again"
    assert findings(store) == [missing]
    with store.volume._parts.changes.begin() as change:
        change.operation.put(DIRENT, named_key(output, folder), entry)
        row = DirentOrderRecord(entry.inode, entry.kind, folder)
        change.operation.put(DIRENT_ORDER, pair_key(output, entry.cookie), row)
        change.edit(InodeId(entry.inode)).parent = output
    run_inline(store.volume.repair())
    assert store.status("a") == {"1": ["data"]}


def test_a_series_that_is_not_configured(store: StructuredStore) -> None:
    with store.volume._parts.changes.begin() as change:
        change.operation.delete(XATTR, named_key(store.inode("output/a"), b"cairnfs.series"))
    assert findings(store) == ["series b'a' is not configured: write its document again"]
    store.write("series/a.json", b'{"description": "again"}')
    store.require_sound()


@pytest.mark.parametrize("in_use", [True, False])
def test_a_series_is_configured_again_as_its_document_says(
    store: StructuredStore, in_use: bool
) -> None:
    document = b'{"kinds": {"data": [".txt"], "own": [".x"]}, "retention": {"versions": 99}}'
    store.write("series/a.json", document)
    configs = store.volume._parts.rules.configs
    before = configs.of(store.inode("output/a"))
    assert before.versions is not None
    with store.volume._parts.changes.begin() as change:
        change.operation.delete(XATTR, named_key(store.inode("output/a"), b"cairnfs.series"))
    policies = store.volume._parts.versions.policies
    policies.forget()
    assert policies.of(store.inode("output/a/data")).count == 10
    if in_use:
        assert len(run_inline(store.volume.repair()).repaired) == 1
    else:
        store.volume.close()
        repair_store(store.store, lambda done, total, text: None)
        store._open()
    store.require_sound()
    assert store.volume._parts.rules.configs.of(store.inode("output/a")) == before
    assert store.volume._parts.versions.policies.of(store.inode("output/a/data")).count == 99
    store.write("output/a/own/1.x", b"")


def test_a_series_whose_document_is_damaged_is_left(store: StructuredStore) -> None:
    store.write("series/a.json", b'{"description": "nobody else has it"}')
    content = store.volume._parts.inodes.get(store.inode("series/a.json")).content
    with store.volume._parts.changes.begin() as change:
        change.operation.delete(XATTR, named_key(store.inode("output/a"), b"cairnfs.series"))
    mend = damage(store.volume, ObjectId(content[1:]))
    run_inline(store.volume.repair())
    assert findings(store) == ["series b'a' is not configured: write its document again"]
    mend()
    run_inline(store.volume.repair())
    assert findings(store) == []


def test_a_series_without_output(store: StructuredStore) -> None:
    parts = store.volume._parts
    with parts.changes.begin() as change:
        assert parts.series is not None
        names = parts.series.lifecycle._names
        names.rename(change, store.inode("output"), b"a", store.inode("projects"), b"a")
    assert "series b'a' has no folder for output: write its document again" in findings(store)
    store.write("series/a.json", b'{"description": "again"}')
    assert store.listing("output/a/data") == []


def test_an_index_made_again_knows_the_artifacts(store: StructuredStore) -> None:
    store.volume.close()
    rebuild_index(store.store, lambda done, total, text: None)
    store._open()
    store.require_sound()
    assert store.status("a") == {"1": ["data"]}
    store.volume.series.restore(b"b")
    assert store.status("b") == {"1": ["data"]}
    store.write("output/a/title/1.txt", b"")
    assert store.status("a") == {"1": ["data", "title"]}
