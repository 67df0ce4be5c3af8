"""BLAKE3's tree in plain Python: the values of nodes, which no package on PyPI gives.

As "BLAKE3: one function, fast everywhere" (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020) has
it, word by word, and slow: some 10 KB a second are compressed.
"""

from struct import Struct
from typing import Final

BLOCK: Final = 64
PIECE: Final = 1024

_START, _END, _PARENT, _ROOT = 1, 2, 4, 8
_IV: Final = (
    0x6A09E667,
    0xBB67AE85,
    0x3C6EF372,
    0xA54FF53A,
    0x510E527F,
    0x9B05688C,
    0x1F83D9AB,
    0x5BE0CD19,
)
_ORDER: Final = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)  # of words in the next round
_MIXED: Final = (
    (0, 4, 8, 12),
    (1, 5, 9, 13),
    (2, 6, 10, 14),
    (3, 7, 11, 15),
    (0, 5, 10, 15),
    (1, 6, 11, 12),
    (2, 7, 8, 13),
    (3, 4, 9, 14),
)
_WORDS: Final = Struct("<16I")
_VALUE: Final = Struct("<8I")
_MASK: Final = 0xFFFFFFFF

Value = tuple[int, ...]


def value_of(data: bytes, counter: int, *, root: bool) -> bytes:
    """The value of the subtree over bytes that begin with piece number `counter`."""
    return _VALUE.pack(*_node(data, counter, _ROOT if root else 0))


def joined(values: list[bytes]) -> bytes:
    """The hash of an input, from the values of equal full subtrees and a last one."""
    return _VALUE.pack(*_joined([_VALUE.unpack(value) for value in values], _ROOT))


def _node(data: bytes, counter: int, flags: int) -> Value:
    if len(data) <= PIECE:
        return _piece(data, counter, flags)
    left = PIECE  # the largest power of two that leaves something for the right
    while 2 * left < len(data):
        left *= 2
    first = _node(data[:left], counter, 0)
    second = _node(data[left:], counter + left // PIECE, 0)
    return _parent(first, second, flags)


def _joined(values: list[Value], flags: int) -> Value:
    if len(values) == 1:
        return values[0]
    left = 1
    while 2 * left < len(values):
        left *= 2
    return _parent(_joined(values[:left], 0), _joined(values[left:], 0), flags)


def _parent(left: Value, right: Value, flags: int) -> Value:
    return _compressed(_IV, (*left, *right), 0, BLOCK, _PARENT | flags)


def _piece(data: bytes, counter: int, flags: int) -> Value:
    blocks = [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)] or [b""]
    value: Value = _IV
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        words = _WORDS.unpack(block.ljust(BLOCK, b"\0"))
        block_flags = (0 if number else _START) | (_END | flags if last else 0)
        value = _compressed(value, words, counter, len(block), block_flags)
    return value


def _compressed(value: Value, words: Value, counter: int, size: int, flags: int) -> Value:
    v = [*value, *_IV[:4], counter & _MASK, counter >> 32, size, flags]
    for _ in range(7):
        for number, (a, b, c, d) in enumerate(_MIXED):
            for word, first, second in ((words[2 * number], 16, 12), (words[2 * number + 1], 8, 7)):
                v[a] = v[a] + v[b] + word & _MASK
                v[d] = _rotated(v[d] ^ v[a], first)
                v[c] = v[c] + v[d] & _MASK
                v[b] = _rotated(v[b] ^ v[c], second)
        words = tuple(words[n] for n in _ORDER)
    return tuple(v[n] ^ v[n + 8] for n in range(8))


def _rotated(word: int, by: int) -> int:
    return (word >> by | word << 32 - by) & _MASK
