"""The rows of user-defined indexes: what a document has in one, and the entries that lead to it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fsmodel.errors import AlreadyExists
from fsmodel.ids import InodeId
from fsmodel.indexes.catalogue import UserIndex
from fsmodel.indexes.values import Entry
from lmdb_index.keys import NUMBER_BYTES, named_key, number_key, number_of, pair_key
from lmdb_index.operation import Operation
from lmdb_index.records import IndexedRecord, RawRecord
from lmdb_index.rows import Rows
from lmdb_index.schema import INDEX_ENTRY, INDEXED


class Found(NamedTuple):
    """An entry as it stands in the table."""

    key: bytes  # of the values
    inode: InodeId
    text: bytes  # the values as JSON; nothing if that is long


def entry_row(index: int, key: bytes, inode: int) -> bytes:
    """The key of an entry's row."""
    return named_key(index, key) + number_key(inode)


def found_in(row: bytes, text: bytes) -> Found:
    """What a row of `index_entry` says."""
    key, inode = row[NUMBER_BYTES:-NUMBER_BYTES], number_of(row[-NUMBER_BYTES:])
    return Found(key, InodeId(inode), text)


def with_key(rows: Rows, index: int, key: bytes) -> Iterator[Found]:
    """The entries of one value key."""
    prefix = named_key(index, key)
    for row, record in rows.scan_prefix(INDEX_ENTRY, prefix):
        found = found_in(row, record.value)
        if found.key == key:
            yield found


def put_entries(operation: Operation, index: UserIndex, inode: int, added: Iterable[Entry]) -> None:
    """Let entries lead to a document. Raises AlreadyExists for a value that must be unique."""
    entries = list(added)
    if index.definition.unique:
        for key, text in entries:
            require_free(operation, index, key, text, inode)
    for key, text in entries:
        operation.put(INDEX_ENTRY, entry_row(index.number, key, inode), RawRecord(text))


def delete_entries(operation: Operation, index: int, inode: int, gone: Iterable[Entry]) -> None:
    """Take entries of a document away."""
    for key, _ in gone:
        operation.delete(INDEX_ENTRY, entry_row(index, key, inode))


def require_free(rows: Rows, index: UserIndex, key: bytes, text: bytes, inode: int) -> None:
    """Raises AlreadyExists if another document has a value."""
    for found in with_key(rows, index.number, key):
        if found.inode != inode:
            shown = text.decode() or "this value"
            raise AlreadyExists(
                f"another document has {shown} in the unique index {index.definition.name!a}"
            )


def indexed_of(rows: Rows, index: int, inode: int) -> IndexedRecord | None:
    """What a document has in an index; None when it is none of its documents."""
    return rows.get(INDEXED, pair_key(index, inode))


def shown_entries(record: IndexedRecord | None) -> tuple[Entry, ...]:
    """Those that stand in `index_entry`."""
    return record.entries if record is not None and record.shown else ()
