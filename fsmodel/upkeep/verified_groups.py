"""Groups that a scrub has read: their members need not be read again, one by one.

A scrub goes through objects by id, so the members of a group come at any time. Remembered is the
beginning of each member's id, for a bounded number of members, the oldest groups being forgotten
first; what is forgotten is read again.
"""

from collections.abc import Sequence
from typing import Final

from fsmodel.ids import ObjectId
from fsmodel.store.object_reader import Located
from fsmodel.store.pack_format import Location

REMEMBERED_MEMBERS_MAX: Final = 1 << 20  # 8 MiB
_ID_BYTES: Final = 8


class VerifiedGroups:
    """Members of groups that were found whole. Owner: whoever runs the scrub's present step."""

    def __init__(self, members_max: int = REMEMBERED_MEMBERS_MAX) -> None:
        self._members_max = members_max
        self._members = 0
        self._groups: dict[Location, bytes] = {}

    def add(self, location: Location, members: Sequence[ObjectId]) -> None:
        """Remember a group that was read just now."""
        self._forget(location)
        self._groups[location] = b"".join(member[:_ID_BYTES] for member in members)
        self._members += len(members)
        while self._members > self._members_max and len(self._groups) > 1:
            self._forget(next(iter(self._groups)))

    def has(self, located: Located) -> bool:
        """Whether an object was found whole in its group."""
        ids = self._groups.get(located.location, b"")
        at = located.place.member * _ID_BYTES
        return ids[at : at + _ID_BYTES] == located.id[:_ID_BYTES]

    def _forget(self, location: Location) -> None:
        self._members -= len(self._groups.pop(location, b"")) // _ID_BYTES
