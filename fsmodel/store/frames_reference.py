"""Chunks that are stored as they are: read from a pack, and checked. The slow twin of _frames.c.

A frame is right when its header is the one expected, but for the checksum of the body, and the
hash of the body is the id which that names: it is about the same bytes as the checksum, and tells
more.
"""

import os
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

from fsmodel.buffers import Buffer
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ObjectId
from fsmodel.store.pack_format import CHECKSUM_BYTES, FRAME_HEADER, raw_chunk_header

CHUNKS_MAX: Final = 512  # preadv takes 1,024 buffers, and a frame is two

_CHECKED_TO, _CHECKED_FROM = CHECKSUM_BYTES.start, CHECKSUM_BYTES.stop


def is_right_chunk(seed: int, chunk: ObjectId, header: Buffer, body: Buffer) -> bool:
    """Whether a header and a body are those of a chunk, in the pack that has this seed."""
    expected = raw_chunk_header(seed, chunk, len(body))
    return (
        header[:_CHECKED_TO] == expected[:_CHECKED_TO]
        and header[_CHECKED_FROM:] == expected[_CHECKED_FROM:]
        and object_id(body) == chunk
    )


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
    headers = [bytearray(FRAME_HEADER.size) for _ in few]
    bodies = [room[end - each[1] : end] for each, end in zip(few, ends, strict=True)]
    parts = [part for frame in zip(headers, bodies, strict=True) for part in frame]
    left = os.preadv(descriptor, parts, offset)
    right = 0
    for each, header, body in zip(few, headers, bodies, strict=True):
        left -= len(header) + len(body)
        if left < 0 or not is_right_chunk(seed, each[0], header, body):
            break
        right += 1
    return right


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
    return bytes(body[low:high]) if is_right_chunk(seed, chunk[0], header, body) else None


def blank(size: int) -> memoryview:
    """So many bytes to be filled; see frames.py."""
    return memoryview(bytearray(size))
