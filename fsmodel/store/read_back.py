"""What was written anew is read back before rows point at it: the original goes after that."""

from collections.abc import Sequence

from fsmodel.encoding.codecs import decode
from fsmodel.encoding.hashing import object_id
from fsmodel.errors import HashMismatch
from fsmodel.ids import ObjectId
from fsmodel.store.group_format import read_members
from fsmodel.store.pack_format import Location
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.placement import is_in_group, placement_of
from lmdb_index.records import ObjectRecord


def require_stored(
    reader: PackReader, objects: Sequence[ObjectId], records: Sequence[ObjectRecord]
) -> None:
    """Raise DataError unless every object can be read from where its record says.

    For objects that need no base. Any thread may call it.
    """
    group: Location | None = None
    members: list[ObjectId] = []
    for wanted, record in zip(objects, records, strict=True):
        location = placement_of(record).location
        if not is_in_group(record):
            frame = reader.read_frame(location, wanted)
            found = object_id(decode(frame.codec, frame.payload, record.plain, object_id=wanted))
        else:
            if group != location:
                group = location
                frame = reader.read_frame(location, None)
                members = [object_id(each.data) for each in read_members(frame, location)]
            found = members[record.member]
        if found != wanted:
            raise HashMismatch(wanted, str(location))
