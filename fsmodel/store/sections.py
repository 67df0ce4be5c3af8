"""Sections of chunks: 16 KiB each, whose values in BLAKE3's tree are enough for the chunk's id.

The values of all sections lie behind a chunk that is stored as it is. Who wants a few bytes of it
reads and hashes the section they lie in, joins its value with those of the others, and compares
what comes of it with the id. So every byte is checked against the id of the whole chunk, and
nothing has to be taken at its word: values that are wrong do not make the id, and then the whole
chunk is read. BLAKE3 cuts an input into pieces of 1 KiB, whose values are joined in pairs, and
those of pairs in pairs again, from the left: what 16 of them give, from a multiple of 16 on, is
one node of its tree, whatever follows. (O'Connor, Aumasson, Neves, Wilcox-O'Hearn 2020; Bao's
"chunk groups" are the same.)

Making values costs nothing where a chunk is hashed anyway, by _blake3.c. Where the extension is
missing none are made, as that would take some hundred times longer than storing the chunk.
"""

from collections.abc import Callable
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.encoding.hashing import object_id

SECTION_BYTES: Final = 16 << 10
SECTIONED_ABOVE: Final = 32 << 10  # bytes of a chunk; of shorter ones a section is half or more
SECTIONED_MAX: Final = 1 << 20  # bytes of a chunk; longer ones are not read in parts
VALUE_BYTES: Final = 32
LITTLE_BYTES: Final = 64 << 10  # brought by a disk: a hop to a thread takes about as long
SURELY_LITTLE_BYTES: Final = (
    LITTLE_BYTES - 2 * SECTION_BYTES - SECTIONED_MAX // SECTION_BYTES * VALUE_BYTES
)

_SAMPLE: Final = bytes(range(256)) * 133 * 4  # sections in vectors of each width, and a rest


def values_bytes(size: int) -> int:
    """How many bytes the values behind a chunk of this size take, if it has them."""
    if SECTIONED_ABOVE < size <= SECTIONED_MAX:
        return -(-size // SECTION_BYTES) * VALUE_BYTES
    return 0


def bytes_touched(size: int, low: int, high: int) -> int:
    """How many bytes have to be read to check [low, high) of a chunk, if its values are there."""
    if not SECTIONED_ABOVE < size <= SECTIONED_MAX:
        return size
    sections = -(-size // SECTION_BYTES)
    first, behind = low // SECTION_BYTES, -(-high // SECTION_BYTES)
    end = size if behind == sections else behind * SECTION_BYTES
    return min(end - first * SECTION_BYTES + sections * VALUE_BYTES, size)


def is_little(size: int, low: int, high: int) -> bool:
    """Whether to check [low, high) of a chunk takes some of its sections, and few bytes of them."""
    if not SECTIONED_ABOVE < size <= SECTIONED_MAX:
        return False
    return high - low <= SURELY_LITTLE_BYTES or bytes_touched(size, low, high) <= LITTLE_BYTES


def available_values() -> Callable[[Buffer], bytes]:
    """What makes values on this machine.

    The extension hashes in another way on each kind of processor: if it hashes wrongly on this one
    it is left out.
    """
    try:
        import fsmodel.store._frames as native
    except ModuleNotFoundError:
        return _no_values  # chunking.py says so, whose extension is built with this one
    if native.joined(native.section_values(_SAMPLE)) != object_id(_SAMPLE):
        return _no_values
    return native.section_values


def _no_values(_: Buffer) -> bytes:
    return b""


_VALUES: Final = available_values()


def section_values(data: Buffer) -> bytes:
    """The values of a chunk's sections, in order; nothing for a chunk that is to have none.

    Any thread may call it.
    """
    return _VALUES(data)
