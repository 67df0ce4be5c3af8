"""Groups that objects are being taken out of: decoded as far as somebody wanted, and no further.

A group is up to 2 MiB, and to decode all of it costs ten times as much as an object by itself. So
it is decoded up to the end of the member that is wanted, and goes on from there when a later one
is: as a folder that was archived is read, neighbour by neighbour. Only the member that is wanted is
hashed, which whoever asks for it does.

Memory: a number of groups by the size of the cache of chunks, the least recently used leaving
first; each takes up to 2 MiB for its members, and as much again for the decoder until the last is
decoded. Without a cache none stays.
"""

from collections import OrderedDict
from threading import Lock
from typing import Final

from fsmodel.buffers import Buffer
from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.zstd_frames import FrameProblem, GradualFrame
from fsmodel.errors import CompressionError, FrameCorrupt
from fsmodel.store.group_format import GROUP_HEADER, decode_table, require_group, table_end
from fsmodel.store.pack_format import Frame, Location

GROUPS_MAX: Final = 8
CACHE_BYTES_EACH: Final = 8 << 20  # so that a cache of the usual size goes with all of them


def groups_within(cache_bytes: int) -> int:
    """How many groups may stay open beside a cache of chunks."""
    return min(GROUPS_MAX, -(-cache_bytes // CACHE_BYTES_EACH))


class OpenGroup:
    """One group. Any thread may use it."""

    def __init__(self, frame: Frame, place: Location) -> None:
        """Decode the table of a group's frame. Raises FrameCorrupt, CompressionError."""
        require_group(frame, place)
        self._place = place
        self._frame_id = frame.id
        self._lock = Lock()
        self._members: list[bytes] = []
        try:
            self._rest: GradualFrame | _Plain | None = _rest_of(frame)
            self._sizes = self._read_table(self._rest, frame)
        except FrameProblem as problem:
            raise CompressionError(frame.id, str(problem)) from problem

    def __len__(self) -> int:
        return len(self._sizes)

    def decoded(self, number: int) -> bytes | None:
        """A member, not verified, if it is decoded already; else None. Never waits."""
        members = self._members
        return members[number] if number < len(members) else None

    def member(self, number: int) -> bytes:
        """A member, not verified. Raises FrameCorrupt when there is none, CompressionError."""
        if number >= len(self._sizes):
            raise FrameCorrupt(
                str(self._place), f"the index names member {number} of {len(self._sizes)}"
            )
        with self._lock:
            while len(self._members) <= number:
                self._decode_next()
            return self._members[number]

    def _decode_next(self) -> None:
        """Decode one more member. The lock is held."""
        if self._rest is None:
            raise CompressionError(self._frame_id, "it could not be decoded before")
        rest, self._rest = self._rest, None
        try:
            self._members.append(rest.take(self._sizes[len(self._members)]))
        except FrameProblem as problem:
            raise CompressionError(self._frame_id, str(problem)) from problem
        if len(self._members) < len(self._sizes):
            self._rest = rest

    def _read_table(self, rest: "GradualFrame | _Plain", frame: Frame) -> list[int]:
        start = rest.take(min(GROUP_HEADER.size, frame.plain_size))
        end = min(table_end(start, self._place), frame.plain_size)
        start += rest.take(end - len(start))
        table = decode_table(start, frame.plain_size, self._place)
        if len(table) > frame.size:
            raise FrameCorrupt(str(self._place), f"{len(table)} members in {frame.size} bytes")
        return [size for _, size in table]


class OpenGroups:
    """The groups used last, by their place. Any thread may use it."""

    def __init__(self, groups_max: int = GROUPS_MAX) -> None:
        self._groups_max = groups_max
        self._groups: OrderedDict[Location, OpenGroup] = OrderedDict()
        self._lock = Lock()

    def find(self, place: Location) -> OpenGroup | None:
        """The group that lies there if it is open, as the one most recently used."""
        with self._lock:
            group = self._groups.get(place)
            if group is not None:
                self._groups.move_to_end(place)
            return group

    def keep(self, place: Location, group: OpenGroup) -> None:
        """Keep a group that was opened."""
        with self._lock:
            self._groups[place] = group
            self._groups.move_to_end(place)
            if len(self._groups) > self._groups_max:
                self._groups.popitem(last=False)

    def drop(self, place: Location) -> None:
        """Let go of a group that turned out to be damaged."""
        with self._lock:
            self._groups.pop(place, None)


class _Plain:
    """Bytes that are stored as they are, taken bit by bit as a GradualFrame is."""

    def __init__(self, payload: Buffer) -> None:
        self._payload = memoryview(payload)

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        taken, self._payload = self._payload[:size], self._payload[size:]
        return bytes(taken)


def _rest_of(frame: Frame) -> "GradualFrame | _Plain":
    """All of a group, to be taken bit by bit. Raises FrameProblem."""
    if frame.codec is Codec.RAW:
        return _Plain(frame.payload)
    return GradualFrame(frame.payload, frame.plain_size)
