"""The C kernel of sketches.py."""

from array import array

def note_block(block: bytes, place: int, features: array[int], slots: array[int], /) -> None: ...
