"""How rows change when objects are removed or their frames moved; each in the caller's change.

Every frame a row stops pointing at is dead, and is counted in its pack's row (PackRecord.dead).
"""

from fsmodel.change import Change
from fsmodel.content.content_ref import chunk_ref, manifest_ref
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import Location
from lmdb_index.keys import number_key
from lmdb_index.records import ObjectRecord, PackRecord, PackState
from lmdb_index.schema import DAMAGED, DIGEST, OBJECT, PACK, UNREFERENCED


def remove_object(change: Change, objects: ObjectStore, unwanted: ObjectId) -> ObjectRecord:
    """Delete the rows of an object nothing names; its base loses a reference."""
    operation = change.operation
    record = operation.get(OBJECT, unwanted)
    assert record is not None and record.references == 0
    operation.delete(OBJECT, unwanted)
    operation.delete(UNREFERENCED, unwanted)
    operation.delete(DAMAGED, unwanted)
    for ref in (chunk_ref(unwanted), manifest_ref(unwanted)):
        operation.delete(DIGEST, ref)
    operation.add("garbage_bytes", -record.stored)
    if record.base:
        objects.drop_reference(change, ObjectId(record.base))
    return record


def move_object(change: Change, moved: ObjectId, former: Location, place: Location) -> bool:
    """Let a row point at a copy of its frame; False when it does not point at the original."""
    record = change.operation.get(OBJECT, moved)
    if record is None or not lies_at(record, former):
        return False
    record.pack, record.offset = place.pack, place.offset
    change.operation.put(OBJECT, moved, record)
    return True


def location_of(record: ObjectRecord) -> Location:
    """Where a row says that an object's frame lies."""
    return Location(PackId(record.pack), record.offset, record.stored)


def lies_at(record: ObjectRecord, place: Location) -> bool:
    """Whether a row points at a place."""
    return (record.pack, record.offset) == (place.pack, place.offset)


def ensure_pack_row(change: Change, pack: int) -> None:
    """A pack that objects lie in has a row."""
    key = number_key(pack)
    if change.operation.get(PACK, key) is None:
        change.operation.put(PACK, key, PackRecord(PackState.OPEN))
