"""How many rows tables have by being packed, beside the values in their own databases.

`extra` is negative where rows above packed ones, and tombstones, are more than these. It stands in
the database of the blocks, and changes with a commit; meanwhile it is known here.
"""

from struct import Struct, error
from typing import Final

import msgspec
from xxhash import xxh3_64_intdigest

from lmdb_index.environment import Database, Transaction
from lmdb_index.errors import IndexCorrupt

EXTRA_PLACE: Final = b"\0"  # no table has the number 0

_CHECKSUM: Final = Struct("<Q")
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(dict[int, int]).decode


class PackedCounts:
    """Those that a transaction shows. Owner: its thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stored: dict[int, int] = {}
        self._added: list[tuple[int, int]] = []  # since an operation began
        self.extra: dict[int, int] = {}  # by table

    def load(self, transaction: Transaction) -> None:
        """Begin anew with a transaction that has changed nothing. Raises IndexCorrupt, lmdb.Error.

        What it changes is known here alone until `save`.
        """
        self._stored = self._read(transaction)
        self.extra = dict(self._stored)

    def add(self, number: int, delta: int) -> None:
        """An operation changes how many a table has."""
        self._added.append((number, delta))
        self.move(number, delta)

    def move(self, number: int, rows: int) -> None:
        """So many rows of a table have gone into its blocks, by no operation."""
        self.extra[number] = self.extra.get(number, 0) + rows

    def begin(self) -> None:
        """An operation begins."""
        self._added = []

    def give_up(self) -> None:
        """It was given up: all is as it was before it."""
        for number, delta in self._added:
            self.extra[number] -= delta
        self._added = []

    def save(self, transaction: Transaction) -> None:
        """Write it for a commit, if it has changed. Raises lmdb.Error."""
        if self.extra != self._stored:
            content = _encode(self.extra)
            checksum = _CHECKSUM.pack(xxh3_64_intdigest(EXTRA_PLACE + content))
            transaction.put(EXTRA_PLACE, checksum + content, db=self._database)
            self._stored = dict(self.extra)

    def _read(self, transaction: Transaction) -> dict[int, int]:
        stored = transaction.get(EXTRA_PLACE, None, self._database)
        if stored is None:
            return {}
        try:
            (checksum,), content = _CHECKSUM.unpack_from(stored), stored[_CHECKSUM.size :]
            if xxh3_64_intdigest(EXTRA_PLACE + content) == checksum:
                return _decode(content)
        except (error, msgspec.MsgspecError):
            pass
        raise IndexCorrupt("index, number of packed rows: damaged: run cairnfs rebuild-index")
