"""Listing a directory while it changes.

Entries come in the order of their cookies, from any cookie on, so it does not matter what was
inserted or removed since the last one was read. A listing ends at the first cookie that was not
given out when it began: entries that keep arriving cannot make it endless.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple, cast

from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import require_directory
from lmdb_index.index import Index
from lmdb_index.keys import pair_key, seconds_of
from lmdb_index.records import DirentOrderRecord, InodeRecord
from lmdb_index.schema import DIRENT_ORDER

_READ_FIRST: Final = 32  # rows: what one readdir request of the kernel asks for
_READ_MAX: Final = 512


class Entry(NamedTuple):
    """One line of a listing."""

    name: bytes
    inode: InodeId
    kind: int  # file type: st_mode >> 12
    cookie: int  # list on from here to get the entries after this one


class Listed(NamedTuple):
    """The same with what is known of its inode, for that inode's attributes alone."""

    name: bytes
    inode: InodeId
    cookie: int
    record: InodeRecord


# What a named tuple does besides takes as long as all else that is done for an entry.
_entry: Final[Callable[[tuple[bytes, int, int, int]], Entry]] = partial(tuple.__new__, Entry)
_listed: Final[Callable[[tuple[bytes, int, int, InodeRecord]], Listed]] = partial(
    tuple.__new__, Listed
)
_Rows = Sequence[tuple[bytes, DirentOrderRecord]]


class Listings:
    """Lists directories. Owner: the thread that owns the index."""

    def __init__(self, index: Index, inodes: InodeTable) -> None:
        self._index = index
        self._inodes = inodes

    def limit(self, directory: InodeId) -> int:
        """Where a listing that begins now ends: an open handle keeps this.

        To be asked again when a reader goes back to the start, as rewinddir(3) wants. Raises
        NotFound, NotADirectory.
        """
        record = self._inodes.get(directory)
        require_directory(directory, record)
        return record.next_cookie

    def entries(self, directory: InodeId, after_cookie: int, cookie_limit: int) -> Iterator[Entry]:
        """Entries after a cookie and before the limit, in the order of their cookies.

        The iterator may be kept while the tree changes. It then may still show what was removed
        meanwhile, as far as it had been read already.
        """
        for rows in self._batches(directory, after_cookie, cookie_limit, _READ_FIRST):
            yield from [
                _entry((row.name, row.inode, row.kind, cookie))
                for (_, row), cookie in zip(rows, _cookies(rows), strict=True)
            ]

    def with_records(
        self, directory: InodeId, after_cookie: int, cookie_limit: int, expected: int
    ) -> Iterator[Listed]:
        """The same with the records of their inodes.

        About so many entries are `expected` to be wanted. Nothing may change meanwhile. Raises
        Stale for an entry without an inode.
        """
        first = min(max(expected, _READ_FIRST), _READ_MAX)
        for rows in self._batches(directory, after_cookie, cookie_limit, first):
            inodes = cast("list[InodeId]", [row.inode for _, row in rows])
            records = self._inodes.outlines(inodes)
            yield from [
                _listed((row.name, row.inode, cookie, record))
                for (_, row), cookie, record in zip(rows, _cookies(rows), records, strict=True)
            ]

    def _batches(
        self, directory: InodeId, after: int, cookie_limit: int, together: int
    ) -> Iterator[_Rows]:
        """The rows of entries as they are read together, the first time so many."""
        start: bytes | None = pair_key(directory, after + 1)
        stop = pair_key(directory, cookie_limit)
        while start is not None:
            rows, edge = self._index.first_outlines(DIRENT_ORDER, start, stop, together)
            yield rows
            start = None if edge is None else edge + b"\0"
            together = min(2 * together, _READ_MAX)


def _cookies(rows: _Rows) -> list[int]:
    return seconds_of([key for key, _ in rows])
