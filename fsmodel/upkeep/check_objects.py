"""Are references what they are said to be, and do all objects lie inside their packs?

Counting references takes a table of all objects. To bound memory, objects are counted in rounds:
each round takes those whose ids begin with certain bytes, and reads all manifests and trees again.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from fsmodel.content.content_ref import object_of
from fsmodel.errors import DataError
from fsmodel.history.naming import PARENT_KINDS, named_by
from fsmodel.history.roots import current_root
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.pack_format import ObjectKind
from fsmodel.store.placement import is_in_group
from fsmodel.upkeep.check_packs import PackSize, check_packs
from fsmodel.upkeep.findings import Finding, Part
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.keys import number_key
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import DAMAGED, INODE, OBJECT, PACK, UNREFERENCED

COUNTED_AT_ONCE_MAX: Final = 4_000_000  # objects; about 600 MB
FIRST_BYTES: Final = 256

LoadObject = Callable[[ObjectId], bytes]


def check_objects(view: IndexView, load: LoadObject, pack_size: PackSize) -> Iterator[Finding]:
    """Look at the row of every object."""
    live_bytes: Counter[int] = Counter()
    yield from _check_places(view, pack_size, live_bytes)
    yield from check_packs(view, live_bytes, pack_size)
    for key, _ in view.scan(DAMAGED):
        if view.get(OBJECT, key) is None:
            yield _finding(f"object {key.hex()} is noted as damaged, but is not stored")
    rounds = min(1 + view.count(OBJECT) // COUNTED_AT_ONCE_MAX, FIRST_BYTES)
    for number in range(rounds):
        first = number * FIRST_BYTES // rounds
        after = (number + 1) * FIRST_BYTES // rounds
        yield from _check_references(view, load, range(first, after))


def _check_places(
    view: IndexView, pack_size: PackSize, live_bytes: Counter[int]
) -> Iterator[Finding]:
    """Every object lies inside a pack; how many bytes of each pack are needed is counted."""
    sizes: dict[int, int | None] = {}
    for key, row in view.scan(OBJECT):
        live_bytes[row.pack] += row.stored
        if not row.stored:
            yield _finding(f"object {key.hex()} is referred to, but no pack has it")
            continue
        if row.pack not in sizes:
            sizes[row.pack] = pack_size(PackId(row.pack))
            if view.get(PACK, number_key(row.pack)) is None:
                yield _finding(f"pack {row.pack:016x} has objects, but no row")
        size = sizes[row.pack]
        if size is None:
            yield _finding(f"object {key.hex()} lies in pack {row.pack:016x}, which is missing")
        elif row.offset + (row.frame or row.stored) > size:
            end = row.offset + (row.frame or row.stored)
            yield _finding(
                f"object {key.hex()} ends at {end} of pack {row.pack:016x}, "
                f"which has {size} bytes: the pack is cut short"
            )
        if row.base:
            yield from _check_base(view, key, row)
        if is_in_group(row) != (row.stored <= row.frame) or (row.base and row.frame):
            yield _finding(
                f"object {key.hex()} has {row.stored} bytes of a group of {row.frame}, which "
                f"cannot be"
            )


def _check_base(view: IndexView, key: bytes, row: ObjectRecord) -> Iterator[Finding]:
    """Depths fall along a chain of bases, so there is no loop."""
    base = view.get(OBJECT, row.base)
    if base is None:
        yield _finding(f"object {key.hex()} needs base {row.base.hex()}, which is not stored")
    elif base.depth >= row.depth:
        yield _finding(
            f"object {key.hex()} says it is {row.depth} bases deep, but its base "
            f"{row.base.hex()} is {base.depth} deep"
        )


def _check_references(view: IndexView, load: LoadObject, first: range) -> Iterator[Finding]:
    """Count again the references to the objects whose ids begin with these bytes."""
    counted: Counter[bytes] = Counter()
    for _, record in view.scan(INODE):
        named = object_of(record.content)
        if named is not None and named[0] in first:
            counted[named] += 1
    root = current_root(view)
    if root is not None and root[0] in first:
        counted[root] += 1
    for key, row in view.scan(OBJECT):
        if row.base and row.base[0] in first:
            counted[row.base] += 1
        if row.kind in PARENT_KINDS:
            try:
                named_here = named_by(row.kind, load(ObjectId(key)))
            except DataError as error:
                kind = ObjectKind(row.kind).name.lower()
                yield _finding(f"{kind} {key.hex()} cannot be read: {error}")
            else:
                counted.update(name for name in named_here if name[0] in first)
    yield from _compare(view, counted, first)


def _compare(view: IndexView, counted: Counter[bytes], first: range) -> Iterator[Finding]:
    stop = bytes([first.stop]) if first.stop < FIRST_BYTES else None
    for key, row in view.scan(OBJECT, bytes([first.start]), stop):
        found = counted.pop(key, 0)
        if row.references != found:
            yield _finding(f"object {key.hex()} says {row.references} references, but has {found}")
        if (row.references == 0) != (view.get(UNREFERENCED, key) is not None):
            yield _finding(f"object {key.hex()} is wrongly in, or missing from, the unreferenced")
    for missing in counted:
        yield _finding(f"object {missing.hex()} is referred to, but is not stored")


def _finding(text: str) -> Finding:
    return Finding(Part.OBJECTS, text)
