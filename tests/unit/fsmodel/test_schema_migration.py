"""Stores of every schema open, are migrated with a copy made before, and go back again."""

from pathlib import Path

import pytest

from fsmodel.errors import InvalidArgument, NoSpace
from fsmodel.steps import run_inline
from fsmodel.volume import Volume
from lmdb_index.meta import schema_of
from lmdb_index.migrations.runner import FIRST_SCHEMA
from lmdb_index.schema import DIGEST, SCHEMA_VERSION, SHA256
from tests.support.golden import described, unpacked, wanted

SCHEMAS = range(FIRST_SCHEMA, SCHEMA_VERSION + 1)


def silent(done: int, total: int, text: str) -> None:
    """Nobody is told."""


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_golden_store_opens_and_is_brought_up_to_date(tmp_path: Path, schema: int) -> None:
    store = unpacked(schema, tmp_path)
    volume = Volume.open(store)
    try:
        assert described(volume) == wanted(schema)
        assert volume.schema_status().schema == SCHEMA_VERSION
        assert not run_inline(volume.fsck()).findings
        index = volume._parts.index
        assert index.count(SHA256) == index.count(DIGEST) > 0
    finally:
        volume.close()
    kept = list((store / "quarantine").glob("index-of-schema-*/data.mdb"))
    assert len(kept) == (schema != SCHEMA_VERSION)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_looking_at_a_golden_store_changes_nothing(tmp_path: Path, schema: int) -> None:
    store = unpacked(schema, tmp_path)
    before = {path: path.read_bytes() for path in store.rglob("*") if path.is_file()}
    volume = Volume.open(store, dry=True)
    assert described(volume) == wanted(schema)
    assert not run_inline(volume.fsck()).findings
    assert volume.schema_status().schema == schema
    volume.close()
    assert all(path.read_bytes() == data for path, data in before.items())


@pytest.mark.parametrize("schema", SCHEMAS)
def test_down_restores_what_a_golden_store_holds(tmp_path: Path, schema: int) -> None:
    store = unpacked(schema, tmp_path)
    volume = Volume.open(store)
    report = volume.migrate(schema, silent)
    assert (report.schema_before, report.schema) == (SCHEMA_VERSION, schema)
    assert described(volume) == wanted(schema)
    volume.close()
    volume = Volume.open(store, dry=True)
    assert schema_of(volume._parts.index) == schema
    assert described(volume) == wanted(schema)
    volume.close()


def test_what_cannot_be_copied_is_not_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, copy: Path) -> None:
        copy.write_bytes(source.read_bytes()[:8192])
        raise OSError(28, "No space left on device")

    store = unpacked(FIRST_SCHEMA, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("fsmodel.schema_migration.shutil.copyfile", full)
        with pytest.raises(NoSpace):
            Volume.open(store)
    assert not any((store / "quarantine").iterdir())
    volume = Volume.open(store, migrate=False)
    assert volume.schema_status().schema == FIRST_SCHEMA
    with pytest.raises(InvalidArgument, match="there is no schema"):
        volume.migrate(SCHEMA_VERSION + 1, silent)
    volume.close()
