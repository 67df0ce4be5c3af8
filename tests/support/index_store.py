"""A store folder with nothing in it but an index: opened, killed, cut and looked at by tests."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lmdb_index.index import Index
from lmdb_index.journal_files import list_segments
from lmdb_index.journal_format import (
    SEGMENT_HEADER,
    JournalRecord,
    parse_record,
    segment_seed,
)
from lmdb_index.keys import number_key
from lmdb_index.records import PackRecord, RawRecord
from lmdb_index.recovery import AcceptRecord
from lmdb_index.schema import META, PACK, TABLES, XATTR

UUID = bytes(range(16))
OTHER_UUID = bytes(range(1, 17))

# Everything an index shows: table and key to record, counters by name.
State = Mapping[object, object]


def state_of(index: Index) -> State:
    """Everything an index shows, but for its own rows."""
    rows: dict[object, object] = {
        (table.name, key): msgspec.structs.astuple(record)
        for table in TABLES
        if table is not META
        for key, record in index.scan(table)
    }
    return rows | index.counters()


def put_raw(index: Index, key: bytes, value: bytes = b"") -> None:
    """One operation of one row."""
    with index.operation() as operation:
        operation.put(XATTR, key, RawRecord(value))


def put_packs(index: Index, numbers: range) -> None:
    """One operation for each of some numbers, which also counts them."""
    for number in numbers:
        with index.operation() as operation:
            operation.put(PACK, number_key(number), PackRecord(state=1, size=number))
            operation.add("packs", 1)


def pack_numbers(index: Index) -> list[int]:
    """What `put_packs` has put."""
    numbers = [record.size for _, record in index.scan(PACK)]
    assert index.counter("packs") == len(numbers)
    return numbers


def sync(index: Index) -> None:
    """As fsync does it."""
    index.mark_synced(index.sync_journal())


def new_store(folder: Path) -> Path:
    """A store with an empty index."""
    Index.create(folder, UUID)
    return folder


def killed(index: Index, store: Path, place: Path) -> Path:
    """What a kill leaves of an open index: its files as they are now, in another place.

    The index is closed, so that a test does not collect open ones.
    """
    shutil.copytree(store, place)
    index.close()
    return place


@contextmanager
def opened(
    store: Path, accept: AcceptRecord | None = None, *, dry: bool = False
) -> Iterator[Index]:
    """An index, open for the length of a block."""
    index = Index.open(store, UUID, accept, dry=dry)
    try:
        yield index
    finally:
        index.close()


def segments(store: Path) -> list[Path]:
    """The journal's segments in order."""
    return [segment.path for segment in list_segments(store / "journal")]


def the_segment(store: Path) -> Path:
    """The only segment of the journal."""
    (segment,) = segments(store)
    return segment


def records_in(segment: Path, uuid: bytes = UUID) -> list[JournalRecord]:
    """The valid records of a segment, up to the first place where there is none."""
    block = memoryview(segment.read_bytes())
    seed = segment_seed(uuid, int(segment.stem, 16))
    found, offset = [], SEGMENT_HEADER.size
    while (record := parse_record(block, offset, seed)) is not None:
        found.append(record)
        offset = record.end
    return found


def flip_bit(path: Path, bit: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def files_of(store: Path) -> dict[str, bytes]:
    """All files of a store but LMDB's lock, which every open touches."""
    return {
        str(path.relative_to(store)): path.read_bytes()
        for path in store.rglob("*")
        if path.is_file() and path.name != "lock.mdb"
    }


class CrashPoints:
    """Copies a store before each call that changes a file: what a kill just then would leave."""

    CALLS = ("open", "pwrite", "ftruncate", "fsync", "fdatasync", "rename", "unlink", "mkdir")

    def __init__(self, store: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.copies: list[Path] = []
        self.calls: list[str] = []
        self._store = store
        self._place = place
        self._copying = False
        for name in self.CALLS:
            monkeypatch.setattr(os, name, self._watched(name, getattr(os, name)))

    def _watched(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any, **options: Any) -> Any:
            if not self._copying:
                self.copy(name)
            return call(*arguments, **options)

        return watched

    def copy(self, name: str) -> None:
        """Keep the store as it is now."""
        self._copying = True
        copy = self._place / str(len(self.copies))
        shutil.copytree(self._store, copy)
        self.copies.append(copy)
        self.calls.append(name)
        self._copying = False
