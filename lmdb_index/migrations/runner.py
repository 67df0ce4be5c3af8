"""Brings the tables of a store to a schema, one migration after the other.

The row that says which schema it is changes with the last operation of each, and one says with the
first that the tables are between two: so whatever ends the process in between, the migration is
begun again by the next one, or undone by one that goes the other way.
"""

from collections.abc import Callable, Sequence
from typing import Final

from lmdb_index.errors import IndexProblem
from lmdb_index.index import Index
from lmdb_index.meta import begun_migration, put_begun_migration, put_schema, schema_of
from lmdb_index.migrations.m0002_sha256 import SHA256_ROWS
from lmdb_index.migrations.migration import Migration
from lmdb_index.schema import SCHEMA_VERSION

FIRST_SCHEMA: Final = 1
MIGRATIONS: Final[Sequence[Migration]] = (SHA256_ROWS,)
assert [each.number for each in MIGRATIONS] == [*range(FIRST_SCHEMA + 1, SCHEMA_VERSION + 1)]

OnRows = Callable[[int, str], None]  # rows done, of which migration


def pending(index: Index, target: int) -> list[Migration]:
    """The migrations between the schema of an index and another, in the order to run them."""
    present, begun = schema_of(index), begun_migration(index)
    lowest = present if begun is None else begun - 1
    if target > lowest:
        return [each for each in MIGRATIONS if lowest < each.number <= target]
    highest = present if begun is None else begun
    return [each for each in reversed(MIGRATIONS) if target < each.number <= highest]


def migrate(index: Index, target: int, on_rows: OnRows) -> list[Migration]:
    """Bring an index to a schema, up or down; what was run.

    Raises IndexProblem for a schema there is not, NoRoom; a part of it may be done then.
    """
    if not FIRST_SCHEMA <= target <= SCHEMA_VERSION:
        raise IndexProblem(
            f"there is no schema {target}: name one from {FIRST_SCHEMA} to {SCHEMA_VERSION}"
        )
    steps = pending(index, target)
    for migration in steps:
        goes_up = migration.number <= target
        with index.operation() as operation:
            put_begun_migration(operation, migration.number)
        for rows in (migration.up if goes_up else migration.down)(index):
            on_rows(rows, migration.title)
        with index.operation() as operation:
            put_schema(operation, migration.number if goes_up else migration.number - 1)
    return steps
