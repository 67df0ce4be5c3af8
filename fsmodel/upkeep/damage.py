"""What is known to be damaged: noted in the index, its bytes set aside in quarantine/.

A noted object is stored again when the same bytes are written again (ObjectStore.add), and the
note goes when a later look finds the object readable: the disk may only have had a bad moment.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, Protocol

from fsmodel.change import Changes
from fsmodel.errors import BaseUnreadable, DataError
from fsmodel.ids import ObjectId
from fsmodel.steps import Steps, Work
from fsmodel.store.layout import StoreLayout
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import Location
from fsmodel.store.placement import is_in_group, lies_at, placement_of
from fsmodel.store.quarantine import set_frame_aside, set_group_aside
from lmdb_index.index import Index
from lmdb_index.records import DamagedRecord
from lmdb_index.schema import DAMAGED, OBJECT

COPY_COST_BYTES: Final = 1 << 20  # waits for the disk, so a worker does it


class Unreadable(NamedTuple):
    """An object that could not be read, and why."""

    id: ObjectId
    location: Location
    error: DataError


@dataclass(frozen=True, slots=True)
class KnownDamage:
    """An object that is noted as damaged."""

    id: ObjectId
    place: str
    reason: str
    kept: str  # name of the copy in quarantine/; empty when it is its base that is damaged


class Notes(Protocol):
    """Where those who look for damage tell what they find."""

    def note(self, found: Sequence[Unreadable]) -> Steps[None]:
        """These objects cannot be read."""
        ...

    def withdraw(self, readable: Sequence[ObjectId]) -> None:
        """These can."""
        ...

    def known(self) -> Iterator[KnownDamage]:
        """Everything that cannot be read, as far as it is known."""
        ...


class UnwrittenNotes:
    """Keeps in memory what is found, where nothing may be changed."""

    def __init__(self) -> None:
        self._found: dict[ObjectId, KnownDamage] = {}

    def note(self, found: Sequence[Unreadable]) -> Steps[None]:
        """Keep them until somebody asks."""
        for each in found:
            place, reason = str(each.location), str(each.error)
            self._found[each.id] = KnownDamage(each.id, place, reason, kept="")
        yield from ()

    def withdraw(self, readable: Sequence[ObjectId]) -> None:
        """What was noted in the index stays noted."""

    def known(self) -> Iterator[KnownDamage]:
        """Everything that was found."""
        return iter(self._found.values())


class DamageNotes:
    """Notes what is damaged. Owner: the thread that owns the index."""

    def __init__(
        self, index: Index, changes: Changes, objects: ObjectStore, layout: StoreLayout
    ) -> None:
        self._index = index
        self._changes = changes
        self._objects = objects
        self._layout = layout

    def note(self, found: Sequence[Unreadable]) -> Steps[None]:
        """Set damaged frames aside and note them. Raises NoSpace, BackendError."""
        for each in found:
            kept: str = ""
            if not isinstance(each.error, BaseUnreadable):
                kept = yield Work(self._copying(each), COPY_COST_BYTES)
            self._note(each, kept)

    def withdraw(self, readable: Sequence[ObjectId]) -> None:
        """Forget what was noted about objects that have now been read."""
        if not self._index.count(DAMAGED):
            return
        noted = [each for each in readable if self._objects.is_damaged(each)]
        if noted:
            with self._changes.begin() as change:
                for each in noted:
                    change.operation.delete(DAMAGED, each)

    def known(self) -> Iterator[KnownDamage]:
        """Everything that is noted."""
        for key, row in self._index.scan(DAMAGED):
            wanted = ObjectId(key)
            place = placement_of(self._objects.get(wanted)).location
            yield KnownDamage(wanted, str(place), row.reason, row.kept)

    def _copying(self, found: Unreadable) -> Callable[[], str]:
        row = self._objects.find(found.id)
        if row is not None and is_in_group(row):
            return partial(set_group_aside, self._layout, found.location)
        return partial(set_frame_aside, self._layout, found.id, found.location)

    def _note(self, found: Unreadable, kept: str) -> None:
        """Note one object, unless it was removed or stored again meanwhile."""
        with self._changes.begin() as change:
            row = change.operation.get(OBJECT, found.id)
            if row is not None and lies_at(row, found.location):
                record = DamagedRecord(str(found.error), change.now_ns, kept)
                change.operation.put(DAMAGED, found.id, record)
