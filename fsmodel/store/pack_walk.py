"""Which objects a pack has, told from the headers of its frames: a small part of its bytes is read.

Only groups are read in full, as the ids of their members are taken from the bytes.

A walk ends where no frame begins, and at a group that cannot be read. That is the pack's end, or
the torn tail of an append that was interrupted, or damage; what may lie behind it, only the index
can say (or pack_scan.py, which goes on behind damage, and reads everything).
"""

import os
from dataclasses import dataclass
from typing import Final, NamedTuple

from fsmodel.errors import CompressionError, FrameCorrupt
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.group_rows import rows_of_group
from fsmodel.store.host_files import host_failures
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import (
    FRAME_HEADER,
    PACK_HEADER,
    Location,
    ObjectKind,
    pack_seed,
    parse_frame,
    parse_header,
)
from fsmodel.store.placement import Placement, placement_of

WALK_START: Final = PACK_HEADER.size


class PlacedObject(NamedTuple):
    """An object by the header of its frame, or by its bytes in a group."""

    id: ObjectId
    place: Placement


@dataclass(frozen=True, slots=True)
class Walked:
    """A stretch of a walk: the objects found, where to go on, and whether there is more."""

    objects: tuple[PlacedObject, ...]
    end: int
    ended: bool  # no frame that can be told begins at `end`
    whole: bool  # `end` is the end of the file


def walk_pack(
    layout: StoreLayout, store: bytes, pack: PackId, start: int, objects_max: int
) -> Walked:
    """About so many objects of a pack from an offset on. Any thread may call it.

    Raises BackendError.
    """
    seed = pack_seed(store, pack)
    path = layout.pack(pack)
    objects: list[PlacedObject] = []
    with host_failures(path), path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        at = start
        while len(objects) < objects_max:
            location = _frame_at(file.fileno(), pack, at, size, seed, objects)
            if location is None:
                return Walked(tuple(objects), at, ended=True, whole=at >= size)
            at += location.stored
    return Walked(tuple(objects), at, ended=False, whole=False)


def _frame_at(
    descriptor: int, pack: PackId, at: int, size: int, seed: int, objects: list[PlacedObject]
) -> Location | None:
    """Note what lies in the frame at an offset; None if none that fits the file can be told."""
    block = os.pread(descriptor, FRAME_HEADER.size, at)
    try:
        header = parse_header(block, 0, seed, Location(pack, at, 0))
        if at + header.size > size:
            return None
        location = Location(pack, at, header.size)
        if header.kind is ObjectKind.GROUP:
            frame = parse_frame(os.pread(descriptor, header.size, at), 0, seed, location)
            found = rows_of_group(frame, location)
            objects += [PlacedObject(each, placement_of(row)) for each, row in found]
        else:
            objects.append(PlacedObject(header.id, Placement(*location)))
    except (FrameCorrupt, CompressionError):
        return None
    return location
