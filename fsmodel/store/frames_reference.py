"""Are frames of chunks that are stored as they are what they should be? The slow twin of _frames.c.

A frame is right when its header is the one expected, but for the checksum of the body, and the
hash of the body is the id which that names: it is about the same bytes as the checksum, and tells
more.
"""

from struct import Struct

from fsmodel.buffers import Buffer
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import OBJECT_ID_BYTES
from fsmodel.store.pack_format import CHECKSUM_BYTES, FRAME_HEADER

_SIZE = Struct("<28xI")
_CHECKED_TO, _CHECKED_FROM = CHECKSUM_BYTES.start, CHECKSUM_BYTES.stop


def is_right_chunk(header: Buffer, body: Buffer, expected: bytes) -> bool:
    """Whether one frame is right; see frames.py."""
    return (
        header[:_CHECKED_TO] == expected[:_CHECKED_TO]
        and header[_CHECKED_FROM:] == expected[_CHECKED_FROM:]
        and object_id(body) == expected[-OBJECT_ID_BYTES:]
    )


def right_chunks(headers: Buffer, bodies: Buffer, expected: Buffer) -> int:
    """How many frames are right, from the first on; see frames.py."""
    found, wanted = bytes(headers), bytes(expected)
    if len(found) < len(wanted) or len(wanted) % FRAME_HEADER.size:
        raise ValueError(f"{len(found)} bytes of headers for {len(wanted)} bytes of expected ones")
    right = at = 0
    for start in range(0, len(wanted), FRAME_HEADER.size):
        end = start + FRAME_HEADER.size
        (size,) = _SIZE.unpack_from(wanted, start)
        body = memoryview(bodies)[at : at + size]
        if len(body) < size or not is_right_chunk(found[start:end], body, wanted[start:end]):
            break
        right += 1
        at += size
    return right
