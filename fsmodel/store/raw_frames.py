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
from fsmodel.store.pack_format import FRAME_HEADER, NewFrame, ObjectKind, encode_frame
from fsmodel.store.sections import SECTIONED_ABOVE, section_values

AT_ONCE_FRAMES: Final = 8  # half a MiB: what was just checksummed is in the processor's cache
BODY_BYTES_MIN: Final = 241  # shorter ones have checksums of another kind, and are rare

_SAMPLE: Final = (bytes(range(256)) * 9, bytes(BODY_BYTES_MIN), bytes(SECTIONED_ABOVE + 1))

Write = Callable[[int, int, int, bytes, tuple[Buffer, ...], tuple[bytes, ...]], None]


def reference_write(
    descriptor: int,
    offset: int,
    seed: int,
    ids: bytes,
    bodies: tuple[Buffer, ...],
    values: tuple[bytes, ...],
) -> None:
    """What `write_chunks` does, in plain Python and for bodies of any size."""
    for first in range(0, len(bodies), AT_ONCE_FRAMES):
        some = range(first, min(first + AT_ONCE_FRAMES, len(bodies)))
        frames = [_frame(_id_at(ids, n), bodies[n], values[n]) for n in some]
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


def _frame(chunk: ObjectId, body: Buffer, values: bytes) -> NewFrame:
    return encode_frame(ObjectKind.CHUNK, Codec.RAW, len(body), chunk, body, values=values)


def _id_at(ids: bytes, number: int) -> ObjectId:
    return ObjectId(ids[number * OBJECT_ID_BYTES : (number + 1) * OBJECT_ID_BYTES])


def _written(write: Write) -> bytes:
    descriptor = memfd_create("frames")
    try:
        ids, values = b"".join(map(object_id, _SAMPLE)), tuple(map(section_values, _SAMPLE))
        write(descriptor, 0, 1, ids, _SAMPLE, values)
        return pread(descriptor, 1 << 16, 0)
    finally:
        close(descriptor)


KERNELS: Final = available_kernels()
_WRITE: Final = next(iter(KERNELS.values()))


def frame_bytes(body: Buffer, values: bytes) -> int:
    """What a chunk's frame takes in a pack."""
    return FRAME_HEADER.size + len(body) + len(values)


def write_chunks(
    descriptor: int,
    offset: int,
    seed: int,
    ids: bytes,
    bodies: tuple[Buffer, ...],
    values: tuple[bytes, ...],
) -> None:
    """Write the frames of chunks to a file from an offset on, one behind the other.

    `ids` are their object ids, likewise, `values` those of the sections of each (sections.py), and
    `seed` is that of the pack. Any thread. Raises OSError; some of the frames may then be there.
    """
    write = _WRITE if min(map(len, bodies)) >= BODY_BYTES_MIN else reference_write
    write(descriptor, offset, seed, ids, bodies, values)
