"""Can every object lie where its row says?

Objects that are known to be damaged are left to check_damage.py, which tells of them together.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from fsmodel.ids import ObjectId, PackId
from fsmodel.store.object_reader import CHAIN_MAX
from fsmodel.store.placement import is_in_group, placement_of
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import DAMAGED, OBJECT

PackSize = Callable[[PackId], int | None]

NOWHERE: Final = "no pack has it"
MISSING: Final = "its pack is missing"
CUT: Final = "it ends behind the end of its pack: the pack is cut short"
NO_PLACE: Final = "neither a frame nor a member of a group can lie there"
LOOP: Final = "the chain of its bases has no end"


class Misplaced(NamedTuple):
    """An object that cannot be read from where its row says."""

    id: ObjectId
    row: ObjectRecord
    reason: str


def check_places(
    view: IndexView, pack_size: PackSize, live_bytes: Counter[int]
) -> Iterator[Finding]:
    """Look at the place of every object; how many bytes of each pack are needed is counted.

    What is wrong is told pack by pack. Memory grows with what is wrong.
    """
    wrong: dict[tuple[int, str], list[str]] = defaultdict(list)
    for found in misplaced(view, pack_size, live_bytes):
        place = f"object {found.id.hex()} at offset {found.row.offset}"
        wrong[found.row.pack, found.reason].append(place)
    for (pack, reason), places in sorted(wrong.items()):
        text = f"pack {pack:016x}: {len(places)} objects cannot be read: {reason}"
        yield Finding(Part.OBJECTS, text, tuple(places))


def misplaced(
    view: IndexView, pack_size: PackSize, live_bytes: Counter[int] | None = None
) -> Iterator[Misplaced]:
    """Every object that cannot be read from where its row says, unless that is known."""
    sizes: dict[int, int | None] = {}
    for key, row in view.scan(OBJECT):
        if live_bytes is not None:
            live_bytes[row.pack] += row.stored
        if row.pack not in sizes:
            sizes[row.pack] = pack_size(PackId(row.pack))
        reason = _why(row, sizes[row.pack]) or (LOOP if _is_endless(view, row) else "")
        if reason and view.get(DAMAGED, key) is None:
            yield Misplaced(ObjectId(key), row, reason)


def _why(row: ObjectRecord, size_bytes: int | None) -> str:
    """Why no object can lie there; empty when it can."""
    if not row.stored:
        return NOWHERE
    if size_bytes is None:
        return MISSING
    location = placement_of(row).location
    if location.offset + location.stored > size_bytes:
        return CUT
    if is_in_group(row) != (row.stored <= row.frame) or (row.base and row.frame):
        return NO_PLACE
    return ""


def _is_endless(view: IndexView, row: ObjectRecord) -> bool:
    """Whether the chain of an object's bases is longer than anything reads."""
    at: ObjectRecord | None = row
    for _ in range(CHAIN_MAX):
        if at is None or not at.base:
            return False
        below = view.get(OBJECT, at.base)
        if below is not None and below.depth < at.depth <= CHAIN_MAX:
            return False  # from here on depths fall, or others are told of
        at = below
    return True
