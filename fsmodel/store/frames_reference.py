"""Chunks that are stored as they are: read from a pack, and checked. The slow twin of _frames.c.

A frame is right when its header is the one expected, but for the checksum of the body, and the
hash of the body is the id which that names: it is about the same bytes as the checksum, and tells
more. The values of sections are passed over, as hashing a whole chunk takes less than joining them
would here.
"""

import os
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

from fsmodel.buffers import Buffer
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ObjectId
from fsmodel.store.pack_format import CHECKSUM_BYTES, FRAME_HEADER, raw_chunk_header
from fsmodel.store.sections import values_bytes

CHUNKS_MAX: Final = 512

_CHECKED_TO, _CHECKED_FROM = CHECKSUM_BYTES.start, CHECKSUM_BYTES.stop


def right_frame_bytes(seed: int, chunk: ObjectId, header: Buffer, body: Buffer) -> int:
    """The size of the frame, in the pack that has this seed, if these are a chunk's; 0 if not."""
    for values in {0, values_bytes(len(body))}:
        expected = raw_chunk_header(seed, chunk, len(body), sectioned=values > 0)
        if (
            header[:_CHECKED_TO] == expected[:_CHECKED_TO]
            and header[_CHECKED_FROM:] == expected[_CHECKED_FROM:]
            and object_id(body) == chunk
        ):
            return len(header) + len(body) + values
    return 0


def read_chunks(
    descriptor: int,
    offset: int,
    seed: int,
    chunks: Sequence[tuple[ObjectId, int, *tuple[Any, ...]]],
    into: Buffer,
) -> int:
    """Read chunks that lie one behind the other, and check them; see frames.py."""
    few = chunks[:CHUNKS_MAX]
    ends = list(accumulate(each[1] for each in few))
    room = memoryview(into)
    if ends and ends[-1] > len(room):
        raise ValueError("the chunks are longer than the buffer")
    header = bytearray(FRAME_HEADER.size)
    for right, (each, end) in enumerate(zip(few, ends, strict=True)):
        body = room[end - each[1] : end]
        count = os.preadv(descriptor, [header, body], offset)
        size = right_frame_bytes(seed, each[0], header, body)
        if count < len(header) + len(body) or not size:
            return right
        offset += size
    return len(few)


def read_part(
    descriptor: int,
    offset: int,
    seed: int,
    chunk: tuple[ObjectId, int, *tuple[Any, ...]],
    low: int,
    high: int,
) -> bytes | None:
    """Bytes of a chunk all of which is read and checked; see frames.py."""
    if not 0 <= low <= high <= chunk[1]:
        raise ValueError(f"bytes {low} to {high} of a chunk of {chunk[1]}")
    frame = bytearray(FRAME_HEADER.size + chunk[1])
    if os.preadv(descriptor, [frame], offset, os.RWF_NOWAIT) < len(frame):
        return None
    header, body = frame[: FRAME_HEADER.size], frame[FRAME_HEADER.size :]
    return bytes(body[low:high]) if right_frame_bytes(seed, chunk[0], header, body) else None


def bring_part(
    descriptor: int,
    offset: int,
    chunk: tuple[ObjectId, int, *tuple[Any, ...]],
    low: int,
    high: int,
) -> bytes | None:
    """None: there are no parts here; see frames.py."""
    return None


def blank(size: int) -> memoryview:
    """So many bytes to be filled; see frames.py."""
    return memoryview(bytearray(size))
