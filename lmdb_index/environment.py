"""The LMDB environment: how it is opened, and how its map grows.

The engine is LMDB 0.9. No writemap: with it, a full disk would be a SIGBUS. Commits sync. The file
is sparse under its map, so a large map costs nothing until it is used.
"""

from pathlib import Path
from typing import Final

import lmdb
import msgspec

from lmdb_index.errors import IndexCorrupt, NoRoom
from lmdb_index.schema import TABLES
from lmdb_index.values import RowCodec

MAP_BYTES: Final = 64 << 30
TABLES_MAX: Final = 64
READERS_MAX: Final = 126


class Environment:
    """An open LMDB environment with all tables."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        """Open it. Raises IndexCorrupt when LMDB cannot, NoRoom when the host is full."""
        try:
            self._lmdb = lmdb.open(
                str(folder),
                map_size=MAP_BYTES,
                max_dbs=TABLES_MAX,
                max_readers=READERS_MAX,
                mode=0o600,
                create=create,
            )
            self._grow()
            self.handles = {table.number: self._lmdb.open_db(table.name) for table in TABLES}
        except lmdb.DiskError as error:
            raise NoRoom(f"{folder}: {error}") from error
        except lmdb.Error as error:
            raise IndexCorrupt(
                f"{folder}: LMDB cannot open the index ({error}): "
                "run `cairnfs rebuild-index` to make it again from the packs"
            ) from error
        self.codecs = {table.number: RowCodec[msgspec.Struct](table) for table in TABLES}

    def begin(self, *, write: bool, parent: "lmdb.Transaction | None" = None) -> "lmdb.Transaction":
        """A transaction; nested when it has a parent."""
        return self._lmdb.begin(write=write, parent=parent, buffers=False)

    def commit(self, transaction: "lmdb.Transaction") -> None:
        """Commit with sync, and let the map grow when half of it is used. Raises NoRoom."""
        try:
            transaction.commit()
        except lmdb.Error as error:
            raise NoRoom(
                f"the index cannot be committed ({error}): make room on the host"
            ) from error
        self._grow()

    def close(self) -> None:
        """Close it; open transactions are given up."""
        self._lmdb.close()

    def _grow(self) -> None:
        info = self._lmdb.info()
        used = (info["last_pgno"] + 1) * self._lmdb.stat()["psize"]
        if used * 2 > info["map_size"]:
            self._lmdb.set_mapsize(info["map_size"] * 2)
