"""Are frames of chunks that are stored as they are what they should be? The slow twin of _frames.c.

A frame is right when its header is the one expected, but for the checksum of the body, and the
hash of the body is the id which that names: it is about the same bytes as the checksum, and tells
more.
"""

from struct import Struct

from fsmodel.buffers import Buffer
from fsmodel.encoding.hashing import object_id
from fsmodel.store.pack_format import CHECKSUM_BYTES, FRAME_HEADER

_SIZE_AND_ID = Struct("<28xI32s")
assert _SIZE_AND_ID.size == FRAME_HEADER.size


def right_chunks(headers: Buffer, bodies: Buffer, expected: Buffer) -> int:
    """How many frames are right, from the first on; see frames.py."""
    found, wanted = memoryview(headers), memoryview(expected)
    if len(found) < len(wanted) or len(wanted) % FRAME_HEADER.size:
        raise ValueError(f"{len(found)} bytes of headers for {len(wanted)} bytes of expected ones")
    right = at = 0
    for start in range(0, len(wanted), FRAME_HEADER.size):
        end = start + FRAME_HEADER.size
        size, chunk = _SIZE_AND_ID.unpack_from(wanted, start)
        body = memoryview(bodies)[at : at + size]
        if _facts(found[start:end]) != _facts(wanted[start:end]):
            break
        if len(body) < size or object_id(body) != chunk:
            break
        right += 1
        at += size
    return right


def _facts(header: memoryview) -> bytes:
    """A header without the checksum of its body."""
    first, behind = CHECKSUM_BYTES.start, CHECKSUM_BYTES.stop
    return bytes(header[:first]) + bytes(header[behind:])
