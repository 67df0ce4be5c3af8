"""How many references each object has, counted again from everything that refers.

Counting takes a table of all objects. To bound memory it is done in rounds: each takes the objects
whose ids begin with certain bytes, and reads all manifests and trees again.

What an object names that cannot be read is not known. If its references were counted when it was
stored, others may rightly say that they have more references than are found here; if they never
were (`DamagedRecord.uncounted`), they may not.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fsmodel.content.content_ref import object_of
from fsmodel.errors import DataError
from fsmodel.history.naming import PARENT_KINDS, named_by
from fsmodel.history.roots import current_root
from fsmodel.ids import ObjectId
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import DAMAGED, INODE, OBJECT, SNAPSHOT, UNREFERENCED

COUNTED_AT_ONCE_MAX: Final = 4_000_000  # objects; about 600 MB
FIRST_BYTES: Final = 256

LoadObject = Callable[[ObjectId], bytes]


class Unreadable(NamedTuple):
    """A parent whose references are not known, and why."""

    id: ObjectId
    row: ObjectRecord
    error: DataError


class WrongCount(NamedTuple):
    """An object whose row is not right about who names it."""

    id: ObjectId
    said: int  # references, by its row
    found: int
    listed: bool  # whether it is among the unreferenced


@dataclass(slots=True)
class Counted:
    """The references of one round."""

    references: Counter[bytes] = field(default_factory=Counter)
    unreadable: list[Unreadable] = field(default_factory=list)  # parents; the same in each round
    may_be_more: bool = False  # one of these was counted once


def rounds(view: IndexView) -> Iterator[range]:
    """The first bytes of ids to be counted at once, until all have been."""
    number = min(1 + view.count(OBJECT) // COUNTED_AT_ONCE_MAX, FIRST_BYTES)
    for each in range(number):
        yield range(each * FIRST_BYTES // number, (each + 1) * FIRST_BYTES // number)


def count_references(view: IndexView, load: LoadObject, first: range) -> Counted:
    """Count the references to the objects whose ids begin with these bytes."""
    counted = Counted()
    references = counted.references
    for _, record in view.scan(INODE):
        named = object_of(record.content)
        if named is not None and named[0] in first:
            references[named] += 1
    roots = [current_root(view), *(row.root for _, row in view.scan(SNAPSHOT))]
    references.update(root for root in roots if root is not None and root[0] in first)
    for key, row in view.scan(OBJECT):
        if row.base and row.base[0] in first:
            references[row.base] += 1
        if row.kind in PARENT_KINDS:
            try:
                named_here = named_by(row.kind, load(ObjectId(key)))
            except DataError as error:
                _note_unreadable(view, counted, Unreadable(ObjectId(key), row, error))
            else:
                references.update(name for name in named_here if name[0] in first)
    return counted


def wrong_counts(view: IndexView, counted: Counted, first: range) -> Iterator[WrongCount]:
    """Compare each row with what was counted. `counted` is left with what has no row."""
    stop = bytes([first.stop]) if first.stop < FIRST_BYTES else None
    for key, row in view.scan(OBJECT, bytes([first.start]), stop):
        found = counted.references.pop(key, 0)
        if counted.may_be_more:
            found = max(found, row.references)
        listed = view.get(UNREFERENCED, key) is not None
        if row.references != found or listed != (found == 0):
            yield WrongCount(ObjectId(key), row.references, found, listed)


def _note_unreadable(view: IndexView, counted: Counted, found: Unreadable) -> None:
    counted.unreadable.append(found)
    note = view.get(DAMAGED, found.id)
    counted.may_be_more |= note is None or not note.uncounted
