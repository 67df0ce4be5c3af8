"""Every row against its own checks: checksum, version, type; and blocks of packed rows as such.

Whether rows agree with each other is for the model to check: it knows what they mean.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lmdb_index.block_format import Block
from lmdb_index.errors import IndexProblem
from lmdb_index.packed import PACKABLE, TOMBSTONE
from lmdb_index.packed_records import SHORT_BYTES
from lmdb_index.rows import Rows
from lmdb_index.schema import OBJECT, TABLES, Table
from lmdb_index.values import CODECS


@dataclass(frozen=True, slots=True)
class RowFinding:
    """A row that fails its checks."""

    table: str
    key: bytes  # empty when it is no single row: a block of packed rows, or the table
    text: str


def check_rows(rows: Rows) -> Iterator[RowFinding]:
    """Read every row of every table, in bounded memory."""
    for table in TABLES:
        yield from _TableCheck(rows, table).run()


class _TableCheck:
    """One table."""

    def __init__(self, rows: Rows, table: Table[Any]) -> None:
        self._rows = rows
        self._table = table
        self._count = 0
        self._is_damaged = False  # too much for counting

    def run(self) -> Iterator[RowFinding]:
        """Its own database, then its blocks, then how many rows there are."""
        yield from self._check_unpacked()
        if self._table in PACKABLE:
            yield from self._check_blocks()
        if not self._is_damaged and self._count != self._rows.count(self._table):
            told = self._rows.count(self._table)
            yield self._finding(b"", f"has {self._count} rows, and says {told}")

    def _check_unpacked(self) -> Iterator[RowFinding]:
        unseal = CODECS[self._table.number].unseal
        for key, value in self._rows.scan_unpacked(self._table):
            try:
                if value != TOMBSTONE:
                    self._count += 1
                    unseal(key, value)
                elif not self._is_packed(key):
                    self._is_damaged = True
                    yield self._finding(key, f"row {key.hex()} is empty: run cairnfs fsck")
            except IndexProblem as problem:
                yield RowFinding(self._table.name.decode(), key, str(problem))

    def _is_packed(self, key: bytes) -> bool:
        block = self._rows.packed_block(self._table, key)
        return block is not None and block.find(key) is not None

    def _check_blocks(self) -> Iterator[RowFinding]:
        before = b""
        for last in self._rows.packed_ends(self._table):
            try:
                block = self._rows.packed_block(self._table, last)
                assert block is not None
                yield from self._check_block(block, before)
            except IndexProblem as problem:
                self._is_damaged = True
                yield RowFinding(self._table.name.decode(), b"", str(problem))
            before = last

    def _check_block(self, block: Block, before: bytes) -> Iterator[RowFinding]:
        keys, last = block.keys(0, block.count), block.place[1:]
        rows = block.rows(0, block.count)
        if not len(keys) == len(rows) == block.count or keys[-1] != last:
            self._is_damaged = True
            yield self._finding(b"", f"packed rows up to {last.hex()} are not what they say")
            return
        if any(lower >= higher for lower, higher in pairwise([before, *keys])):
            self._is_damaged = True
            yield self._finding(b"", f"packed rows up to {last.hex()} are not in order")
        if self._table is OBJECT:
            for lower, higher in pairwise([before, *keys]):
                if lower[:SHORT_BYTES] == higher[:SHORT_BYTES]:
                    text = f"packed rows {lower.hex()} and {higher.hex()} begin alike"
                    yield self._finding(b"", text)
        above = self._rows.scan_unpacked(self._table, keys[0], last + b"\0")
        hidden = {key for key, _ in above}
        for key, row in zip(keys, rows, strict=True):
            if key not in hidden:
                self._count += 1
                try:
                    self._rows.check_packed(self._table, key, (row, block))
                except IndexProblem as problem:
                    yield RowFinding(self._table.name.decode(), key, str(problem))

    def _finding(self, key: bytes, text: str) -> RowFinding:
        name = self._table.name.decode()
        return RowFinding(name, key, f"index table {name}: {text}")
