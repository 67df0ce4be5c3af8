"""What the layer wrote down: every change of the files below a folder, in order."""

import struct
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Final, NamedTuple

HEAD: Final = struct.Struct("=BBHHIQ")
DURABLE: Final = 1  # flag of a write that the disk has when it returns


class Event(IntEnum):
    """What happened; twins of those in layer.c."""

    CREATED = 1
    WRITTEN = 2
    CUT = 3
    RENAMED = 4
    UNLINKED = 5
    MADE_FOLDER = 6
    REMOVED_FOLDER = 7
    SYNCED = 8
    SYNC_FAILED = 9


class Entry(NamedTuple):
    """One change; paths are relative to the folder."""

    event: Event
    path: str
    other: str  # where to, of a rename
    offset: int  # of a write; the new size, of a cut
    data: bytes
    durable: bool


def read_record(file: Path) -> Iterator[Entry]:
    """Every change that was written down whole."""
    text = file.read_bytes()
    at = 0
    while at + HEAD.size <= len(text):
        event, flags, path, other, size, offset = HEAD.unpack_from(text, at)
        starts = [at + HEAD.size, at + HEAD.size + path, at + HEAD.size + path + other]
        at = starts[2] + size
        yield Entry(
            Event(event),
            text[starts[0] : starts[1]].decode(),
            text[starts[1] : starts[2]].decode(),
            offset,
            text[starts[2] : at],
            bool(flags & DURABLE),
        )
