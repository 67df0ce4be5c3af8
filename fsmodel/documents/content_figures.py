"""How much of the store a content takes: counted once, and remembered for a while.

Counting goes through all chunks of a content, so it is done in steps. What is remembered may be
older than the last compaction, which moves chunks into frames of other sizes.
"""

from collections import OrderedDict
from typing import Final, NamedTuple

from fsmodel.content.chunk_list import stored_chunks
from fsmodel.content.content_ref import EMPTY, is_manifest
from fsmodel.ids import ObjectId
from fsmodel.steps import PAUSE, Steps
from fsmodel.store.objects import ObjectStore

REMEMBERED_MAX: Final = 4096  # contents of many chunks; about 200 bytes each
STRETCH_RUNS: Final = 512  # counted before others have their turn


class Figures(NamedTuple):
    """What a content takes."""

    chunks: int
    stored_bytes: int  # frames of the distinct chunks among them


class ContentFigures:
    """Counts chunks. Owner: the thread that owns the index."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._remembered: OrderedDict[bytes, Figures] = OrderedDict()

    def of(self, ref: bytes) -> Steps[Figures]:
        """The figures of a content. Raises DataError."""
        if ref == EMPTY:
            return Figures(0, 0)
        if not is_manifest(ref):
            return Figures(1, self._objects.get(ObjectId(ref[1:])).stored)
        figures = self._remembered.get(ref)
        if figures is None:
            figures = yield from self._count(ref)
            self._remembered[ref] = figures
            if len(self._remembered) > REMEMBERED_MAX:
                self._remembered.popitem(last=False)
        return figures

    def _count(self, ref: bytes) -> Steps[Figures]:
        with self._objects.reliance.on([ObjectId(ref[1:])]):
            chunks = stored = 0
            counted: set[ObjectId] = set()
            runs = enumerate(stored_chunks(ref, self._objects).runs_from(0), 1)
            for number, (_, run) in runs:
                chunks += run.repeat
                if run.id not in counted:
                    counted.add(run.id)
                    stored += self._objects.get(run.id).stored
                if number % STRETCH_RUNS == 0:
                    yield PAUSE
            return Figures(chunks, stored)
