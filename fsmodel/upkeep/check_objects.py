"""Are references what they are said to be, and do all objects lie inside their packs?"""

from collections import Counter
from collections.abc import Iterator

from fsmodel.history.reads_rows import ReadsRows
from fsmodel.store.pack_format import ObjectKind
from fsmodel.upkeep.check_packs import PackSize, check_packs
from fsmodel.upkeep.check_places import check_places
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from fsmodel.upkeep.reference_counts import (
    LoadObject,
    Unreadable,
    count_references,
    rounds,
    wrong_counts,
)
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import DAMAGED, OBJECT, UNREFERENCED


def check_objects(view: IndexView, load: LoadObject, pack_size: PackSize) -> Iterator[Finding]:
    """Look at the row of every object."""
    live_bytes: Counter[int] = Counter()
    yield from check_places(view, pack_size, live_bytes)
    yield from check_packs(view, live_bytes, pack_size)
    yield from _check_bases(view)
    for key, _ in view.scan(UNREFERENCED):
        if view.get(OBJECT, key) is None:
            yield _finding(f"object {key.hex()} is listed as unreferenced, but is not stored")
    for number, first in enumerate(rounds(view)):
        counted = count_references(view, load, first)
        for unreadable in counted.unreadable if number == 0 else ():
            yield from _tell_unreadable(view, unreadable)
        for wrong in wrong_counts(view, counted, first):
            if wrong.said != wrong.found:
                yield _finding(
                    f"object {wrong.id.hex()} says {wrong.said} references, but has {wrong.found}"
                )
            else:
                yield _finding(
                    f"object {wrong.id.hex()} is wrongly in, or missing from, the unreferenced"
                )
        for missing in counted.references:
            yield _finding(f"object {missing.hex()} is referred to, but is not stored")


def depth_needed(view: ReadsRows, row: ObjectRecord) -> int:
    """How deep an object must say it is, at least: deeper than its base, if that is stored."""
    base = view.get(OBJECT, row.base) if row.base else None
    return max(row.depth, base.depth + 1) if base is not None else row.depth


def _check_bases(view: IndexView) -> Iterator[Finding]:
    """Depths fall along a chain of bases. A base that is not stored is told of later."""
    for key, row in view.scan(OBJECT):
        depth = depth_needed(view, row)
        if row.depth != depth and view.get(DAMAGED, key) is None:
            yield _finding(
                f"object {key.hex()} says it is {row.depth} bases deep, but its base "
                f"{row.base.hex()} is {depth - 1} deep"
            )


def _tell_unreadable(view: IndexView, found: Unreadable) -> Iterator[Finding]:
    """A parent that cannot be read, unless that is known."""
    if view.get(DAMAGED, found.id) is None:
        kind = ObjectKind(found.row.kind).name.lower()
        yield _finding(f"{kind} {found.id.hex()} cannot be read: {found.error}")


def _finding(text: str) -> Finding:
    return Finding(Part.OBJECTS, text)
