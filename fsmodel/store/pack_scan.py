"""Goes through a pack from end to end, for whoever cannot or will not ask the index.

Damage does not end a scan: it goes on at the next place where a frame's header passes its check.
Since every checksum is seeded with store and pack (pack_format.py), nothing inside a damaged frame
can pass for a frame. Memory stays bounded: one window, grown to the largest frame if need be.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from fsmodel.errors import FrameCorrupt
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.host_files import host_failures
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import (
    FRAME_HEADER,
    FRAME_MAGIC,
    PACK_HEADER,
    Frame,
    Location,
    check_pack_header,
    pack_seed,
    parse_frame,
    parse_header,
)

WINDOW_BYTES: Final = 1 << 20


class FoundFrame(NamedTuple):
    """A frame that passed all its checks, and where it lies."""

    location: Location
    frame: Frame


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes [start, end) of a pack that are neither its header nor frames.

    object_id is known when the first of them are the header of a frame whose body is damaged.
    """

    pack: PackId
    start: int
    end: int
    reason: str
    object_id: ObjectId | None = None


def scan_pack(layout: StoreLayout, store: bytes, pack: PackId) -> Iterator[FoundFrame | Damage]:
    """Everything in a pack, in the order it lies there, up to the size it has now.

    Raises BackendError when the host cannot open or read it.
    """
    seed = pack_seed(store, pack)
    with _opened(layout.pack(pack)) as window:
        at = PACK_HEADER.size
        try:
            check_pack_header(window.block(0, at), store, pack)
        except FrameCorrupt as error:
            at = min(at, window.size)
            if at:  # an empty file is a pack that was about to be made
                yield Damage(pack, 0, at, error.reason)
        while at < window.size:
            found = _at(window, pack, at, seed)
            yield found
            at = found.end if isinstance(found, Damage) else at + found.location.stored


class _Window:
    """A part of a file in memory, moved along as blocks are asked for."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._start = 0
        self._bytes = b""
        with host_failures(path):
            self.size = os.fstat(descriptor).st_size

    def block(self, offset: int, size: int) -> memoryview:
        """So many bytes from an offset on, fewer where the file ends. Raises BackendError."""
        size = max(min(size, self.size - offset), 0)
        if not self._start <= offset <= offset + size <= self._start + len(self._bytes):
            with host_failures(self._path):
                self._bytes = os.pread(self._descriptor, max(size, WINDOW_BYTES), offset)
            self._start = offset
        at = offset - self._start
        return memoryview(self._bytes)[at : at + size]

    def find(self, wanted: bytes, offset: int) -> int:
        """Where the wanted bytes next stand from an offset on; the file's size if nowhere."""
        while self.size - offset >= len(wanted) == len(self.block(offset, len(wanted))):
            found = self._bytes.find(wanted, offset - self._start)
            if found >= 0:
                return self._start + found
            offset = self._start + len(self._bytes) - len(wanted) + 1  # may cross the border
        return self.size


@contextmanager
def _opened(path: Path) -> Iterator[_Window]:
    with host_failures(path):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield _Window(path, descriptor)
    finally:
        os.close(descriptor)


def _at(window: _Window, pack: PackId, at: int, seed: int) -> FoundFrame | Damage:
    """The frame that starts at an offset, or what is there instead of one."""
    place = Location(pack, at, 0)
    try:
        header = parse_header(window.block(at, FRAME_HEADER.size), 0, seed, place)
        frame = parse_frame(window.block(at, header.size), 0, seed, place)
    except FrameCorrupt as error:
        end = _next_header(window, pack, at + 1, seed)
        return Damage(pack, at, end, error.reason, _id_at(window, pack, at, seed))
    return FoundFrame(Location(pack, at, frame.size), frame)


def _id_at(window: _Window, pack: PackId, at: int, seed: int) -> ObjectId | None:
    """The object a damaged frame was for, if its header can still be trusted."""
    place = Location(pack, at, 0)
    try:
        return parse_header(window.block(at, FRAME_HEADER.size), 0, seed, place).id
    except FrameCorrupt:
        return None


def _next_header(window: _Window, pack: PackId, at: int, seed: int) -> int:
    """The next offset with a header that passes its check; the pack's size if there is none."""
    while True:
        at = window.find(FRAME_MAGIC, at)
        if at == window.size or _id_at(window, pack, at, seed) is not None:
            return at
        at += 1
