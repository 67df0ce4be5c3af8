"""Chunks that are stored as they are: read from a pack and checked by one call.

Who reads and hashes the chunks of a stream one by one waits for the interpreter's lock after each,
which a thread that answers requests holds most of the time. Two kernels do the same: _frames.c,
and where the extension is missing frames_reference.py.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from fsmodel.buffers import Buffer
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ObjectId
from fsmodel.store import frames_reference
from fsmodel.store.pack_format import raw_chunk_header

PART_BYTES_MAX: Final = 1 << 20  # of a chunk, a part of which is read at once

_SAMPLE: Final = bytes(range(256)) * 133  # pieces in vectors of each width, and a rest
_SEED: Final = 0x9E3779B97F4A7C15

ChunkFacts = tuple[ObjectId, int, *tuple[Any, ...]]  # its id and its size, and what may follow


class Kernel(NamedTuple):
    """One implementation of all functions."""

    read_chunks: Callable[[int, int, int, Sequence[ChunkFacts], Buffer], int]
    read_part: Callable[[int, int, int, ChunkFacts, int, int], bytes | None]
    bring_part: Callable[[int, int, ChunkFacts, int, int], bytes | None]
    blank: Callable[[int], memoryview]


def available_kernels() -> Mapping[str, Kernel]:
    """Every kernel this machine can run, by name, the fastest first.

    The extension hashes in another way on each kind of processor: if it hashes wrongly on this one
    it is left out, as it would take all for damaged.
    """
    kernels: dict[str, Kernel] = {}
    try:
        import fsmodel.store._frames as native
    except ModuleNotFoundError:
        pass  # chunking.py says so, whose extension is built with this one
    else:
        if _finds_right(native.read_chunks):
            kernels["native"] = Kernel(
                native.read_chunks, native.read_part, native.bring_part, native.blank
            )
    kernels["reference"] = Kernel(
        frames_reference.read_chunks,
        frames_reference.read_part,
        frames_reference.bring_part,
        frames_reference.blank,
    )
    return MappingProxyType(kernels)


def _finds_right(
    read_chunks_: Callable[[int, int, int, Sequence[ChunkFacts], Buffer], int],
) -> bool:
    """Whether a frame that is right is found to be."""
    chunk = object_id(_SAMPLE)
    descriptor = os.memfd_create("sample", os.MFD_CLOEXEC)
    try:
        header = raw_chunk_header(_SEED, chunk, len(_SAMPLE), sectioned=False)
        os.writev(descriptor, [header, _SAMPLE])
        wanted = [(chunk, len(_SAMPLE))]
        return read_chunks_(descriptor, 0, _SEED, wanted, bytearray(len(_SAMPLE))) == 1
    finally:
        os.close(descriptor)


KERNELS: Final = available_kernels()
_KERNEL: Final = next(iter(KERNELS.values()))


def read_chunks(
    descriptor: int, offset: int, seed: int, chunks: Sequence[ChunkFacts], into: Buffer
) -> int:
    """Read chunks whose frames lie one behind the other; how many are right, from the first on.

    Their bodies go into a buffer, one behind the other, and each must have its id as hash. Those
    behind the first that is not right have to be read again, also when there are more chunks than
    one call takes. Any thread. Raises OSError; ValueError for a buffer that is too short.
    """
    return _KERNEL.read_chunks(descriptor, offset, seed, chunks, into)


def read_part(
    descriptor: int, offset: int, seed: int, chunk: ChunkFacts, low: int, high: int
) -> bytes | None:
    """Bytes [low, high) of a chunk of at most PART_BYTES_MAX, checked by its id.

    Only the sections that they touch are read, and the values of the others, where these lie behind
    the chunk (sections.py); where they do not, or do not make the id, all of it is.

    The memory it goes through is used again and again: memory that is touched for the first time
    costs more than reading and hashing. None when what was read is not right, or only a part of it
    is in the host's memory. Raises OSError, EAGAIN when nothing of it is; ValueError.
    """
    return _KERNEL.read_part(descriptor, offset, seed, chunk, low, high)


def bring_part(
    descriptor: int, offset: int, chunk: ChunkFacts, low: int, high: int
) -> bytes | None:
    """The same sections, waited for if a disk has to bring them, and nothing else. Any thread.

    None where that does not give bytes that are right: then all of the chunk has to be read.
    """
    return _KERNEL.bring_part(descriptor, offset, chunk, low, high)


def blank(size: int) -> memoryview:
    """So many bytes, whatever they are: for who fills them, and shows none that he has not filled.

    Some MiB of memory are used again and again, once nobody has a view of them any more: memory
    that is touched for the first time, or cleared, costs as much as reading into it. Any thread.
    """
    return _KERNEL.blank(size)
