"""Order-preserving keys: LMDB compares bytes, so every number is stored big-endian.

A key is a concatenation of fixed-width numbers, optionally ended by one variable part (a name).
No key exceeds LMDB's limit of 511 bytes: the longest is a directory number and a 255-byte name.
"""

import sys
from array import array
from collections.abc import Callable, Iterable
from struct import Struct
from typing import Final

_U64: Final = Struct(">Q")
_U64_PAIR: Final = Struct(">QQ")
_U64_TRIPLE: Final = Struct(">QQQ")

KEY_BYTES_MAX: Final = 511
NUMBER_BYTES: Final = _U64.size
_FIRST_END: Final = _U64.size
_SECOND_END: Final = _U64_PAIR.size


# Hundreds of keys are made for a listing and ten for most changes, hence no functions around these.
number_key: Final[Callable[[int], bytes]] = _U64.pack
"""Key of a row named by one number, such as an inode or a pack."""

pair_key: Final[Callable[[int, int], bytes]] = _U64_PAIR.pack
"""Key of a row named by two numbers, such as (directory, cookie)."""

triple_key: Final[Callable[[int, int, int], bytes]] = _U64_TRIPLE.pack
"""Key of a row named by three numbers, such as (inode, directory, cookie)."""


def named_key(number: int, name: bytes) -> bytes:
    """Key of a row named by a number and a name, such as (directory, entry name)."""
    return _U64.pack(number) + name


def number_of(key: bytes) -> int:
    """The first number of a key."""
    return int(_U64.unpack_from(key)[0])


def pair_of(key: bytes) -> tuple[int, int]:
    """The first two numbers of a key."""
    first, second = _U64_PAIR.unpack_from(key)
    return int(first), int(second)


def second_of(key: bytes) -> int:
    """The second number of a key of at least two."""
    return int.from_bytes(key[_FIRST_END:_SECOND_END])


def seconds_of(keys: Iterable[bytes]) -> list[int]:
    """The same of keys of two numbers and no more."""
    numbers = array("Q", b"".join(keys))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers[1::2].tolist()


def triple_of(key: bytes) -> tuple[int, int, int]:
    """The three numbers of a key."""
    first, second, third = _U64_TRIPLE.unpack_from(key)
    return int(first), int(second), int(third)


def name_of(key: bytes) -> bytes:
    """The name that ends a key made by `named_key`."""
    return key[_U64.size :]


def after_prefix(prefix: bytes) -> bytes | None:
    """The smallest key greater than every key with this prefix; None when there is none."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes([trimmed[-1] + 1]) if trimmed else None
