"""A lineage: chunks by offset that the bytes of a file may descend from, chunk by chunk."""

from collections.abc import Callable
from typing import Final

from fsmodel.content.chunk_list import ChunkList
from fsmodel.errors import DataError
from fsmodel.ids import ObjectId
from fsmodel.store.object_reader import Find

FindLineage = Callable[[], "Lineage | None"]

FAILURES_MAX: Final = 16  # chunks in a row that a lineage did not help; then it is given up


class Lineage:
    """The chunks of a former or similar content, by offset."""

    def __init__(self, chunks: ChunkList) -> None:
        self._chunks = chunks
        self._asked: list[ObjectId] = []  # for these chunks, since it was last judged
        self._failures = 0

    def at(self, start: int, end: int, wanted_for: ObjectId, find: Find) -> list[ObjectId]:
        """The chunk that covers most of a range; none when there is none, or it is given up."""
        self._judge(find)
        if self._failures >= FAILURES_MAX:
            return []
        self._asked.append(wanted_for)
        return self.beside(start, end)

    def beside(self, start: int, end: int) -> list[ObjectId]:
        """The same, whatever has come of it so far."""
        try:
            return covering(self._chunks, start, end)
        except DataError:
            self._failures = FAILURES_MAX  # a page of it was collected since
            return []

    def _judge(self, find: Find) -> None:
        """Look at what became of the chunks it was asked for, as far as they are stored."""
        unknown: list[ObjectId] = []
        for asked in self._asked:
            record = find(asked)
            if record is None:
                unknown.append(asked)
            else:
                self._failures = 0 if record.base else self._failures + 1
        self._asked = unknown


def covering(chunks: ChunkList, start: int, end: int) -> list[ObjectId]:
    """The chunk that covers most of a range; none when none does. Raises DataError."""
    best: list[ObjectId] = []
    covered = 0
    at, runs = chunks.runs_within(start, end)
    for chunk, length, repeat in runs:
        behind = at + length * repeat
        common = min(min(behind, end) - max(at, start), length)
        if common > covered:
            best, covered = [chunk], common
        at = behind
    return best


class Descent:
    """What the bytes of a file may descend from; found out when it is first asked for."""

    def __init__(self, find_former: FindLineage, find_kindred: FindLineage) -> None:
        self._find_former: FindLineage | None = find_former
        self._find_kindred: FindLineage | None = find_kindred
        self._former: Lineage | None = None
        self._kindred: Lineage | None = None

    def former(self) -> Lineage | None:
        """What the file was, or what it will replace."""
        if self._find_former is not None:
            self._former, self._find_former = self._find_former(), None
        return self._former

    def kindred(self) -> Lineage | None:
        """The file of its kind that was written before it."""
        if self._find_kindred is not None:
            self._kindred, self._find_kindred = self._find_kindred(), None
        return self._kindred
