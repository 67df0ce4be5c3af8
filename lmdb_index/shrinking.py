"""Giving back what the LMDB file does not need: LMDB reuses free pages, but keeps them for ever.

A compacted copy of the last commit is made beside the file, by any thread, synced and opened. The
owner puts it in place if it holds as much as the file, and nothing was committed meanwhile:

  1. The journal's last segment, which is empty, is made again with the smaller size in its header:
     a file shorter than that would be taken for one that was cut (journal_format.py).
  2. The file is closed, the copy renamed over it, the folder synced, the file opened again.

Whoever opens the store between any two of these steps finds one of both files, which hold the same,
and a journal that fits either.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import lmdb

from lmdb_index.environment import DATA_FILE, Environment, index_problem
from lmdb_index.errors import NoRoom
from lmdb_index.host_files import FILE_MODE, FOLDER_MODE, host_failures

COPY_FOLDER: Final = "compact"  # below the index folder, while a copy is made
FREE_BYTES_MIN: Final = 256 << 10  # less is not worth it
FREE_SHARE_MIN: Final = 0.5  # nor is a smaller part of the file,
SMALL_FILE_BYTES: Final = 32 << 20  # but up to this size, which takes a moment to copy,
SMALL_SHARE_MIN: Final = 0.2  # a smaller part is enough
SPARE_BYTES: Final = 64 << 20  # must be left on the host beside the copy


@dataclass(frozen=True, slots=True)
class CompactCopy:
    """A copy of the index file as of one commit, durable and looked at."""

    file: Path
    size: int
    commit: int  # which it is a copy of, if there was none meanwhile
    entries: dict[int, int]  # how many values each database has


def is_worth_it(file_bytes: int, used_bytes: int) -> bool:
    """Whether a file has enough free pages to be written again."""
    free = file_bytes - used_bytes
    share = SMALL_SHARE_MIN if file_bytes <= SMALL_FILE_BYTES else FREE_SHARE_MIN
    return free >= FREE_BYTES_MIN and free >= share * file_bytes


def make_copy(environment: Environment, used_bytes: int, commit: int) -> CompactCopy:
    """Copy what the last commit uses. Raises NoRoom, IndexProblem; then there is no copy."""
    folder = environment.file.parent / COPY_FOLDER
    file = folder / DATA_FILE
    try:
        with host_failures(folder):
            _check_room(folder.parent, used_bytes)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(FOLDER_MODE)
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
            try:
                environment.write_copy(descriptor)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return CompactCopy(file, file.stat().st_size, commit, _entries(folder))
    except BaseException:
        drop_copy(environment.file.parent)
        raise


def drop_copy(index: Path) -> None:
    """Remove what is left of a copy below an index folder."""
    shutil.rmtree(index / COPY_FOLDER, ignore_errors=True)


def _check_room(folder: Path, used_bytes: int) -> None:
    space = os.statvfs(folder)
    if space.f_bavail * space.f_frsize < used_bytes + SPARE_BYTES:
        raise NoRoom(f"{folder}: no room for a copy of the index: free some space")


def _entries(folder: Path) -> dict[int, int]:
    """How many values each database of a copy has. Raises IndexProblem if it cannot be opened."""
    copy = Environment(folder)
    try:
        copy.make_tables()
        transaction = copy.begin_reading()
        try:
            return copy.entries(transaction)
        finally:
            transaction.abort()
    except lmdb.Error as error:
        raise index_problem(error, folder) from error
    finally:
        copy.close()
