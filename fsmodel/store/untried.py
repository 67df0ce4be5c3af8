"""Packs that hold chunks which nobody has tried to compress, or to find bases for.

Where much is waiting, chunks are appended as they are, and what they could be made of is found out
when nobody writes any more (fsmodel/optimizer/trials.py). A chunk is *untried* when it stands by
itself, as it is, in a pack that has a row in the table `untried`. The row comes with the first row
of an object in that pack, in the same change: so no chunk is forgotten, whenever the process dies.
It may speak of too much, as other chunks lie there too; trying these again costs time only.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

from fsmodel.change import Change
from fsmodel.ids import ObjectId, PackId
from fsmodel.store.drafts import GiveHints, Hints, NewObject, no_hints
from lmdb_index.index import Index
from lmdb_index.keys import number_key, number_of
from lmdb_index.records import RawRecord
from lmdb_index.schema import UNTRIED

HINTS_MAX: Final = 32_768  # chunks, about 2 GiB; some 10 MB

_PRESENT: Final = RawRecord()


class UntriedPacks:
    """Knows them. Owner: the thread that owns the index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._noted: set[int] = set()  # appended to in haste, whether their row is written or not
        self._hints: OrderedDict[ObjectId, Hints] = OrderedDict()

    def __contains__(self, pack: int) -> bool:
        return pack in self._noted or self._index.get(UNTRIED, number_key(pack)) is not None

    def note(self, packs: Iterable[int]) -> bool:
        """Chunks were appended to these packs in haste; whether that is news."""
        known = len(self._noted)
        self._noted.update(packs)
        return len(self._noted) > known

    def keep_hints(self, objects: Sequence[NewObject]) -> None:
        """Remember where the bytes of new objects may have come from: later nobody knows."""
        for new in [new for new in objects if new.hints is not no_hints]:
            hints = new.hints(compresses=True)
            if hints.former or hints.kindred:
                self._hints[new.id] = hints
        while len(self._hints) > HINTS_MAX:
            self._hints.popitem(last=False)

    def with_hints(self, objects: Iterable[NewObject]) -> list[NewObject]:
        """The same objects with what was known of them when they were written."""
        return [new._replace(hints=self._hints_of(new.id)) for new in objects]

    def mark(self, change: Change, pack: int) -> None:
        """An object that lies in this pack gets its row: the pack gets one too if it is to."""
        if pack in self._noted and change.operation.get(UNTRIED, number_key(pack)) is None:
            change.operation.put(UNTRIED, number_key(pack), _PRESENT)

    def carry(self, change: Change, former: Iterable[int], pack: int) -> None:
        """Objects were copied into a pack: what was untried where they were is so here."""
        if any(each in self for each in former):
            self.note([pack])
            self.mark(change, pack)

    def forget(self, change: Change, pack: PackId) -> None:
        """All of a pack has been tried, and nothing in it is without its row."""
        self._noted.discard(pack)
        change.operation.delete(UNTRIED, number_key(pack))

    def _hints_of(self, chunk: ObjectId) -> GiveHints:
        known = self._hints.pop(chunk, None)
        return no_hints if known is None else partial(_known, known)

    def marked(self) -> list[PackId]:
        """All that have a row, in order."""
        return [PackId(number_of(key)) for key, _ in self._index.scan(UNTRIED)]


def _known(hints: Hints, *, compresses: bool) -> Hints:
    return hints if compresses else hints._replace(kindred=())
