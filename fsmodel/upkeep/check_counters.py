"""Do the counters say what there is?"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from fsmodel.ids import InodeId
from fsmodel.namespace.inodes import REGULAR, bytes_counter, counters_of, kind_of
from fsmodel.store.pack_format import ObjectKind
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import number_of
from lmdb_index.schema import INODE, OBJECT

DERIVED: Final = (
    *("inodes", "files", "directories", "symlinks", "logical_bytes"),
    *("versions", "version_bytes", "hidden_bytes"),
    *("chunks", "unique_bytes", "stored_bytes", "garbage_bytes"),
    *("delta_chunks", "delta_saved_bytes"),
)


def true_counters(view: IndexView) -> dict[str, int]:
    """Every counter that can be derived from the rows, derived from them."""
    found: Counter[str] = Counter(dict.fromkeys(DERIVED, 0))
    for _, record in view.scan(INODE):
        found.update(counters_of(record))
        if kind_of(record) == REGULAR:
            found[bytes_counter(record)] += record.size
    for _, row in view.scan(OBJECT):
        if row.references == 0:
            found["garbage_bytes"] += row.stored
            continue
        found["stored_bytes"] += row.stored
        found["delta_saved_bytes"] += row.saved
        if row.kind == ObjectKind.CHUNK:
            found["delta_chunks"] += bool(row.base)
            found["chunks"] += 1
            found["unique_bytes"] += row.plain
    return dict(found)


def check_counters(view: IndexView) -> Iterator[Finding]:
    """Compare each counter with what it counts."""
    for name, value in true_counters(view).items():
        if view.counter(name) != value:
            text = f"counter {name} says {view.counter(name)}, but there are {value}"
            yield Finding(Part.COUNTERS, text)
    last = max((InodeId(number_of(key)) for key, _ in view.scan(INODE)), default=InodeId(0))
    if view.counter("last_inode") < last:
        yield Finding(Part.COUNTERS, f"inode {last} has a number that is not given out yet")
