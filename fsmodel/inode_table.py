"""Decoded inode rows, kept in memory while they are in use.

The cache holds what the index holds, no more: a record in it is never changed in place. A change
edits copies and hands them back once its operation has been applied.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, cast

from fsmodel.errors import Stale
from fsmodel.ids import InodeId
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.records import InodeRecord
from lmdb_index.schema import INODE

CACHED_INODES_MAX: Final = 50_000  # about 600 bytes each
OUTLINES_MAX: Final = 4096


class InodeTable:
    """Reads inode rows through a bounded cache. Owner: the thread that owns the index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._cache: OrderedDict[InodeId, InodeRecord] = OrderedDict()
        self._outlines: dict[InodeId, InodeRecord] = {}  # the oldest first; of no inode above
        index.when_begun_again(self._outlines.clear)

    def find(self, inode: InodeId) -> InodeRecord | None:
        """The record of an inode, to be read only; None when there is none."""
        record = self._cache.get(inode)
        if record is None:
            outline = self._outlines.get(inode)
            if outline is None:
                record = self._index.get(INODE, number_key(inode))
            else:
                record = self._index.completed(INODE, outline)
            if record is not None:
                self.remember(inode, record)
        return record

    def get(self, inode: InodeId) -> InodeRecord:
        """The record of an inode, to be read only. Raises Stale."""
        record = self._cache.get(inode) or self.find(inode)
        if record is None:
            raise Stale(f"inode {inode} does not exist")
        return record

    def outline(self, inode: InodeId) -> InodeRecord:
        """The record of an inode for its attributes alone, to be read only; see `outlines`.

        To complete what it names takes a look for an object, which can lie anywhere in the index:
        with millions of files, most of what a first look at a file costs. Whoever reads the file
        next has no more to do than that. Raises Stale.
        """
        record = self._cache.get(inode) or self._outlines.get(inode)
        if record is None:
            record = self._index.get(INODE, number_key(inode), outline=True)
            if record is None:
                raise Stale(f"inode {inode} does not exist")
            if len(self._outlines) >= OUTLINES_MAX:
                del self._outlines[next(iter(self._outlines))]
            self._outlines[inode] = record
        return record

    def outlines(self, inodes: Sequence[InodeId]) -> list[InodeRecord]:
        """The records of many inodes for their attributes alone, to be read only.

        Only what `stat` shows is sure to be right (lmdb_index/outlines.py). They are not kept.
        Raises Stale.
        """
        cache = self._cache
        absent = [inode for inode in inodes if inode not in cache]
        found = self._outlines_in_a_row(absent) or self._outlines_of(absent)
        if len(absent) == len(inodes):
            return found
        others = dict(zip(absent, found, strict=True))
        return [cache.get(inode) or others[inode] for inode in inodes]

    def _outlines_in_a_row(self, inodes: Sequence[InodeId]) -> list[InodeRecord] | None:
        """Those of inodes that were made one after the other, as those of a folder often were."""
        if not inodes or inodes != list(range(inodes[0], inodes[0] + len(inodes))):
            return None
        return self._index.outlines_in_a_row(INODE, inodes[0], len(inodes))

    def _outlines_of(self, inodes: Sequence[InodeId]) -> list[InodeRecord]:
        rows = self._index.outlines(INODE, map(number_key, inodes))
        if None in rows:
            raise Stale(f"inode {inodes[rows.index(None)]} does not exist")
        return cast("list[InodeRecord]", rows)

    def remember(self, inode: InodeId, record: InodeRecord) -> None:
        """Keep a record that the index now holds."""
        self._outlines.pop(inode, None)
        self._cache[inode] = record
        self._cache.move_to_end(inode)
        if len(self._cache) > CACHED_INODES_MAX:
            self._cache.popitem(last=False)

    def forget(self, inode: InodeId) -> None:
        """Drop the record of an inode that is gone."""
        self._cache.pop(inode, None)
        self._outlines.pop(inode, None)

    def clear(self) -> None:
        """Drop everything, as after a recovery."""
        self._cache.clear()
        self._outlines.clear()
