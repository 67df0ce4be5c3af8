"""What a scrub remembers of groups: members as they were found, and not too many."""

from fsmodel.encoding.codecs import Codec
from fsmodel.encoding.hashing import object_id
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.epochs import Epoch
from fsmodel.store.object_reader import Located
from fsmodel.store.placement import Placement
from fsmodel.upkeep.verified_groups import VerifiedGroups

IDS = [object_id(bytes([number])) for number in range(6)]


def member(number: int, wanted: ObjectId, offset: int = 48) -> Located:
    place = Placement(PackId(1), offset, 5, 50, number)
    return Located(wanted, Codec.GROUP, place, 1, None, Epoch())


def test_members_are_known_by_number_and_id() -> None:
    groups = VerifiedGroups()
    assert not groups.has(member(0, IDS[0]))
    groups.add(member(0, IDS[0]).location, IDS[:3])
    assert groups.has(member(2, IDS[2]))
    assert not groups.has(member(1, IDS[2]))
    assert not groups.has(member(3, IDS[3]))
    assert not groups.has(member(0, IDS[0], offset=200))


def test_the_oldest_groups_are_forgotten() -> None:
    groups = VerifiedGroups(members_max=4)
    for offset in (48, 100, 200):
        groups.add(member(0, IDS[0], offset).location, IDS[:2])
    assert not groups.has(member(0, IDS[0], 48))
    assert groups.has(member(0, IDS[0], 100))
    groups.add(member(0, IDS[0], 300).location, IDS)  # more than all that may be kept
    assert groups.has(member(5, IDS[5], 300))
    assert not groups.has(member(0, IDS[0], 200))
