"""Every row against its own checks: checksum, version, type.

Whether rows agree with each other is for the model to check: it knows what they mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lmdb_index.errors import IndexProblem
from lmdb_index.rows import Rows
from lmdb_index.schema import TABLES
from lmdb_index.values import CODECS


@dataclass(frozen=True, slots=True)
class RowFinding:
    """A row that fails its checks."""

    table: str
    key: bytes
    text: str


def check_rows(rows: Rows) -> Iterator[RowFinding]:
    """Read every row of every table, in bounded memory."""
    for table in TABLES:
        unseal = CODECS[table.number].unseal
        for key, value in rows.scan_values(table):
            try:
                unseal(key, value)
            except IndexProblem as problem:
                yield RowFinding(table.name.decode(), key, str(problem))
