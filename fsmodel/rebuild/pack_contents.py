"""First pass: every frame of every pack becomes a row of the new index.

Memory: one window of one pack, an id for each root, and what is damaged.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from fsmodel.encoding.codecs import Codec
from fsmodel.errors import BackendError, DataError
from fsmodel.ids import ObjectId, PackId
from fsmodel.rebuild.bulk import Bulk
from fsmodel.store.group_rows import rows_of_group
from fsmodel.store.layout import StoreLayout
from fsmodel.store.pack_format import Frame, Location, ObjectKind
from fsmodel.store.pack_scan import Damage, FoundFrame, scan_pack
from lmdb_index.keys import number_key
from lmdb_index.records import ObjectRecord, PackRecord, PackState, RawRecord
from lmdb_index.schema import OBJECT, PACK, UNTRIED

DAMAGE_TOLD_MAX: Final = 1_000  # places; beyond that only their number is told

Report = Callable[[int, int, str], None]  # how much is done, of how much if known, of what


@dataclass(slots=True)
class PackContents:
    """What the packs hold."""

    packs: list[PackId]
    frames: int = 0
    roots: list[ObjectId] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)  # in words; the first DAMAGE_TOLD_MAX
    damaged_places: int = 0
    damaged_objects: dict[ObjectId, Location] = field(default_factory=dict)


def read_packs(layout: StoreLayout, store: bytes, bulk: Bulk, report: Report) -> PackContents:
    """Give every object a row without references, and every pack one.

    Raises BackendError when the folder of packs cannot be read. A pack that cannot be read counts
    as damaged.
    """
    contents = PackContents(sorted(layout.pack_numbers()))
    for done, pack in enumerate(contents.packs):
        report(done, len(contents.packs), "packs read")
        bulk.put(PACK, number_key(pack), PackRecord(PackState.OPEN))
        untried = False
        for found in _scanned(layout, store, pack):
            if isinstance(found, Damage):
                _note_damage(contents, found)
            else:
                _add_frame(contents, bulk, found)
                untried = untried or _may_be_untried(found.frame)
        if untried:
            bulk.put(UNTRIED, number_key(pack), RawRecord())
    bulk.commit()
    return contents


def _scanned(layout: StoreLayout, store: bytes, pack: PackId) -> Iterator[FoundFrame | Damage]:
    try:
        yield from scan_pack(layout, store, pack)
    except BackendError as error:
        yield Damage(pack, 0, layout.pack_size(pack) or 0, str(error))


def _note_damage(contents: PackContents, found: Damage) -> None:
    contents.damaged_places += 1
    if contents.damaged_places <= DAMAGE_TOLD_MAX:
        contents.damage.append(
            f"pack {found.pack:016x}, bytes {found.start} to {found.end}: {found.reason}"
        )
    if found.object_id is not None:
        place = Location(found.pack, found.start, found.end - found.start)
        contents.damaged_objects[found.object_id] = place


def _add_frame(contents: PackContents, bulk: Bulk, found: FoundFrame) -> None:
    """Give every object of a frame its row."""
    contents.frames += 1
    location, frame = found
    if frame.kind is not ObjectKind.GROUP:
        _add_object(contents, bulk, frame.id, row_of_frame(frame, location))
        return
    try:
        rows = rows_of_group(frame, location)
    except DataError as error:
        end = location.offset + location.stored
        _note_damage(contents, Damage(location.pack, location.offset, end, str(error)))
        return
    for each, row in rows:
        _add_object(contents, bulk, each, row)


def _may_be_untried(frame: Frame) -> bool:
    """Whether nobody may have tried to compress it: its pack does not say, only an index does."""
    return frame.kind is ObjectKind.CHUNK and frame.codec is Codec.RAW


def _add_object(contents: PackContents, bulk: Bulk, found: ObjectId, row: ObjectRecord) -> None:
    """Of several frames of one object the newest counts; one that needs no base comes first."""
    former = bulk.index.get(OBJECT, found)
    if former is None and row.kind == ObjectKind.ROOT:
        contents.roots.append(found)
    if former is None or not row.base or former.base:
        bulk.put(OBJECT, found, row)


def row_of_frame(frame: Frame, place: Location) -> ObjectRecord:
    """The row of an object that has a frame of its own, without references."""
    return ObjectRecord(
        kind=frame.kind,
        codec=frame.codec,
        pack=place.pack,
        offset=place.offset,
        stored=place.stored,
        plain=frame.plain_size,
        base=frame.base or b"",
    )
