"""Which objects had to be decoded often: those that were read while they were not in memory.

Memory only, and bounded: when it is full, all counts are halved and those that fall to zero go, so
what was read long ago counts less than what is read now.
"""

from typing import Final

from fsmodel.ids import ObjectId

COUNTED_MAX: Final = 16_384  # about 2 MB
HOT_READS: Final = 4  # read so often, an object is hot


class Heat:
    """Counts reads that the cache could not answer. Owner: the thread that owns the index."""

    def __init__(self, counted_max: int = COUNTED_MAX) -> None:
        self._counted_max = counted_max
        self._reads: dict[ObjectId, int] = {}

    def note(self, read: ObjectId) -> None:
        """An object is going to be read from its pack."""
        reads = self._reads
        reads[read] = reads.get(read, 0) + 1
        if len(reads) > self._counted_max:
            self._reads = {each: count // 2 for each, count in reads.items() if count > 1}

    def hot(self) -> list[ObjectId]:
        """Objects that are read often, the hottest first."""
        found = [each for each, reads in self._reads.items() if reads >= HOT_READS]
        return sorted(found, key=lambda each: (-self._reads[each], each))
