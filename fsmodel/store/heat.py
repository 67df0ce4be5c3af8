"""Which objects are read, how often and when last.

How often: only what was read while it was not in memory counts, which is what decoding costs. When
last: any reading. Memory only, and bounded. When the counts are full, all are halved and those that
fall to zero go, so what was read long ago counts less than what is read now; of the moments, the
oldest goes.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from fsmodel.ids import ObjectId

COUNTED_MAX: Final = 16_384  # about 2 MB, and as much again for the moments
HOT_READS: Final = 4  # read so often, an object is hot


class Heat:
    """Counts reads that the cache could not answer. Owner: the thread that owns the index."""

    def __init__(self, counted_max: int = COUNTED_MAX) -> None:
        self._counted_max = counted_max
        self._reads: dict[ObjectId, int] = {}
        self._moments: OrderedDict[ObjectId, int] = OrderedDict()  # the longest ago first

    def note(self, read: ObjectId) -> None:
        """An object is going to be read from its pack."""
        reads = self._reads
        reads[read] = reads.get(read, 0) + 1
        if len(reads) > self._counted_max:
            self._forget_some()

    def note_at(self, read: ObjectId, now_ns: int) -> None:
        """An object has been read from its pack at a moment: `note` and `touch`."""
        reads, moments = self._reads, self._moments
        reads[read] = reads.get(read, 0) + 1
        moments[read] = now_ns
        moments.move_to_end(read)
        if len(moments) > self._counted_max:  # what was read has a moment
            self._forget_some()

    def note_each(self, read: Sequence[ObjectId], now_ns: int) -> None:
        """Objects are going to be read from their packs: `note` and `touch` of each."""
        reads, moments = self._reads, self._moments
        for each in read:
            reads[each] = reads.get(each, 0) + 1
            moments.pop(each, None)
        moments.update(dict.fromkeys(read, now_ns))
        self._forget_some()

    def reads(self, wanted: ObjectId) -> int:
        """How often an object was read from its pack lately."""
        return self._reads.get(wanted, 0)

    def touch(self, read: ObjectId, now_ns: int) -> None:
        """An object is being read at a moment, from its pack or from memory."""
        moments = self._moments
        moments[read] = now_ns
        moments.move_to_end(read)
        if len(moments) > self._counted_max:
            moments.popitem(last=False)

    def _forget_some(self) -> None:
        """Keep within bounds."""
        while len(self._reads) > self._counted_max:
            self._reads = {each: count // 2 for each, count in self._reads.items() if count > 1}
        while len(self._moments) > self._counted_max:
            self._moments.popitem(last=False)

    def last_read_ns(self, wanted: ObjectId) -> int:
        """When an object was read last; 0 when that was not since the store was opened.

        Also 0 when so many others were read since that it is not remembered.
        """
        return self._moments.get(wanted, 0)

    def hot(self) -> list[ObjectId]:
        """Objects that are read often, the hottest first."""
        found = [each for each, reads in self._reads.items() if reads >= HOT_READS]
        return sorted(found, key=lambda each: (-self._reads[each], each))
