"""Rows of the table `extent`, and of `unsettled`, which names the files that have some.

They are bytes that were to survive at once, before they were cut into chunks. The rows of a file
are numbered from `FileState.first_row` on, and the later one counts.
"""

from typing import Final

from fsmodel.change import Change
from fsmodel.content.file_state import FileState
from fsmodel.ids import InodeId
from lmdb_index.index import Index
from lmdb_index.keys import number_key, pair_key, second_of
from lmdb_index.records import ExtentRecord, InodeFlag, InodeRecord, RawRecord
from lmdb_index.schema import EXTENT, UNSETTLED

_PRESENT: Final = RawRecord()


def load_extents(index: Index, file: FileState) -> None:
    """Put into memory what the rows of a file hold, which has just been opened."""
    for key, row in index.scan_prefix(EXTENT, number_key(file.inode)):
        if not file.logged_rows:
            file.first_row = second_of(key)
        file.dirty.write(row.offset, row.data)
        file.logged_rows += 1
        file.logged_bytes += len(row.data)


def put_unlogged(change: Change, file: FileState) -> tuple[int, int]:
    """Give rows to what has none yet; return how many, and how many bytes they hold."""
    first = number = file.first_row + file.logged_rows
    size = 0
    for low, high in file.unlogged:
        for extent in file.dirty.within(low, high):
            row = ExtentRecord(extent.start, bytes(extent.data))
            change.operation.put(EXTENT, pair_key(file.inode, number), row)
            number += 1
            size += len(extent.data)
    return number - first, size


def delete_settled(change: Change, file: FileState) -> None:
    """Delete the rows that were there when settling began."""
    first = file.first_row
    for number in range(first, first + file.frozen_rows):
        change.operation.delete(EXTENT, pair_key(file.inode, number))


def cut_extents(change: Change, inode: InodeId, size: int) -> list[int]:
    """Keep of the rows what a truncated file still has; return how long they are.

    What they say may have been cut into chunks by now that no row names yet.
    """
    rows = list(change.operation.scan_prefix(EXTENT, number_key(inode)))
    for key, _ in rows:
        change.operation.delete(EXTENT, key)
    kept = [
        ExtentRecord(row.offset, row.data[: size - row.offset])
        for _, row in rows
        if row.offset < size
    ]
    for number, row in enumerate(kept):
        change.operation.put(EXTENT, pair_key(inode, number), row)
    return [len(row.data) for row in kept]


def mark_unsettled(change: Change, inode: InodeId, record: InodeRecord, *, unsettled: bool) -> None:
    """Keep the inode's flag and its row in `unsettled` in step."""
    if unsettled == bool(record.flags & InodeFlag.UNSETTLED):
        return
    record.flags ^= InodeFlag.UNSETTLED
    if unsettled:
        change.operation.put(UNSETTLED, number_key(inode), _PRESENT)
    else:
        change.operation.delete(UNSETTLED, number_key(inode))


def unsettled_files(index: Index) -> list[InodeId]:
    """Files whose rows do not name all their bytes, as after a kill."""
    return [InodeId(int.from_bytes(key)) for key, _ in index.scan(UNSETTLED)]
