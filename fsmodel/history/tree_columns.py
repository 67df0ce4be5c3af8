"""Columns of a tree leaf: one number of each entry, so that like lies beside like.

A column is stored in the one of three forms that has the fewest different values, as these compress
best:

    PLAIN    the values, less the smallest
    STEPS    what leads from each value to the next
    BESIDE   what leads to each value from that of the same entry in another column

Steps are modulo 2^64 and signed: 0, -1, 1, -2, ... are stored as 0, 1, 2, 3, ... Of the numbers
that are then to be stored only so many bytes are kept as the greatest has, byte by byte: the lowest
of all numbers, then the next of all.

    form u4 in the high and bytes of a number u4 in the low half of a byte | base | bytes

The base, in groups of 7 bits with the lowest first, is what all values or steps have in common;
of STEPS it is the first value, whose own step is 0.
"""

from collections.abc import Sequence
from itertools import accumulate
from operator import sub
from struct import pack, unpack
from typing import Final, NamedTuple

from fsmodel.errors import FrameCorrupt

PLAIN, STEPS, BESIDE = range(3)
WIDTH_MAX: Final = 8
NUMBER_BITS: Final = 64
_U64: Final = (1 << NUMBER_BITS) - 1
_HALF: Final = 1 << 63
_MORE: Final = 0x80


class Column(NamedTuple):
    """What the entries of a leaf have one value of each."""

    name: str
    bits: int  # values are below 2 ** bits
    beside: str = ""  # the column its form BESIDE refers to; it stands before


def encode_column(values: Sequence[int], beside: Sequence[int] | None = None) -> bytes:
    """The bytes of a column; every value is below 2^64."""
    if not values:
        return b"\0\0"
    if values.count(values[0]) == len(values):
        return b"\0" + _encode_base(values[0])  # nothing is cheaper, and most columns are so
    forms = [(PLAIN, values), (STEPS, _wrapped([0, *map(sub, values[1:], values)]))]
    if beside is not None:
        forms.append((BESIDE, _wrapped(list(map(sub, values, beside)))))
    form, steps = min(forms, key=_cost)
    base, numbers = _numbers(form, values[0], steps)
    width = _width(max(numbers))
    raw = pack(f"<{len(numbers)}Q", *numbers)
    planes = [raw[plane::WIDTH_MAX] for plane in range(width)]
    return b"".join((bytes([form << 4 | width]), _encode_base(base), *planes))


def decode_column(
    page: bytes, at: int, count: int, beside: Sequence[int] | None
) -> tuple[Sequence[int], int]:
    """The values of a column, and where the next one begins. Raises FrameCorrupt."""
    head = page[at : at + 1]
    form, width = (head[0] >> 4, head[0] & 15) if head else (PLAIN, WIDTH_MAX + 1)
    if width > WIDTH_MAX or form > BESIDE or (form == BESIDE and beside is None):
        raise FrameCorrupt("tree page", f"no column begins at byte {at}")
    base, at = _decode_base(page, at + 1)
    end = at + count * width
    if end > len(page):
        raise FrameCorrupt("tree page", f"{len(page)} bytes cannot hold its columns")
    if not width and form != BESIDE:
        return [base] * count, end
    raw = bytearray(WIDTH_MAX * count)
    for plane in range(width):
        raw[plane::WIDTH_MAX] = page[at + plane * count : at + (plane + 1) * count]
    numbers: Sequence[int] = unpack(f"<{count}Q", raw)
    if form == PLAIN:
        return [base + number & _U64 for number in numbers], end
    if form == STEPS:
        passed = accumulate(_signed(numbers), initial=base)
        return [value & _U64 for value in passed][1:], end
    assert beside is not None
    steps = _signed([base + number for number in numbers])
    return [other + step & _U64 for other, step in zip(beside, steps, strict=True)], end


def _cost(tried: tuple[int, Sequence[int]]) -> tuple[int, int, int]:
    """How many different numbers a form has, the bytes of each, and the form, given its steps.

    There are as many different numbers as steps, so that no number has to be made for this.
    """
    form, steps = tried
    low, high = min(steps), max(steps)
    if form == PLAIN:
        return len(set(steps)), _width(high - low), form
    greatest = max(_unsigned([low, high]))
    least = _least(steps, low, high) if form == BESIDE else 0
    return len(set(steps)), _width(greatest - least), form


def _least(steps: Sequence[int], low: int, high: int) -> int:
    """The smallest of the numbers that stand for steps from one to another."""
    if low >= 0 or high < 0:
        return min(_unsigned([low, high]))
    return 0 if 0 in steps else min(_unsigned(steps))


def _numbers(form: int, first: int, steps: Sequence[int]) -> tuple[int, Sequence[int]]:
    """The base of a column of a form, and its numbers; PLAIN steps are the values themselves."""
    if form == STEPS:
        return first, _unsigned(steps)
    numbers = steps if form == PLAIN else _unsigned(steps)
    least = min(numbers)
    return least, [number - least for number in numbers]


def _width(number: int) -> int:
    return (number.bit_length() + 7) // 8


def _wrapped(steps: list[int]) -> list[int]:
    """Steps modulo 2^64, from -2^63 on, as nearly all are anyway."""
    if min(steps) >= -_HALF and max(steps) < _HALF:
        return steps
    return [(step + _HALF & _U64) - _HALF for step in steps]


def _unsigned(steps: Sequence[int]) -> list[int]:
    """The numbers that stand for steps: small for small ones in either direction."""
    return [step << 1 if step >= 0 else ~(step << 1) for step in steps]


def _signed(numbers: Sequence[int]) -> list[int]:
    """The steps that numbers stand for."""
    return [(number >> 1) ^ -(number & 1) for number in numbers]


def _encode_base(base: int) -> bytes:
    groups = bytearray()
    while base >= _MORE:
        groups.append(base & _MORE - 1 | _MORE)
        base >>= 7
    groups.append(base)
    return bytes(groups)


def _decode_base(page: bytes, at: int) -> tuple[int, int]:
    base = shift = 0
    while True:
        group = page[at : at + 1]
        if not group or shift > 63:
            raise FrameCorrupt("tree page", f"a column without a base before byte {at}")
        base |= (group[0] & _MORE - 1) << shift
        at, shift = at + 1, shift + 7
        if group[0] < _MORE:
            return base & _U64, at
