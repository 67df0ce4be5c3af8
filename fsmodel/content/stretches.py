"""Where chunks that were stored one behind the other seem to lie, without asking the index.

A stream leaves the chunks of a file as frames without gaps. So where one of them lies that is
stored as it is, tells where its neighbours do: as many bytes and frame headers away as lie between
the two in the file. That is a guess: what is read there must have the id that is wanted. It holds
for a page of a manifest, and ends after a few that were wrong, as where chunks are compressed.

Small files lie one behind the other likewise, in the order in which they were written, which is
often that in which they are read.
"""

from typing import Final

from fsmodel.ids import PackId
from fsmodel.store.pack_format import FRAME_HEADER

WRONG_MAX: Final = 2  # guesses, before there are no more


class Stretch:
    """What is known of one page. Owner: the thread that owns the index."""

    __slots__ = ("_base", "_pack", "_wrong")

    def __init__(self) -> None:
        self._pack = PackId(0)
        self._base: int | None = None  # where the frame of the page's first chunk would lie
        self._wrong = 0

    def guess(self, number: int, at: int) -> tuple[PackId, int] | None:
        """Pack and offset of the frame of a chunk, by its number and offset in the page."""
        if self._base is None:
            return None
        return self._pack, self._base + at + number * FRAME_HEADER.size

    def learn(self, number: int, at: int, place: tuple[PackId, int]) -> None:
        """A chunk of the page is stored as it is, at this place."""
        if self._wrong < WRONG_MAX:
            self._pack = place[0]
            self._base = place[1] - at - number * FRAME_HEADER.size

    def was_wrong(self) -> None:
        """A guess was not where the chunk lies."""
        self._base = None
        self._wrong += 1


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
