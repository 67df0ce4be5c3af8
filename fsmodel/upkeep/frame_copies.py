"""Copying what is live in a pack: frames as they are, and groups without their dead members.

Payloads are copied as they are; only the checksums, which depend on the pack, are made anew, and
the frame is verified on the way. A group all of whose members are live is such a frame. Of others
the live members are taken out and become groups again, those of several together, compressed as
hard as they were; what was written is read back before anybody relies on it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import CompressionError, DataError, FrameCorrupt, HashMismatch
from fsmodel.ids import ObjectId
from fsmodel.store.drafts import NewObject
from fsmodel.store.group_format import (
    GROUP_BYTES_MAX,
    Member,
    decode_members,
    level_of_group,
    plain_group,
)
from fsmodel.store.group_writer import SMALL_GROUP_BYTES, GroupLimits, append_grouped
from fsmodel.store.pack_format import Frame, NewFrame, encode_frame
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_walk import PlacedObject
from fsmodel.store.pack_writer import PackWriter
from fsmodel.store.placement import Placement, placement_of
from fsmodel.store.read_back import require_stored
from fsmodel.upkeep.damage import Unreadable

COPY_BYTES: Final = 4 << 20  # of frames, in memory at once
OPENED_GROUPS_MAX: Final = 8  # taken apart at once; each may have GROUP_BYTES_MAX

Together = tuple[PlacedObject, ...]  # what is live in one frame


class Copy(NamedTuple):
    """An object, where it was, and where and how its copy is held."""

    id: ObjectId
    former: Placement
    place: Placement
    codec: Codec


class Copied(NamedTuple):
    """What became of some objects."""

    copies: list[Copy]
    damaged: list[Unreadable]


@dataclass(frozen=True, slots=True)
class Lot:
    """What is copied at once."""

    whole: tuple[Together, ...]  # frames in which everything is live
    opened: tuple[Together, ...] = ()  # groups with dead members

    @property
    def work_bytes(self) -> int:
        """About how many bytes copying it goes through."""
        frames = sum(together[0].place.location.stored for together in self.whole)
        return frames + GROUP_BYTES_MAX * len(self.opened)


def lots_of(live: Iterable[PlacedObject]) -> Iterator[Lot]:
    """Live objects of one pack, as much at a time as fits into memory."""
    ordered = sorted(live, key=lambda each: (each.place.offset, each.place.member))
    whole: list[Together] = []
    opened: list[Together] = []
    size = 0
    for _, found in groupby(ordered, key=lambda each: each.place.offset):
        together = tuple(found)
        location = together[0].place.location
        if location.stored != sum(each.place.stored for each in together):
            opened.append(together)
            continue
        if whole and size + location.stored > COPY_BYTES:
            yield Lot(tuple(whole))
            whole, size = [], 0
        whole.append(together)
        size += location.stored
    if whole:
        yield Lot(tuple(whole))
    for start in range(0, len(opened), OPENED_GROUPS_MAX):
        yield Lot((), tuple(opened[start : start + OPENED_GROUPS_MAX]))


def copy_lot(reader: PackReader, writer: PackWriter, lot: Lot) -> Copied:
    """Append copies. Any thread may call it. Raises NoSpace, BackendError, DataError."""
    copied = Copied([], [])
    _copy_whole(reader, writer, lot.whole, copied)
    _copy_opened(reader, writer, lot.opened, copied)
    return copied


def _copy_whole(
    reader: PackReader, writer: PackWriter, frames: Sequence[Together], copied: Copied
) -> None:
    sources: list[tuple[Together, Frame]] = []
    for together in frames:
        try:
            sources.append((together, _read(reader, together)))
        except FrameCorrupt as error:
            copied.damaged.extend(_all_unreadable(together, error))
    places = writer.append([_copy_of(frame) for _, frame in sources])
    for (together, frame), location in zip(sources, places, strict=True):
        for each in together:
            place = each.place._replace(pack=location.pack, offset=location.offset)
            if not place.frame:
                place = place._replace(stored=location.stored)
            codec = Codec.GROUP if place.frame else frame.codec
            copied.copies.append(Copy(each.id, each.place, place, codec))


def _copy_of(frame: Frame) -> NewFrame:
    facts = frame.kind, frame.codec, frame.plain_size, frame.id
    return encode_frame(*facts, frame.payload, base=frame.base)


def _copy_opened(
    reader: PackReader, writer: PackWriter, groups: Sequence[Together], copied: Copied
) -> None:
    """Make new groups of what is live, for each level that the old ones were compressed at."""
    taken: dict[int, list[tuple[PlacedObject, NewObject]]] = defaultdict(list)
    largest = SMALL_GROUP_BYTES
    for together in groups:
        try:
            plain = plain_group(_read(reader, together), together[0].place.location)
            members = decode_members(plain, together[0].place.location)
        except (FrameCorrupt, CompressionError) as error:
            copied.damaged.extend(_all_unreadable(together, error))
            continue
        largest = max(largest, len(plain))
        taken[level_of_group(plain)] += _taken_out(together, members, copied)
    for level, sources in taken.items():
        new = [member for _, member in sources]
        records = append_grouped(writer, new, GroupLimits(level, largest))
        require_stored(reader, [each.id for each in new], records)
        for (source, _), record in zip(sources, records, strict=True):
            place, codec = placement_of(record), Codec(record.codec)
            copied.copies.append(Copy(source.id, source.place, place, codec))


def _taken_out(
    together: Together, members: Sequence[Member], copied: Copied
) -> Iterator[tuple[PlacedObject, NewObject]]:
    """The live members of a group, verified."""
    for each in together:
        member = members[each.place.member] if each.place.member < len(members) else None
        if member is None or object_id(member.data) != each.id:
            location = each.place.location
            copied.damaged.append(
                Unreadable(each.id, location, HashMismatch(each.id, str(location)))
            )
        else:
            yield each, NewObject(member.kind, each.id, member.data)


def _read(reader: PackReader, together: Together) -> Frame:
    first = together[0]
    return reader.read_frame(first.place.location, None if first.place.frame else first.id)


def _all_unreadable(together: Together, error: DataError) -> list[Unreadable]:
    return [Unreadable(each.id, each.place.location, error) for each in together]
