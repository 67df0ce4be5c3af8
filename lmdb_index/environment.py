"""The LMDB environment: how it is opened, its databases, how its map grows.

Default mode, with sync at every commit: NOSYNC can corrupt the file at power loss, and with
writemap a full disk is SIGBUS. The file is sparse under the map, so a large map costs nothing
until it is used. The engine is LMDB 0.9, whatever the binding would choose: the formats differ.
"""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import current_thread
from typing import TYPE_CHECKING, Final

import lmdb

from lmdb_index.errors import IndexCorrupt, IndexProblem, NoRoom
from lmdb_index.forgotten import Writer, close_forgotten, let_go
from lmdb_index.host_files import FILE_MODE, NO_ROOM, host_failures, is_full
from lmdb_index.schema import PACKED, PACKED_DATABASE, TABLES

ENGINE: Final = 0  # LMDB 0.9; 1 would be LMDB 1.0
MAP_BYTES_MIN: Final = 64 << 30
DATABASES_MAX: Final = 64
DATA_FILE: Final = "data.mdb"
LOCK_FILE: Final = "lock.mdb"
LOCK_BYTES: Final = 8192  # what LMDB makes it for 126 readers
MEMORY: Final = "/dev/shm"
_OTHER_PAGES: Final = (
    4  # two of LMDB's own, and about as many for names of databases and free pages
)

Database = lmdb._Database  # the binding has no public name for it
if TYPE_CHECKING:
    Transaction = lmdb.Transaction[bytes]
    Cursor = lmdb.Cursor[bytes]
else:  # generic in its stubs only
    Transaction = lmdb.Transaction
    Cursor = lmdb.Cursor

_DAMAGED: Final = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.VersionMismatchError,
)


def index_problem(error: lmdb.Error, place: object) -> IndexProblem:
    """What LMDB reports, in the index's own words."""
    if isinstance(error, _DAMAGED):
        return IndexCorrupt(f"{place}: {error}: run cairnfs rebuild-index")
    if isinstance(error, lmdb.MapFullError) or error.code in NO_ROOM:
        return NoRoom(f"{place}: no room on the host: free some space and try again")
    return IndexProblem(f"{place}: {error}")


class Environment:
    """An open LMDB environment and the databases of all tables.

    One thread writes: it begins and ends all write transactions.
    """

    def __init__(self, folder: Path) -> None:
        """Open it; make it if it is not there. Raises IndexProblem."""
        self.file = folder / DATA_FILE
        self.databases: dict[int, Database] = {}  # by the table's number
        self._writer: Writer | None = None
        self._is_open = False
        self._environment = _opened(folder)
        self._is_open = True

    def __del__(self) -> None:
        """What nobody has any more is collected in any thread."""
        self.close()

    @property
    def file_bytes(self) -> int:
        """Size of the LMDB file. LMDB never makes it smaller: shrinking.py does."""
        return self.file.stat().st_size

    @property
    def committed_bytes(self) -> int:
        """How much of the file the last commit uses.

        What lies behind is of a commit that failed: it may be gone after a loss of power.
        """
        pages = self._environment.info()["last_pgno"] + 1
        return min(self.file_bytes, pages * self._environment.stat()["psize"])

    @property
    def map_bytes(self) -> int:
        """How large the file can become before the map must grow."""
        return self._environment.info()["map_size"]

    def open_tables(self, transaction: Transaction) -> None:
        """Open the database of each table; make those that are not there. Raises lmdb.Error."""
        for table in TABLES:
            database = self._environment.open_db(table.name, txn=transaction)
            self.databases[table.number] = database
        self.databases[PACKED_DATABASE] = self._environment.open_db(PACKED, txn=transaction)

    def make_tables(self) -> None:
        """Open the tables, and make those that are not there part of the file.

        Raises lmdb.Error.
        """
        transaction = self.begin()
        self.open_tables(transaction)
        transaction.commit()

    def begin(self, parent: Transaction | None = None) -> Transaction:
        """A write transaction, nested in its parent if there is one. Raises lmdb.Error."""
        if parent is not None:
            return self._environment.begin(None, parent, True)
        close_forgotten()
        transaction = self._environment.begin(None, None, True)
        self._writer = Writer(current_thread(), transaction)
        return transaction

    def begin_reading(self) -> Transaction:
        """A transaction that shows the last commit. Any thread. Raises IndexProblem."""
        try:
            return self._environment.begin()
        except lmdb.Error as error:
            raise index_problem(error, self.file) from error

    def grow_map(self) -> None:
        """Double the map when the file fills more than half of it. No transaction may be open."""
        if self.file_bytes * 2 > self.map_bytes:
            self._environment.set_mapsize(self.map_bytes * 2)

    def used_bytes(self, transaction: Transaction) -> int:
        """What the pages of all databases take. Raises lmdb.Error."""
        pages = sum(
            found["branch_pages"] + found["leaf_pages"] + found["overflow_pages"]
            for found in map(transaction.stat, self.databases.values())
        )
        return (pages + _OTHER_PAGES) * self._environment.stat()["psize"]

    def entries(self, transaction: Transaction) -> dict[int, int]:
        """How many values each database has that a transaction shows. Raises lmdb.Error."""
        return {
            number: transaction.stat(database)["entries"]
            for number, database in self.databases.items()
        }

    def write_copy(self, descriptor: int) -> None:
        """Write the last commit to a file, without free pages. Any thread. Raises IndexProblem."""
        try:
            self._environment.copyfd(descriptor, compact=True)
        except lmdb.Error as error:
            raise index_problem(error, self.file) from error

    def refusal(self, error: lmdb.Error, place: object) -> IndexProblem:
        """What LMDB reports that could not write. Of a write cut short by a full disk it says EIO.

        It writes at a commit, and when a transaction has changed more than it keeps in memory.
        """
        problem = index_problem(error, place)
        if isinstance(problem, NoRoom | IndexCorrupt):
            return problem
        with suppress(OSError):
            if is_full(self.file.parent):
                return NoRoom(f"{problem}: no room on the host: free some space and try again")
        return problem

    def reopen(self) -> None:
        """After `close`, with whatever file stands there now. Raises IndexProblem, lmdb.Error."""
        self._environment = _opened(self.file.parent)
        self._is_open = True
        self.make_tables()

    def close(self) -> None:
        """Close it; transactions that are still open are given up.

        If another thread wrote, and has not ended, that one closes it, when it opens or begins
        another; until then no other can open it.
        """
        if self._is_open:
            self._is_open = False
            let_go(self._environment, self._writer)


def _opened(folder: Path) -> lmdb.Environment:
    close_forgotten()
    data = folder / DATA_FILE
    with host_failures(data):
        os.close(os.open(data, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE))
    place = _folder_in_memory(data)
    try:
        with host_failures(folder):
            return lmdb.Environment(
                os.fsencode(place or folder),
                map_size=MAP_BYTES_MIN,
                max_dbs=DATABASES_MAX,
                mode=FILE_MODE,
                lib_version=ENGINE,
            )
    except lmdb.Error as error:
        raise index_problem(error, folder) from error
    finally:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)


def _folder_in_memory(data: Path) -> Path | None:
    """A folder to open the LMDB file from, and then to be removed; None on a host that has none.

    LMDB has its locks in a file beside the other, and changes that through a map. On a host without
    room that copies what it writes, as btrfs does, such a change is a SIGBUS; in memory that has
    been taken already it is none. The locks are for the threads of this process: the store's own
    lock keeps others out.
    """
    try:
        place = Path(tempfile.mkdtemp(prefix="cairnfs-", dir=MEMORY))
    except OSError:
        return None
    try:
        (place / LOCK_FILE).write_bytes(bytes(LOCK_BYTES))
        (place / DATA_FILE).symlink_to(data)
    except OSError:
        shutil.rmtree(place, ignore_errors=True)
        return None
    return place
