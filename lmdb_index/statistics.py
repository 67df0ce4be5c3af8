"""What can be counted about an index while it is open."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class IndexStatistics:
    """How large the index is, what a checkpoint would put away, what recovery did."""

    rows: dict[str, int]  # of each table, by its name
    file_bytes: int  # of the LMDB file
    map_bytes: int
    journal_position: int
    journal_bytes: int
    mutations_since_checkpoint: int
    checkpoints: int
    rotation_problem: str | None  # why the last checkpoint could not begin a new journal segment
    replayed_bytes: int  # of the journal, when the index was opened
    unusable_bytes: int  # of the end of the journal, when the index was opened
    set_aside: Path | None  # where they went
