"""Where chunks that were stored one behind the other seem to lie, without asking the index.

A stream leaves the chunks of a file as frames without gaps. So where one of them lies that is
stored as it is, tells where its neighbours do: as far away as the frames between the two are long,
which the sizes of the chunks say. That is a guess: what is read there must have the id that is
wanted.

It holds up to the next gap: a frame of something else, such as a page of the manifest, or the end
of a pack. So the nearest chunk whose place is known is asked, and a guess that was wrong makes one
more known, which halves the doubt about where the gap is. Guessing ends, for a page of a manifest,
after many that were wrong, as where chunks lie here and there, or a few compressed ones.

Small files lie one behind the other likewise, in the order in which they were written, which is
often that in which they are read.
"""

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import Final

from fsmodel.ids import PackId

WRONG_MAX: Final = 24  # guesses, before there are no more
COMPRESSED_MAX: Final = 2  # chunks found that are not stored as they are, before the same


class Stretch:
    """What is known of one page. Owner: the thread that owns the index."""

    __slots__ = ("_bases", "_middles", "_numbers", "_wrong")

    def __init__(self) -> None:
        self._numbers: list[int] = []  # of chunks whose place is known
        self._middles: list[int] = []  # between each two of them: behind it the second is nearer
        self._bases: list[tuple[PackId, int]] = []  # where by them the page's first chunk would lie
        self._wrong = 0

    def guess(self, number: int, at: int) -> tuple[PackId, int] | None:
        """Pack and offset of the frame of a chunk.

        By its number in the page, and how many bytes of frames lie before it if all are there.
        """
        if not self._bases:
            return None
        pack, base = self._bases[bisect_right(self._middles, number)]
        return pack, base + at

    def second_guess(self, number: int, at: int) -> tuple[PackId, int] | None:
        """The same by the nearest chunk on the other side, if it says something else.

        Where a gap lies between the two, one of them is right.
        """
        nearest = bisect_right(self._middles, number)
        other = nearest + 1 if self._numbers and self._numbers[nearest] < number else nearest - 1
        if not 0 <= other < len(self._bases) or self._bases[other] == self._bases[nearest]:
            return None
        pack, base = self._bases[other]
        return pack, base + at

    def learn(self, number: int, at: int, place: tuple[PackId, int]) -> None:
        """A chunk of the page is stored as it is, at this place."""
        if self._wrong >= WRONG_MAX:
            return
        base = place[0], place[1] - at
        index = bisect_left(self._numbers, number)
        known = self._numbers[index : index + 1] == [number]
        self._numbers[index : index + known] = [number]
        self._bases[index : index + known] = [base]
        for middle in range(index + 1, index - 2, -1):
            if 0 < middle < len(self._bases) - 1:
                self._forget_between(middle)
        self._middles = [(low + high + 1) // 2 for low, high in pairwise(self._numbers)]

    def _forget_between(self, middle: int) -> None:
        """What lies between two that say the same, and says it too, is of no use."""
        bases = self._bases
        if bases[middle - 1] == bases[middle] == bases[middle + 1]:
            del self._numbers[middle], bases[middle]

    def was_wrong(self, *, is_raw: bool) -> None:
        """A guess was not where the chunk lies, or it is not stored as it is."""
        self._wrong += 1 if is_raw else WRONG_MAX // COMPRESSED_MAX
        if self._wrong >= WRONG_MAX:
            self._numbers, self._bases, self._middles = [], [], []


class Sequel:
    """Where a file begins if files are read in the order in which they were stored.

    Guessed only while the last one was where that says. Owner: the thread that owns the index.
    """

    __slots__ = ("_end", "_follows")

    def __init__(self) -> None:
        self._end: tuple[PackId, int] | None = None
        self._follows = False

    def guess(self) -> tuple[PackId, int] | None:
        """Pack and offset of the frame behind the last one."""
        return self._end if self._follows else None

    def found(self, place: tuple[PackId, int], frame_bytes: int) -> None:
        """The chunk that was asked for is stored as it is, in a frame at this place."""
        self._follows = place == self._end
        self._end = place[0], place[1] + frame_bytes

    def end(self) -> None:
        """The chunk that was asked for is not stored as it is."""
        self._follows, self._end = False, None
