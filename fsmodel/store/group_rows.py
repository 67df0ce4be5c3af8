"""The rows of the members of a group: where each is, and what share of the frame it has."""

from collections.abc import Iterable

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ObjectId
from fsmodel.store.group_format import read_members, shares
from fsmodel.store.pack_format import Frame, Location, ObjectKind
from lmdb_index.records import ObjectRecord


def member_rows(
    members: Iterable[tuple[ObjectKind, int]], location: Location
) -> list[ObjectRecord]:
    """Rows of a group's members, given the kind and size of each, in order."""
    facts = list(members)
    parts = shares(location.stored, [size for _, size in facts])
    return [
        ObjectRecord(
            kind=kind,
            codec=Codec.GROUP,
            pack=location.pack,
            offset=location.offset,
            stored=part,
            plain=size,
            frame=location.stored,
            member=number,
        )
        for number, ((kind, size), part) in enumerate(zip(facts, parts, strict=True))
    ]


def rows_of_group(frame: Frame, location: Location) -> list[tuple[ObjectId, ObjectRecord]]:
    """Every member of a group's frame with its row. Raises FrameCorrupt, CompressionError."""
    members = read_members(frame, location)
    rows = member_rows(((member.kind, len(member.data)) for member in members), location)
    return [(object_id(member.data), row) for member, row in zip(members, rows, strict=True)]
