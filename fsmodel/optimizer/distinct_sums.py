"""Sums over the distinct chunks of many groups, in bounded memory.

A chunk counts once in each group that has it, however often. Which ones were seen has to be
remembered; when that are too many, every second of them is forgotten and the others count twice,
and so on (distinct sampling: Gibbons, VLDB 2001). Ids are hashes, so which are kept is chance, and
the same chunks are kept in all groups. Below the bound all sums are exact; at 262,144 pairs of
group and chunk the error of a sum over many chunks is some tenths of a per cent.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Final, NamedTuple

from fsmodel.ids import ObjectId

PAIRS_MAX: Final = 1 << 18  # about 300 bytes each


class Sums(NamedTuple):
    """What the distinct chunks of a group take."""

    plain: int
    stored: int


class DistinctSums:
    """Adds up distinct chunks by group. `look_up` gives the sizes of a chunk; None: left out."""

    def __init__(
        self, look_up: Callable[[ObjectId], Sums | None], pairs_max: int = PAIRS_MAX
    ) -> None:
        self._look_up = look_up
        self._pairs_max = pairs_max
        self._held: dict[tuple[str, ObjectId], Sums] = {}
        self._level = 0

    @property
    def one_in(self) -> int:
        """Of so many chunks one was counted, for all."""
        return 1 << self._level

    def add(self, group: str, chunk: ObjectId) -> None:
        """A group has a chunk."""
        if not self._is_kept(chunk) or (group, chunk) in self._held:
            return
        sizes = self._look_up(chunk)
        if sizes is None:
            return
        self._held[group, chunk] = sizes
        while len(self._held) > self._pairs_max:
            self._level += 1
            self._held = {pair: each for pair, each in self._held.items() if self._is_kept(pair[1])}

    def by_group(self) -> dict[str, Sums]:
        """The sums of the groups that have any chunk that was counted."""
        plain: defaultdict[str, int] = defaultdict(int)
        stored: defaultdict[str, int] = defaultdict(int)
        for (group, _), sizes in self._held.items():
            plain[group] += sizes.plain
            stored[group] += sizes.stored
        return {
            group: Sums(plain[group] * self.one_in, stored[group] * self.one_in) for group in plain
        }

    def _is_kept(self, chunk: ObjectId) -> bool:
        return not int.from_bytes(chunk[:8], "big") & (self.one_in - 1)
