"""Holds are counted, one by one or many at once, and end when as many were given back."""

from fsmodel.ids import InodeId
from fsmodel.namespace.holds import Holds


def test_many_are_held_at_once() -> None:
    holds = Holds()
    holds.add(InodeId(3))
    holds.add_each([InodeId(3), InodeId(4), InodeId(3)])
    assert not holds.drop(InodeId(3), 2)
    assert holds.drop(InodeId(3), 1)
    assert InodeId(3) not in holds
    assert InodeId(4) in holds
