"""What GC must keep although no row names it, and what an object names.

Objects stored a moment ago have no row yet; files being written name chunks and pages in memory;
a write in progress relies on what it has found stored. All of these may change whenever other
work gets its turn, so the answer is good up to the next yield only.
"""

from collections.abc import Callable, Iterator

from fsmodel.history.naming import named_by
from fsmodel.ids import ObjectId
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import ObjectKind

NamedInMemory = Callable[[], Iterator[ObjectId]]


def kept_objects(objects: ObjectStore, named_in_memory: NamedInMemory) -> set[ObjectId]:
    """Objects that are wanted, whatever their rows say. Good up to the next yield."""
    bases = (ObjectId(row.base) for row in objects.unrecorded.values() if row.base)
    return {*named_in_memory(), *objects.reliance, *objects.unrecorded, *bases}


def forget_unwanted(objects: ObjectStore, named_in_memory: NamedInMemory) -> int:
    """Forget objects that were stored for something that has been given up since.

    A file deleted while it was written leaves such. Returns how many there were; their frames are
    dead space.
    """
    wanted: set[bytes] = set()
    asked: set[bytes] = {*named_in_memory(), *objects.reliance}
    while found := asked & objects.unrecorded.keys():
        wanted |= found
        asked = {objects.unrecorded[ObjectId(each)].base for each in found} - wanted
    unwanted = [each for each in objects.unrecorded if each not in wanted]
    for each in unwanted:
        objects.forget_unrecorded(each)
    return len(unwanted)


def children_of(kind: int, data: bytes) -> list[ObjectId] | None:
    """What an object of a kind names, once for each reference; None when that is not known.

    Raises FrameCorrupt.
    """
    return None if kind == ObjectKind.GROUP else named_by(kind, data)
