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

from collections.abc import Iterable, Sequence
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
    forms = [_plain(values), _steps(values)]
    if beside is not None:
        forms.append(_beside(values, beside))
    form, base, numbers = min(forms, key=_cost)
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


_Form = tuple[int, int, list[int]]  # form, base, numbers


def _plain(values: Sequence[int]) -> _Form:
    least = min(values)
    return PLAIN, least, [value - least for value in values]


def _steps(values: Sequence[int]) -> _Form:
    return STEPS, values[0], [0, *_unsigned(map(sub, values[1:], values))]


def _beside(values: Sequence[int], others: Sequence[int]) -> _Form:
    numbers = _unsigned(map(sub, values, others))
    least = min(numbers)
    return BESIDE, least, [number - least for number in numbers]


def _cost(form: _Form) -> tuple[int, int, int]:
    number, _, numbers = form
    return len(set(numbers)), _width(max(numbers)), number


def _width(number: int) -> int:
    return (number.bit_length() + 7) // 8


def _unsigned(steps: Iterable[int]) -> list[int]:
    """The numbers that stand for steps: small for small ones in either direction."""
    return [
        (step << 1) & _U64 if (step := any_step & _U64) < _HALF else ~(step << 1) & _U64
        for any_step in steps
    ]


def _signed(numbers: Iterable[int]) -> list[int]:
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
