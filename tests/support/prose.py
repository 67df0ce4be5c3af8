"""Bytes that compress as texts and tables do, in versions that resemble each other."""

import random
from typing import Final

_SOURCE: Final = random.Random(7)
WORDS: Final = [_SOURCE.randbytes(_SOURCE.randrange(1, 6)).hex().encode() for _ in range(400)]


def prose(seed: object, size: int = 14_000) -> bytes:
    """Words in any order, the same for the same seed."""
    source = random.Random(repr(seed))
    return b" ".join(source.choices(WORDS, k=size // 3))[:size]


def records(seed: object, count: int = 250) -> bytes:
    """Lines of JSON, which a high level compresses a quarter better than a low one."""
    source = random.Random(repr(seed))
    return b"".join(
        b'{"id": %d, "name": "%s", "score": %d}\n'
        % (number, source.choice(WORDS[:4]), source.randrange(1000))
        for number in range(count)
    )


def edited(data: bytes, seed: object, count: int = 3) -> bytes:
    """The same bytes but for a few words."""
    source, changed = random.Random(repr(seed)), bytearray(data)
    for _ in range(count):
        at = source.randrange(len(data) - 12)
        word = source.choice(WORDS)
        changed[at : at + len(word)] = word
    return bytes(changed)
