"""How much of each pack is in use.

A pack that no object can come to lie in any more is *sealed*: its size and its dead bytes are
derived once, from its frames and the rows of their objects, and kept in its row. From then on dead
bytes are counted as they become dead. What a killed run appended and never named is among them,
and so is a torn tail. A group's frame is in use by the shares of its members that are.

A pack that still holds objects without a row (of a file being written) is measured, not sealed.
Memory: the objects of one stretch of one pack.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final

from fsmodel.change import Changes
from fsmodel.ids import ObjectId, PackId
from fsmodel.steps import PAUSE, Steps, Work
from fsmodel.store.layout import StoreLayout
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import PACK_HEADER
from fsmodel.store.pack_walk import WALK_START, PlacedObject, Walked, walk_pack
from fsmodel.store.placement import lies_at, placement_of
from lmdb_index.index import Index
from lmdb_index.keys import after_prefix, number_key, number_of
from lmdb_index.records import ObjectRecord, PackRecord, PackState
from lmdb_index.schema import OBJECT, PACK

STRETCH_OBJECTS: Final = 1024  # looked up at once: about 5 ms
STRETCH_ROWS: Final = 2048
HOP_BYTES: Final = 1 << 20  # reading headers waits for the disk, so a worker does it


@dataclass(frozen=True, slots=True)
class PackUsage:
    """A pack and how much of it is in use."""

    pack: PackId
    size_bytes: int  # of the file
    dead_bytes: int
    stuck_bytes: int = 0  # of frames that are needed, yet damaged, so that they cannot be copied

    @property
    def live_bytes(self) -> int:
        """Bytes of frames that objects need."""
        return max(self.size_bytes - PACK_HEADER.size, 0) - self.dead_bytes

    @property
    def waste_ratio(self) -> float:
        """Dead bytes as a share of all."""
        return self.dead_bytes / max(self.size_bytes - PACK_HEADER.size, 1)


class PackSurvey:
    """Finds out about packs. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        changes: Changes,
        objects: ObjectStore,
        layout: StoreLayout,
        store: bytes,
    ) -> None:
        self._index = index
        self._changes = changes
        self._objects = objects
        self._layout = layout
        self._store = store

    def usages(self, below: PackId, *, seal: bool) -> Steps[list[PackUsage]]:
        """Every pack with a smaller number that is not retired, in order; none may grow any more.

        With `seal` what is found is kept in the rows; these packs must be durable then. Raises
        BackendError, NoSpace.
        """
        assert below <= self._objects.growing_from
        usages = []
        known = {number_of(key): row for key, row in self._index.scan(PACK)}
        for number in sorted({*known, *self._layout.pack_numbers()}):
            row = known.get(number, PackRecord(PackState.OPEN))
            if row.state == PackState.SEALED:
                usages.append(PackUsage(PackId(number), row.size, row.dead))
            elif row.state == PackState.OPEN and number < below:
                usage = yield from self.measure(PackId(number), seal=seal)
                usages += [usage] if usage is not None else []
        return usages

    def measure(self, pack: PackId, *, seal: bool) -> Steps[PackUsage | None]:
        """Derive the usage of a pack that grows no more; None if it is missing and needed."""
        assert pack < self._objects.growing_from
        while True:
            before = self._dead(pack)
            live = yield from self._live_bytes(pack)
            size = self._layout.pack_size(pack)
            if size is None and live:
                return None
            if self._dead(pack) == before:  # else an object has left it meanwhile: count again
                break
        usage = PackUsage(pack, size or 0, max((size or 0) - PACK_HEADER.size, 0) - live)
        if seal and not self._has_unrecorded(pack):
            with self._changes.begin() as change:
                row = PackRecord(PackState.SEALED, usage.size_bytes, usage.dead_bytes)
                change.operation.put(PACK, number_key(pack), row)
        return usage

    def size_of(self, pack: PackId) -> int:
        """Bytes of a pack's file; 0 when it is missing."""
        return self._layout.pack_size(pack) or 0

    def walk(self, pack: PackId, start: int) -> Steps[Walked]:
        """The objects of a stretch of a pack, as pack_walk.py tells them. Raises BackendError."""
        reading = partial(walk_pack, self._layout, self._store, pack, start, STRETCH_OBJECTS)
        walked: Walked = yield Work(reading, HOP_BYTES)
        return walked

    def live(self, found: Iterable[PlacedObject]) -> list[PlacedObject]:
        """Those objects that are read from where they were found, now."""
        return [each for each in found if self._is_live(each)]

    def rows_in(self, pack: PackId) -> Steps[list[PlacedObject]]:
        """Every object that lies in a pack, from the rows of all objects: slow, but never wrong.

        For packs whose headers cannot all be read.
        """
        found = _objects_in(pack, self._objects.unrecorded.items())
        start: bytes | None = b""
        while start is not None:
            stretch = list(islice(self._index.scan(OBJECT, start), STRETCH_ROWS))
            start = after_prefix(stretch[-1][0]) if stretch else None
            found |= _objects_in(pack, stretch)
            yield PAUSE
        return list(found.values())

    def _live_bytes(self, pack: PackId) -> Steps[int]:
        if self._layout.pack_size(pack) is None:
            return sum(found.place.stored for found in (yield from self.rows_in(pack)))
        live, at = 0, WALK_START
        while True:
            walked = yield from self.walk(pack, at)
            live += sum(found.place.stored for found in self.live(walked.objects))
            at = walked.end
            if walked.ended:
                break
        if not walked.whole:
            return sum(found.place.stored for found in (yield from self.rows_in(pack)))
        return live

    def _is_live(self, found: PlacedObject) -> bool:
        record = self._objects.find(found.id)
        return record is not None and lies_at(record, found.place)

    def _dead(self, pack: PackId) -> int:
        row = self._index.get(PACK, number_key(pack))
        return row.dead if row is not None else 0

    def _has_unrecorded(self, pack: PackId) -> bool:
        return any(row.pack == pack for row in self._objects.unrecorded.values())


def _objects_in(
    pack: PackId, rows: Iterable[tuple[bytes, ObjectRecord]]
) -> dict[bytes, PlacedObject]:
    return {
        key: PlacedObject(ObjectId(key), placement_of(row)) for key, row in rows if row.pack == pack
    }
