"""How rows change when objects are removed or moved; each in the caller's change.

Every frame a row stops pointing at is dead, and is counted in its pack's row (PackRecord.dead).
"""

from msgspec.structs import replace

from fsmodel.change import Change
from fsmodel.content.content_ref import chunk_ref, manifest_ref
from fsmodel.content.digest_rows import forget_digest
from fsmodel.encoding.codecs import Codec
from fsmodel.ids import ObjectId
from fsmodel.store.objects import ObjectStore
from fsmodel.store.placement import Placement, lies_at
from lmdb_index.keys import number_key
from lmdb_index.records import ObjectRecord, PackRecord, PackState
from lmdb_index.schema import DAMAGED, OBJECT, PACK, UNREFERENCED


def remove_object(change: Change, objects: ObjectStore, unwanted: ObjectId) -> ObjectRecord:
    """Delete the rows of an object nothing names; its base loses a reference."""
    operation = change.operation
    record = operation.get(OBJECT, unwanted)
    assert record is not None and record.references == 0
    operation.delete(OBJECT, unwanted)
    operation.delete(UNREFERENCED, unwanted)
    operation.delete(DAMAGED, unwanted)
    for ref in (chunk_ref(unwanted), manifest_ref(unwanted)):
        forget_digest(operation, ref)
    operation.add("garbage_bytes", -record.stored)
    if record.base:
        objects.drop_reference(change, ObjectId(record.base))
    return record


def move_object(
    change: Change, moved: ObjectId, former: Placement, place: Placement, codec: Codec
) -> bool:
    """Let a row point at a copy of its object; False when it does not point at the original."""
    record = change.operation.get(OBJECT, moved)
    if record is None or not lies_at(record, former):
        return False
    counter = "stored_bytes" if record.references else "garbage_bytes"
    change.operation.add(counter, place.stored - record.stored)
    change.operation.put(OBJECT, moved, moved_record(record, place, codec))
    return True


def moved_record(record: ObjectRecord, place: Placement, codec: Codec) -> ObjectRecord:
    """A row as it is after its object was copied; it needs the base it needed before, or none."""
    assert not (record.base and codec is not Codec.DELTA)
    return replace(record, codec=codec, **place._asdict())


def ensure_pack_row(change: Change, pack: int) -> None:
    """A pack that objects lie in has a row."""
    key = number_key(pack)
    if change.operation.get(PACK, key) is None:
        change.operation.put(PACK, key, PackRecord(PackState.OPEN))
