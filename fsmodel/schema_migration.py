"""Brings a store to another schema of its index, with a copy of the index made before."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fsmodel.durability import Durability
from fsmodel.errors import InvalidArgument
from fsmodel.index_border import index_errors_translated
from fsmodel.store.host_files import host_failures, sync_file, sync_folder
from fsmodel.store.layout import FOLDER_MODE, StoreLayout
from fsmodel.upkeep.garbage import Report
from lmdb_index.index import Index
from lmdb_index.meta import begun_migration, schema_of
from lmdb_index.migrations.runner import FIRST_SCHEMA, MIGRATIONS, migrate, pending
from lmdb_index.rows import Rows
from lmdb_index.schema import SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class KnownMigration:
    """A migration, and whether the store has it."""

    number: int
    title: str
    done: bool


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Which schema a store has."""

    schema: int
    newest: int  # that this program knows
    migrations: tuple[KnownMigration, ...]


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What was done."""

    schema_before: int
    schema: int
    migrations: tuple[str, ...]  # titles, in the order they were run
    kept_index: str  # the copy made before, below the store; empty when nothing was to be done


def schema_status(rows: Rows) -> SchemaStatus:
    """Which schema an open store has."""
    schema, begun = schema_of(rows), begun_migration(rows)
    known = [
        KnownMigration(one.number, one.title, one.number <= schema and one.number != begun)
        for one in MIGRATIONS
    ]
    return SchemaStatus(schema, SCHEMA_VERSION, tuple(known))


def bring_to(
    index: Index, durability: Durability, layout: StoreLayout, target: int, report: Report
) -> MigrationReport:
    """Bring an open store that nothing else changes to a schema, up or down.

    Raises InvalidArgument for a schema there is not, IndexCorrupt, NoSpace, BackendError.
    """
    if not FIRST_SCHEMA <= target <= SCHEMA_VERSION:
        raise InvalidArgument(
            f"there is no schema {target}: name one from {FIRST_SCHEMA} to {SCHEMA_VERSION}"
        )
    with index_errors_translated():
        before = schema_of(index)
        if not pending(index, target):
            return MigrationReport(before, before, (), "")
        durability.checkpoint_now()
        kept = _keep_index(layout, before)
        ran = migrate(index, target, lambda rows, title: report(rows, 0, f"rows: {title}"))
        durability.checkpoint_now()
    return MigrationReport(before, target, tuple(each.title for each in ran), kept)


def _keep_index(layout: StoreLayout, schema: int) -> str:
    """Copy the file of a checkpointed index to quarantine/, durably."""
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%fZ")
    folder = layout.quarantine / f"index-of-schema-{schema}-{moment}"
    with host_failures(folder):
        layout.quarantine.mkdir(FOLDER_MODE, exist_ok=True)
        folder.mkdir(FOLDER_MODE)
        try:
            _copy(layout.index / "data.mdb", folder / "data.mdb")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        sync_folder(layout.quarantine)
    return f"{layout.quarantine.name}/{folder.name}"


def _copy(source: Path, copy: Path) -> None:
    shutil.copyfile(source, copy)
    copy.chmod(0o600)
    sync_file(copy)
    sync_folder(copy.parent)
