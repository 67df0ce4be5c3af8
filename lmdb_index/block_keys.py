"""The keys of a block of packed rows, in the three forms they are stored in.

Each form finds a key without making all the others: that is what most lookups need.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from enum import IntEnum
from itertools import accumulate
from struct import Struct
from typing import Final, Protocol, TypeVar

import msgspec

LOOKS_FEW: Final = 8  # for keys of a block, that do not pay for decoding all of its groups
GROUP_ROWS: Final = 32  # keys, and rows, that are decoded together

_NUMBER: Final = Struct(">Q")
_decode_keys: Final = msgspec.msgpack.Decoder(list[bytes]).decode

Item = TypeVar("Item")


class KeyForm(IntEnum):
    """How the keys of a block are stored."""

    LISTED = 0  # any keys
    FIXED = 1  # ids: as they are, since they do not compress, so that a miss decompresses nothing
    COUNTED = 2  # numbers, most of them one more than the one before


class Keys(Protocol):
    """The keys of a block, in order."""

    def find(self, key: bytes) -> int | None:
        """The place of a key; None when it is not there."""

    def position(self, key: bytes) -> int:
        """How many keys are lower than this one."""

    def part(self, start: int, stop: int) -> list[bytes]:
        """The keys at some places."""

    def __len__(self) -> int: ...


class ListedKeys:
    """Any keys, in groups: a look for one decodes the few groups it comes by.

    Of keys that are looked at again and again, where each group begins is kept, and the group that
    was decoded last.
    """

    __slots__ = ("_at", "_count", "_firsts", "_found", "_groups", "_keys", "_looks")

    def __init__(self, groups: Sequence[msgspec.Raw], count: int) -> None:
        """From as many groups as so many keys make. Raises msgspec.MsgspecError."""
        self._groups = groups
        self._count = count
        self._found: dict[int, bytes] = {}  # the first keys of the groups that were looked at
        self._firsts: list[bytes] = []  # of all groups, once that pays
        self._looks = 0
        self._at = -1  # the group decoded last
        self._keys: list[bytes] = []  # of that

    def find(self, key: bytes) -> int | None:
        """The place of a key; None when it is not there."""
        group = self._group_of(key)
        keys = self._keys_of(group)
        place = bisect_left(keys, key)
        return group * GROUP_ROWS + place if keys[place : place + 1] == [key] else None

    def position(self, key: bytes) -> int:
        """How many keys are lower than this one."""
        group = self._group_of(key)
        return group * GROUP_ROWS + bisect_left(self._keys_of(group), key)

    def part(self, start: int, stop: int) -> list[bytes]:
        """The keys at some places."""
        return part_of_groups(self._groups, _decode_keys, start, stop)

    def _group_of(self, key: bytes) -> int:
        """The last group whose first key is not higher; the first one if there is none."""
        if self._firsts:
            return max(bisect_right(self._firsts, key) - 1, 0)
        numbers = range(len(self._groups))
        self._looks += 1
        if self._looks > LOOKS_FEW:
            self._firsts = [self._first(group) for group in numbers]
        return max(bisect_right(numbers, key, key=self._first) - 1, 0)

    def _first(self, group: int) -> bytes:
        first = self._found.get(group)
        if first is None:
            first = self._found[group] = _decode_keys(self._groups[group])[0]
        return first

    def _keys_of(self, group: int) -> list[bytes]:
        if group != self._at:
            self._keys = _decode_keys(self._groups[group])
            self._at = group
        return self._keys

    def __len__(self) -> int:
        return self._count


class FixedKeys:
    """Keys of one size, one after the other."""

    __slots__ = ("_joined", "_size")

    def __init__(self, joined: bytes, size: int) -> None:
        self._joined = joined
        self._size = size

    def find(self, key: bytes) -> int | None:
        """The place of a key; None when it is not there."""
        return self.beginning_with(key) if len(key) == self._size else None

    def beginning_with(self, prefix: bytes) -> int | None:
        """The place of the first key with a prefix; None when there is none."""
        size, at = self._size, self._joined.find(prefix)
        while at >= 0 and at % size:
            at = self._joined.find(prefix, at + 1)
        return at // size if at >= 0 else None

    def position(self, key: bytes) -> int:
        """How many keys are lower than this one."""
        return bisect_left(range(len(self)), key, key=self._at)

    def part(self, start: int, stop: int) -> list[bytes]:
        """The keys at some places."""
        return [self._at(place) for place in range(start, min(stop, len(self)))]

    def _at(self, place: int) -> bytes:
        return self._joined[place * self._size : (place + 1) * self._size]

    def __len__(self) -> int:
        return len(self._joined) // self._size


class CountedKeys:
    """Numbers of 8 bytes, as runs in which each is one more than the one before."""

    __slots__ = ("_firsts", "_offsets")

    def __init__(self, runs: Sequence[int]) -> None:
        """From the gap in front of each run and its length, in turn."""
        ends = list(accumulate(runs))  # gaps and lengths alike lead to the next number
        self._firsts = ends[0::2]
        self._offsets = [0, *accumulate(runs[1::2])]

    @staticmethod
    def runs(keys: Sequence[bytes]) -> list[int]:
        """What keys are stored as: the gap in front of each run, and its length, in turn."""
        found, expected = [0, 0], 0
        for number in map(_number_of, keys):
            if number != expected:
                found += (number - expected, 0)
            found[-1] += 1
            expected = number + 1
        return found

    def find(self, key: bytes) -> int | None:
        """The place of a key; None when it is not there."""
        if len(key) != _NUMBER.size:
            return None
        place, found = self._look_up(_number_of(key))
        return place if found else None

    def position(self, key: bytes) -> int:
        """How many keys are lower than this one."""
        number = _number_of(key[: _NUMBER.size].ljust(_NUMBER.size, b"\0"))
        place, found = self._look_up(number)
        return place + (found and len(key) > _NUMBER.size)

    def part(self, start: int, stop: int) -> list[bytes]:
        """The keys at some places."""
        keys: list[bytes] = []
        begin = max(bisect_right(self._offsets, start) - 1, 0)
        for run in range(begin, len(self._firsts)):
            offset, end = self._offsets[run : run + 2]
            if offset >= stop:
                break
            inside = range(max(start, offset) - offset, min(stop, end) - offset)
            keys += [_NUMBER.pack(self._firsts[run] + place) for place in inside]
        return keys

    def _look_up(self, number: int) -> tuple[int, bool]:
        """How many are lower than a number, and whether it is one of them itself."""
        run = bisect_right(self._firsts, number) - 1
        if run < 0:
            return 0, False
        beyond = number - self._firsts[run]
        length = self._offsets[run + 1] - self._offsets[run]
        return self._offsets[run] + min(beyond, length), beyond < length

    def __len__(self) -> int:
        return self._offsets[-1]


def groups_of(items: Sequence[Item]) -> list[Sequence[Item]]:
    """Items in groups, the last of which may be shorter."""
    return [items[at : at + GROUP_ROWS] for at in range(0, len(items), GROUP_ROWS)]


def part_of_groups(
    groups: Sequence[msgspec.Raw],
    decode: Callable[[msgspec.Raw], list[Item]],
    start: int,
    stop: int,
) -> list[Item]:
    """The items at some places of encoded groups. Raises msgspec.MsgspecError."""
    first = start // GROUP_ROWS
    found: list[Item] = []
    for group in groups[first : -(-stop // GROUP_ROWS)]:
        found += decode(group)
    return found[start - first * GROUP_ROWS : stop - first * GROUP_ROWS]


def group_at(groups: Sequence[msgspec.Raw], place: int) -> tuple[int, msgspec.Raw]:
    """The encoded group that has the item at a place, and the place of its first item."""
    number = place // GROUP_ROWS
    return number * GROUP_ROWS, groups[number]


def _number_of(key: bytes) -> int:
    return int.from_bytes(key)
