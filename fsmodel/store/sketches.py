"""Sketches as they are stored: of each chunk the beginning of its id, and its twelve features.

     0  beginning of the id                    6 bytes
     6  lowest byte of each feature           12 bytes
    18  middle byte of each                   12 bytes
    30  highest byte of each                  12 bytes

A block of them is read into the tables of the feature index (similarity.py) at once: those of
83,328 chunks would take a second of the interpreter one by one, after each start. Two kernels do
the same: _sketches.c, and where the extension is missing `reference_note`.
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from struct import Struct
from types import MappingProxyType
from typing import Final

FEATURE_COUNT: Final = 12  # of a chunk, as chunking.py takes them
ID_PREFIX_BYTES: Final = 6
FEATURE_MASK: Final = (1 << 24) - 1
SKETCH_BYTES: Final = ID_PREFIX_BYTES + 3 * FEATURE_COUNT
SLOT_SHIFTS: Final = tuple(0x9E377 * number for number in range(FEATURE_COUNT))  # one each

_WORDS: Final = Struct(f"<{FEATURE_COUNT}I")

Note = Callable[[bytes, int, "array[int]", "array[int]"], None]


def encode_sketch(chunk: bytes, features: Sequence[int]) -> bytes:
    """A sketch as it is stored; the features have 24 bits."""
    words = _WORDS.pack(*features)
    return chunk[:ID_PREFIX_BYTES] + words[0::4] + words[1::4] + words[2::4]


def decode_prefixes(block: bytes) -> list[bytes]:
    """The beginning of the id in each sketch of a block."""
    starts = range(0, len(block), SKETCH_BYTES)
    return [block[at : at + ID_PREFIX_BYTES] for at in starts]


def decode_features(block: bytes, number: int) -> "array[int]":
    """The feature of this number of each sketch in a block, as they follow each other there."""
    words = bytearray(4 * (len(block) // SKETCH_BYTES))
    for byte in range(3):
        words[byte::4] = block[ID_PREFIX_BYTES + byte * FEATURE_COUNT + number :: SKETCH_BYTES]
    return array("I", bytes(words))


def reference_note(block: bytes, place: int, features: "array[int]", slots: "array[int]") -> None:
    """What `note_block` does, in plain Python."""
    count, mask = len(block) // SKETCH_BYTES, len(slots) - 1
    begin, end = place * FEATURE_COUNT, (place + count) * FEATURE_COUNT
    if (
        len(block) % SKETCH_BYTES
        or place < 0
        or end > len(features)
        or mask < 0
        or len(slots) & mask
    ):
        raise ValueError(f"no room for {len(block)} bytes of sketches at place {place}")
    for number, shift in enumerate(SLOT_SHIFTS):
        column = decode_features(block, number)
        features[begin + number : end : FEATURE_COUNT] = column
        for later, feature in enumerate(column, place + 1):
            slot = feature + shift & mask
            if not slots[slot]:
                slots[slot] = later


def available_kernels() -> Mapping[str, Note]:
    """Every kernel this machine can run, by name, the fastest first."""
    kernels: dict[str, Note] = {}
    try:
        import fsmodel.store._sketches as native
    except ModuleNotFoundError:
        pass  # chunking.py says so, whose extension is built with this one
    else:
        kernels["native"] = native.note_block
    kernels["reference"] = reference_note
    return MappingProxyType(kernels)


KERNELS: Final = available_kernels()
_NOTE: Final = next(iter(KERNELS.values()))


def note_block(block: bytes, place: int, features: "array[int]", slots: "array[int]") -> None:
    """Write the features of a block of sketches from a place on, and 1 + place into empty slots.

    `features` are 12 for each place, and `slots` a power of two of them: the slot of a feature is
    its number's shift more than itself, modulo that. Raises ValueError for what has no room.
    """
    _NOTE(block, place, features, slots)
