"""A store in which the chunks of each file lie in groups, as archival would leave them."""

from fsmodel.ids import ObjectId
from fsmodel.store.pack_format import Location
from fsmodel.store.placement import is_in_group, placement_of
from lmdb_index.schema import OBJECT
from tests.support.volume_store import VolumeStore


class GroupedStore(VolumeStore):
    """Chunks that are stored together become groups."""

    def _open(self) -> None:
        super()._open()
        objects = self.volume._parts.objects
        objects.add = objects.add_grouped  # type: ignore[method-assign]  # what a test is about


def groups_in(store: VolumeStore) -> dict[Location, list[ObjectId]]:
    """The members of each group that rows point into, in the order of their numbers."""
    found: dict[Location, list[tuple[int, ObjectId]]] = {}
    for key, row in store.volume._parts.index.scan(OBJECT):
        if is_in_group(row):
            place = placement_of(row)
            found.setdefault(place.location, []).append((place.member, ObjectId(key)))
    return {location: [key for _, key in sorted(rows)] for location, rows in found.items()}
