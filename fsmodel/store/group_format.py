"""Groups: several objects in one frame, compressed together.

Objects that are small, or resemble each other, compress far better as one: a frame of its own
costs each 64 bytes and what its neighbours have in common. To read one, all are decoded, so groups
are kept small.

The plain bytes of a group (little-endian): header, kinds, sizes, then the members' bytes without
gaps. Ids are not stored, as they can be taken from the bytes; so a member can have no wrong one.

    0  version  u8                              4  members  u32
    1  level    u8, of zstd; how it was made    8  kinds    u8 each, then sizes, u32 each
    2  zero     u16

A member's share of the frame is one byte, and a part of all others by its size plus one; the
shares add up exactly, whoever computes them.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from struct import Struct, unpack_from
from typing import Final, NamedTuple

from fsmodel.buffers import Buffer
from fsmodel.encoding.codecs import decode, encode_solid
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import FrameCorrupt
from fsmodel.store.pack_format import Frame, NewFrame, ObjectKind, encode_frame

GROUP_HEADER: Final = Struct("<BBHI")
assert GROUP_HEADER.size == 8  # docs/on-disk-format.md says the same, and a test compares them
GROUP_VERSION: Final = 1
GROUP_MEMBERS_MAX: Final = 1024
GROUP_BYTES_MAX: Final = 2 << 20  # plain, header and table included
MEMBER_KINDS: Final = frozenset(ObjectKind) - {ObjectKind.GROUP}
_ENTRY_BYTES: Final = 5  # of the table, for each member


class Member(NamedTuple):
    """One object of a group."""

    kind: ObjectKind
    data: bytes


def group_bytes(sizes: Sequence[int]) -> int:
    """Plain bytes of a group with members of these sizes."""
    return GROUP_HEADER.size + _ENTRY_BYTES * len(sizes) + sum(sizes)


def encode_members(members: Sequence[tuple[ObjectKind, Buffer]], level: int) -> bytes:
    """The plain bytes of a group that is going to be compressed at this level."""
    sizes = [len(data) for _, data in members]
    assert 0 < len(members) <= GROUP_MEMBERS_MAX
    assert group_bytes(sizes) <= GROUP_BYTES_MAX
    return b"".join(
        (
            GROUP_HEADER.pack(GROUP_VERSION, level, 0, len(members)),
            bytes(kind for kind, _ in members),
            Struct(f"<{len(sizes)}I").pack(*sizes),
            *(data for _, data in members),
        )
    )


def decode_members(plain: bytes, place: object) -> list[Member]:
    """The members of a group, in order. `place` names it in errors. Raises FrameCorrupt."""
    start = table_end(plain, place)
    table = decode_table(plain[:start], len(plain), place)
    ends = accumulate((size for _, size in table), initial=start)
    return [
        Member(kind, plain[low:high])
        for (kind, _), (low, high) in zip(table, pairwise(ends), strict=True)
    ]


def table_end(start: bytes, place: object) -> int:
    """Where a group's table ends, by the first bytes of the group. Raises FrameCorrupt."""
    if len(start) < GROUP_HEADER.size:
        raise FrameCorrupt(str(place), f"{len(start)} bytes cannot hold a group")
    version, _, zero, count = GROUP_HEADER.unpack_from(start)
    if (version, zero) != (GROUP_VERSION, 0) or not 0 < count <= GROUP_MEMBERS_MAX:
        raise FrameCorrupt(str(place), f"a group of version {version} with {count} members")
    return GROUP_HEADER.size + _ENTRY_BYTES * int(count)


def decode_table(start: bytes, size: int, place: object) -> list[tuple[ObjectKind, int]]:
    """Kind and bytes of each member of a group of so many bytes, by all in front of the first.

    Raises FrameCorrupt.
    """
    end = table_end(start, place)
    count = (end - GROUP_HEADER.size) // _ENTRY_BYTES
    if len(start) < end:
        raise FrameCorrupt(str(place), f"{len(start)} bytes cannot hold {count} members")
    kinds = start[GROUP_HEADER.size : GROUP_HEADER.size + count]
    sizes = unpack_from(f"<{count}I", start, GROUP_HEADER.size + count)
    if group_bytes(sizes) != size:
        raise FrameCorrupt(str(place), f"a group's table speaks of {group_bytes(sizes)} bytes")
    if not MEMBER_KINDS.issuperset(kinds):
        raise FrameCorrupt(str(place), f"a group of kinds {sorted(set(kinds))}")
    return list(zip(map(ObjectKind, kinds), sizes, strict=True))


def level_of_group(plain: bytes) -> int:
    """The zstd level a group was compressed at; of bytes that `decode_members` has accepted."""
    return plain[1]


def encode_group(members: Sequence[tuple[ObjectKind, Buffer]], level: int) -> NewFrame:
    """The frame of a group. Raises ValueError for a level zstd does not have."""
    plain = encode_members(members, level)
    codec, payload = encode_solid(plain, level)
    return encode_frame(ObjectKind.GROUP, codec, len(plain), object_id(plain), payload)


def read_members(frame: Frame, place: object) -> list[Member]:
    """The members of a group's frame. Raises FrameCorrupt, CompressionError.

    Memory is never taken for more than a group may hold, whatever the frame declares.
    """
    members = decode_members(plain_group(frame, place), place)
    if len(members) > frame.size:
        raise FrameCorrupt(str(place), f"{len(members)} members in {frame.size} bytes")
    return members


def plain_group(frame: Frame, place: object) -> bytes:
    """The plain bytes of a group's frame. Raises FrameCorrupt, CompressionError."""
    require_group(frame, place)
    return decode(frame.codec, frame.payload, frame.plain_size, object_id=frame.id)


def require_group(frame: Frame, place: object) -> None:
    """Raise FrameCorrupt unless a frame is that of a group, of no more bytes than one may have."""
    if frame.kind is not ObjectKind.GROUP or frame.base is not None:
        raise FrameCorrupt(str(place), "the index speaks of a group, but none is there")
    if frame.plain_size > GROUP_BYTES_MAX:
        raise FrameCorrupt(str(place), f"a group of {frame.plain_size} bytes")


def shares(frame_bytes: int, sizes: Sequence[int]) -> list[int]:
    """How many bytes of a group's frame count as each member's, in order; all of them together."""
    assert frame_bytes >= len(sizes) > 0
    parts = frame_bytes - len(sizes)
    whole = sum(sizes) + len(sizes)
    ends = accumulate((size + 1 for size in sizes), initial=0)
    cuts = [parts * end // whole for end in ends]
    return [1 + high - low for low, high in pairwise(cuts)]
