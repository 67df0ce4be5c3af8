"""Where chunks that were stored one behind the other seem to lie, without asking the index.

A stream leaves the chunks of a file as frames without gaps. So where one of them lies that is
stored as it is, tells where its neighbours do: as many bytes and frame headers away as lie between
the two in the file. That is a guess: what is read there must have the id that is wanted. It holds
for a page of a manifest, and ends after a few that were wrong, as where chunks are compressed.
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
