"""The index as of its last commit, to be read beside the open transaction."""

from lmdb_index.meta import read_meta
from lmdb_index.rows import CurrentTransaction, Rows


class Snapshot(Rows):
    """What the last commit holds. It belongs to the thread that took it."""

    def __init__(self, current: CurrentTransaction) -> None:
        super().__init__(current)
        current.packed.load(current.transaction)
        meta = read_meta(self)
        self._counters = meta.counters
        self.position = meta.applied  # number of the last operation it contains

    def counter(self, name: str) -> int:
        """A counter's value; 0 when there is none."""
        return self._counters.get(name, 0)
