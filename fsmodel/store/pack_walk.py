"""Which frames a pack has, told from their headers alone: a small part of its bytes is read.

A walk ends where no frame begins. That is the pack's end, or the torn tail of an append that was
interrupted, or damage; what may lie behind it, only the index can say (or pack_scan.py, which goes
on behind damage, and reads everything).
"""

import os
from dataclasses import dataclass
from typing import Final, NamedTuple

from fsmodel.errors import FrameCorrupt
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.host_files import host_failures
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import (
    FRAME_HEADER,
    PACK_HEADER,
    Location,
    pack_seed,
    parse_header,
)

WALK_START: Final = PACK_HEADER.size


class PlacedFrame(NamedTuple):
    """A frame by its header."""

    id: ObjectId
    location: Location


@dataclass(frozen=True, slots=True)
class Walked:
    """A stretch of a walk: the frames found, where to go on, and whether there is more."""

    frames: tuple[PlacedFrame, ...]
    end: int
    ended: bool  # no frame begins at `end`
    whole: bool  # `end` is the end of the file


def walk_pack(
    layout: StoreLayout, store: bytes, pack: PackId, start: int, frames_max: int
) -> Walked:
    """So many frames of a pack from an offset on. Any thread may call it. Raises BackendError."""
    seed = pack_seed(store, pack)
    path = layout.pack(pack)
    frames: list[PlacedFrame] = []
    with host_failures(path), path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        at = start
        while len(frames) < frames_max:
            location = _frame_at(file.fileno(), pack, at, size, seed, frames)
            if location is None:
                return Walked(tuple(frames), at, ended=True, whole=at >= size)
            at += location.stored
    return Walked(tuple(frames), at, ended=False, whole=False)


def _frame_at(
    descriptor: int, pack: PackId, at: int, size: int, seed: int, frames: list[PlacedFrame]
) -> Location | None:
    """Note the frame whose header is at an offset; None if there is none that fits the file."""
    block = os.pread(descriptor, FRAME_HEADER.size, at)
    try:
        header = parse_header(block, 0, seed, Location(pack, at, 0))
    except FrameCorrupt:
        return None
    if at + header.size > size:
        return None
    location = Location(pack, at, header.size)
    frames.append(PlacedFrame(header.id, location))
    return location
