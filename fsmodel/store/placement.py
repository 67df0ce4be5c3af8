"""Where an object lies: in a frame of its own, or with others in the frame of a group.

A member of a group takes a share of its frame; the shares of all members add up to the frame. So
bytes in use, garbage and dead bytes are counted alike for both, and a group is dead when the
shares of all its members are.
"""

from typing import NamedTuple

from fsmodel.encoding.codecs import Codec
from fsmodel.ids import PackId
from fsmodel.store.pack_format import Location
from lmdb_index.records import ObjectRecord


class Placement(NamedTuple):
    """The place of one object."""

    pack: PackId
    offset: int  # of the frame
    stored: int  # bytes of the pack that count as the object's: its frame, or its share of one
    frame: int = 0  # bytes of the group's frame; 0 when the object is in no group
    member: int = 0  # its number in the group

    @property
    def location(self) -> Location:
        """The frame to be read for the object."""
        return Location(self.pack, self.offset, self.frame or self.stored)


def placement_of(record: ObjectRecord) -> Placement:
    """Where a row says that its object lies."""
    return Placement(PackId(record.pack), record.offset, record.stored, record.frame, record.member)


def lies_at(record: ObjectRecord, place: Placement | Location) -> bool:
    """Whether a row points into a frame. No frame holds an object twice."""
    return (record.pack, record.offset) == (place.pack, place.offset)


def is_in_group(record: ObjectRecord) -> bool:
    """Whether an object shares its frame with others."""
    return record.codec == Codec.GROUP
