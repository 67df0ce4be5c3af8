"""Whole trees that come into the structured folders or leave them in one change: copies.

A clone, or what a snapshot gives back, is made aside and then named (fsmodel/namespace/cloning.py).
So each name in it is checked at that moment, as if it were made there, and the rows of artifacts
come or go in the same change. A tree too large for that is to be copied file by file.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from fsmodel.change import Change
from fsmodel.errors import CrossesDevice, NameInvalid
from fsmodel.ids import InodeId
from fsmodel.inode_table import InodeTable
from fsmodel.namespace.inodes import DIRECTORY, SYMLINK
from fsmodel.series.artifact_names import is_temporary
from fsmodel.series.artifacts import Artifacts
from fsmodel.series.places import Places, Spot, Zone
from fsmodel.series.policy import StructuredNames
from lmdb_index.index import Index
from lmdb_index.keys import number_key
from lmdb_index.schema import DIRENT_ORDER

ENTRIES_MAX: Final = 50_000  # in one change: half a second, and some MB of journal


class _Entry(NamedTuple):
    directory: InodeId
    name: bytes
    inode: InodeId
    kind: int


class TreeMoves:
    """Follows trees that move. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        inodes: InodeTable,
        places: Places,
        policy: StructuredNames,
        artifacts: Artifacts,
    ) -> None:
        self._index = index
        self._inodes = inodes
        self._places = places
        self._policy = policy
        self._artifacts = artifacts

    def leaves(self, change: Change, directory: InodeId) -> None:
        """A tree is about to move out of its place. Raises CrossesDevice when it is too large."""
        if self._places.of(directory, change).zone is Zone.FREE:
            return
        for entry in self._below(directory):
            self._artifacts.went(change, entry.directory, entry.name, entry.kind)

    def arrived(self, change: Change, directory: InodeId) -> None:
        """A tree has its new place. Raises CrossesDevice, and as the policy for what is in it."""
        spot = self._places.of(directory, change)
        if spot.zone is Zone.FREE:
            return
        for entry in self._below(directory):
            self._check(change, entry, self._places.of(entry.directory, change))
            self._artifacts.appeared(change, entry.directory, entry.name, entry.kind)

    def _check(self, change: Change, entry: _Entry, spot: Spot) -> None:
        if spot.zone is Zone.SERIES_OUTPUT and (
            entry.kind != DIRECTORY or is_temporary(entry.name)
        ):
            raise NameInvalid(f"{entry.name!r} is no folder of a kind")
        if spot.zone is not Zone.SERIES_OUTPUT:  # of which kinds there are, the document decides
            self._policy.check_spot(spot, entry.name, entry.kind)
        if entry.kind == SYMLINK:
            target = change.inode(entry.inode).target
            self._policy.check_target(spot, entry.name, target)

    def _below(self, top: InodeId) -> Iterator[_Entry]:
        waiting, seen = [top], 0
        while waiting:
            directory = waiting.pop()
            for _, row in self._index.scan_prefix(DIRENT_ORDER, number_key(directory)):
                seen += 1
                if seen > ENTRIES_MAX:
                    raise CrossesDevice(f"more than {ENTRIES_MAX} entries: copy the folder")
                entry = _Entry(directory, row.name, InodeId(row.inode), row.kind)
                if row.kind == DIRECTORY:
                    waiting.append(entry.inode)
                yield entry
