"""Migrations of the index: both ways, killed at any moment, and refused where there is none."""

import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from lmdb_index.errors import IndexProblem, IndexTooNew
from lmdb_index.index import Index
from lmdb_index.meta import put_schema, schema_of
from lmdb_index.migrations import m0002_sha256
from lmdb_index.migrations.runner import FIRST_SCHEMA, MIGRATIONS, migrate
from lmdb_index.records import DigestRecord, RawRecord
from lmdb_index.schema import DIGEST, SCHEMA_VERSION, SHA256
from tests.support.index_store import UUID, State, new_store, state_of

NEWEST = SCHEMA_VERSION


def silent(rows: int, title: str) -> None:
    """Nobody is told."""


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An index of the newest schema with rows that migrations are about, taken a few at a time."""
    monkeypatch.setattr(m0002_sha256, "ROWS_AT_ONCE", 3)
    opened = Index.open(new_store(tmp_path / "store"), UUID)
    for number in range(10):
        ref, sha256 = b"\x01" + bytes([number]) * 32, bytes([255 - number]) * 32
        with opened.operation() as operation:
            operation.put(DIGEST, ref, DigestRecord(bytes(32), sha256))
            operation.put(SHA256, sha256, RawRecord(ref))
    opened.checkpoint()
    yield opened
    opened.close()


def test_the_list_is_without_gaps() -> None:
    assert [one.number for one in MIGRATIONS] == [*range(FIRST_SCHEMA + 1, NEWEST + 1)]


def test_a_new_index_has_the_newest_schema(index: Index) -> None:
    assert schema_of(index) == NEWEST
    assert migrate(index, NEWEST, silent) == []


def test_down_and_up_again_is_what_it_was(index: Index) -> None:
    before = state_of(index)
    told: list[int] = []
    assert len(migrate(index, FIRST_SCHEMA, lambda rows, title: told.append(rows))) == 1
    assert (schema_of(index), told) == (FIRST_SCHEMA, [3, 6, 9, 10])
    assert next(index.scan(SHA256), None) is None
    migrate(index, NEWEST, silent)
    assert (schema_of(index), state_of(index)) == (NEWEST, before)


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("committed", [False, True])
def test_killed_at_any_step_it_ends_at_the_next_start(
    index: Index, tmp_path: Path, direction: str, committed: bool
) -> None:
    """The journal has the steps, or a checkpoint does."""
    newest = state_of(index)
    migrate(index, FIRST_SCHEMA, silent)
    index.checkpoint()
    oldest = state_of(index)
    ends = (NEWEST, newest), (FIRST_SCHEMA, oldest)
    goal = NEWEST if direction == "up" else FIRST_SCHEMA
    if direction == "down":
        migrate(index, NEWEST, silent)
        index.checkpoint()
    lives: list[Path] = []

    def kill(rows: int, title: str) -> None:
        if committed:
            index.checkpoint()
        lives.append(tmp_path / str(rows))
        shutil.copytree(tmp_path / "store", lives[-1])

    migrate(index, goal, kill)
    assert len(lives) == 4
    for store, (then, wanted) in product(lives, ends):
        require_ends(Path(shutil.copytree(store, f"{store}-{then}")), then, wanted)


def require_ends(store: Path, goal: int, wanted: State) -> None:
    """Whoever opens it next may want either schema: a mount goes up, whatever was killed."""
    opened = Index.open(store, UUID)
    try:
        migrate(opened, goal, silent)
        assert (schema_of(opened), state_of(opened)) == (goal, wanted)
    finally:
        opened.close()


def test_what_a_killed_migration_left_is_no_row_of_the_next_one(index: Index) -> None:
    """An older version knows nothing of the table, and forgets digests."""
    migrate(index, FIRST_SCHEMA, silent)
    next(m0002_sha256.up(index))
    (ref, _), *others = index.scan(DIGEST)
    with index.operation() as operation:
        operation.delete(DIGEST, ref)
    migrate(index, NEWEST, silent)
    found = sorted((row.value, sha256) for sha256, row in index.scan(SHA256))
    assert found == [(key, digest.sha256) for key, digest in others]


@pytest.mark.parametrize("target", [FIRST_SCHEMA - 1, NEWEST + 1])
def test_another_schema_is_refused(index: Index, target: int) -> None:
    with pytest.raises(IndexProblem, match="there is no schema"):
        migrate(index, target, silent)
    assert schema_of(index) == NEWEST


def test_a_later_schema_is_left_untouched(index: Index, tmp_path: Path) -> None:
    with index.operation() as operation:
        put_schema(operation, NEWEST + 1)
    index.checkpoint()
    index.close()
    file = tmp_path / "store" / "index" / "data.mdb"
    before = file.read_bytes()
    with pytest.raises(IndexTooNew):
        Index.open(tmp_path / "store", UUID)
    assert file.read_bytes() == before
