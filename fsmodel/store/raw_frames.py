"""Chunks that are stored as they are: their frames made and written by one call.

A stream in haste is nothing else. Who makes such frames one by one waits for the interpreter's
lock after each write, which a thread that takes in requests holds most of the time. Two kernels
write the same: _raw_frames.c, and where the extension is missing `reference_write`.
"""

from collections.abc import Callable, Mapping
from os import close, memfd_create, pread
from types import MappingProxyType
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import OBJECT_ID_BYTES, ObjectId
from fsmodel.store.host_files import write_at
from fsmodel.store.pack_format import FRAME_HEADER, ObjectKind, encode_frame

AT_ONCE_FRAMES: Final = 8  # half a MiB: what was just checksummed is in the processor's cache
BODY_BYTES_MIN: Final = 241  # shorter ones have checksums of another kind, and are rare

_SAMPLE: Final = (bytes(range(256)) * 9, bytes(BODY_BYTES_MIN))

Write = Callable[[int, int, int, bytes, tuple[Buffer, ...]], None]


def reference_write(
    descriptor: int, offset: int, seed: int, ids: bytes, bodies: tuple[Buffer, ...]
) -> None:
    """What `write_chunks` does, in plain Python and for bodies of any size."""
    for first in range(0, len(bodies), AT_ONCE_FRAMES):
        some = range(first, min(first + AT_ONCE_FRAMES, len(bodies)))
        frames = [
            encode_frame(ObjectKind.CHUNK, Codec.RAW, len(bodies[n]), _id_at(ids, n), bodies[n])
            for n in some
        ]
        write_at(descriptor, [part for frame in frames for part in frame.sealed(seed)], offset)
        offset += sum(frame.size for frame in frames)


def available_kernels() -> Mapping[str, Write]:
    """Every kernel this machine can run, by name, the fastest first.

    The extension takes checksums in another way on each kind of processor: if it writes other
    bytes on this one it is left out.
    """
    kernels: dict[str, Write] = {}
    try:
        import fsmodel.store._raw_frames as native
    except ModuleNotFoundError:
        pass  # chunking.py says so, whose extension is built with this one
    else:
        if _written(native.write_chunks) == _written(reference_write):
            kernels["native"] = native.write_chunks
    kernels["reference"] = reference_write
    return MappingProxyType(kernels)


def _id_at(ids: bytes, number: int) -> ObjectId:
    return ObjectId(ids[number * OBJECT_ID_BYTES : (number + 1) * OBJECT_ID_BYTES])


def _written(write: Write) -> bytes:
    descriptor = memfd_create("frames")
    try:
        write(descriptor, 0, 1, b"".join(map(object_id, _SAMPLE)), _SAMPLE)
        return pread(descriptor, 1 << 16, 0)
    finally:
        close(descriptor)


KERNELS: Final = available_kernels()
_WRITE: Final = next(iter(KERNELS.values()))


def frame_bytes(body: Buffer) -> int:
    """What a chunk's frame takes in a pack."""
    return FRAME_HEADER.size + len(body)


def write_chunks(
    descriptor: int, offset: int, seed: int, ids: bytes, bodies: tuple[Buffer, ...]
) -> None:
    """Write the frames of chunks to a file from an offset on, one behind the other.

    `ids` are their object ids, likewise, and `seed` is that of the pack. Any thread. Raises
    OSError; some of the frames may then be there.
    """
    write = _WRITE if min(map(len, bodies)) >= BODY_BYTES_MIN else reference_write
    write(descriptor, offset, seed, ids, bodies)
