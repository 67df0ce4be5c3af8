"""Figures for whoever watches a store that is in use: how far it is from being put away, its room.

Those for users, of what it holds, are in statistics.py.
"""

from dataclasses import dataclass

from fsmodel.store.space import HostSpace
from lmdb_index.index import Index
from lmdb_index.schema import DAMAGED


@dataclass(frozen=True, slots=True)
class InnerFigures:
    """A store in use, at a moment."""

    journal_bytes: int  # of changes since the last checkpoint: what a recovery would replay
    journal_changes: int  # rows and counters changed since then
    index_file_bytes: int
    damaged_objects: int  # that are known to be unreadable
    free_bytes: int  # of the host, for new data
    long_work: str  # garbage collection, scrub or optimizing; empty while none of them runs


def gather_inner_figures(index: Index, space: HostSpace, long_work: str) -> InnerFigures:
    """Read them; costs the same whatever the store holds. Raises BackendError."""
    return InnerFigures(
        journal_bytes=index.journal_bytes,
        journal_changes=index.mutations_since_checkpoint,
        index_file_bytes=index.room.file_bytes,
        damaged_objects=index.count(DAMAGED),
        free_bytes=space.free_bytes(),
        long_work=long_work,
    )
