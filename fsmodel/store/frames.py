"""Many frames checked by one call, without the interpreter's lock.

Who hashes the chunks of a stream one by one waits for that lock after each, which a thread that
answers requests holds most of the time. Two kernels answer alike: _frames.c, and where the
extension is missing frames_reference.py.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from fsmodel.buffers import Buffer
from fsmodel.encoding.hashing import object_id
from fsmodel.store import frames_reference
from fsmodel.store.pack_format import raw_chunk_header

_SAMPLE: Final = bytes(range(256)) * 133  # pieces in vectors of each width, and a rest


class Kernel(NamedTuple):
    """One implementation of both functions."""

    right_chunks: Callable[[Buffer, Buffer, Buffer], int]
    blank: Callable[[int], bytearray]


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
        header = raw_chunk_header(0, object_id(_SAMPLE), len(_SAMPLE))
        if native.right_chunks(header, _SAMPLE, header) == 1:
            kernels["native"] = Kernel(native.right_chunks, native.blank)
    kernels["reference"] = Kernel(frames_reference.right_chunks, bytearray)
    return MappingProxyType(kernels)


KERNELS: Final = available_kernels()
_KERNEL: Final = next(iter(KERNELS.values()))


def right_chunks(headers: Buffer, bodies: Buffer, expected: Buffer) -> int:
    """How many frames are right, from the first on.

    They are given as their headers, one behind the other, and their bodies, likewise; `expected`
    are the headers they should have (pack_format.raw_chunk_header). Bodies that do not reach are
    not right. Any thread. Raises ValueError for fewer headers than are expected.
    """
    return _KERNEL.right_chunks(headers, bodies, expected)


def is_right_chunk(header: Buffer, body: Buffer, expected: bytes) -> bool:
    """Whether one frame is right: `right_chunks` of one, for which the library hashes quicker."""
    return frames_reference.is_right_chunk(header, body, expected)


def blank(size: int) -> bytearray:
    """So many bytes, whatever they are: for who fills them, and shows none that he has not filled.

    To clear a MiB costs as much as a tenth of reading and hashing it. Any thread.
    """
    return _KERNEL.blank(size)
