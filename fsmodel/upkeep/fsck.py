"""fsck: all of a store's redundant facts against each other.

Everything that can be derived is derived again and compared: names from both ends, references,
sizes, counters, places in packs. The bytes of chunks are not read; that is what scrub is for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Final

from fsmodel.ids import ObjectId, PackId
from fsmodel.upkeep.check_attached import check_attached
from fsmodel.upkeep.check_contents import check_contents
from fsmodel.upkeep.check_counters import check_counters
from fsmodel.upkeep.check_damage import check_damage
from fsmodel.upkeep.check_hints import check_hints
from fsmodel.upkeep.check_indexes import check_indexes
from fsmodel.upkeep.check_names import check_names
from fsmodel.upkeep.check_objects import check_objects
from fsmodel.upkeep.check_series import check_series
from fsmodel.upkeep.check_snapshots import check_snapshots
from fsmodel.upkeep.check_trees import check_trees
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.errors import IndexProblem
from lmdb_index.schema import INODE, OBJECT

FINDINGS_MAX: Final = 10_000  # told one by one; a store with more is beyond reading them


@dataclass(frozen=True, slots=True)
class FsckReport:
    """What was looked at, and what was wrong."""

    inodes: int
    objects: int
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing was wrong."""
        return not self.findings


def check_volume(
    view: IndexView,
    rows: Iterator[Finding],
    load: Callable[[ObjectId], bytes],
    pack_size: Callable[[PackId], int | None],
) -> FsckReport:
    """Check everything. `rows` are the findings about single rows, which are reported first.

    Any thread may run it if `view` allows it.
    """
    findings = chain(
        rows,
        _readable(check_names(view)),
        _readable(check_attached(view)),
        _readable(check_series(view)),
        _readable(check_indexes(view)),
        _readable(check_contents(view, load)),
        _readable(check_objects(view, load, pack_size)),
        _readable(check_trees(view, load)),
        _readable(check_snapshots(view, load)),
        _readable(check_counters(view)),
        _readable(check_hints(view)),
        _readable(check_damage(view, load)),
    )
    found = tuple(islice(findings, FINDINGS_MAX))
    return FsckReport(view.count(INODE), view.count(OBJECT), found)


def _readable(findings: Iterator[Finding]) -> Iterator[Finding]:
    """The findings of a check, up to the first row it cannot read."""
    try:
        yield from findings
    except IndexProblem as problem:
        yield Finding(Part.INDEX, f"a check was given up: {problem}")
