"""Repacking: the frames of a folder's chunks are put one behind the other, in the order of names.

Files that were written beside others, or edited over and over, have their chunks here and there.
Where the chunks of neighbouring files do not follow each other in a pack, their frames are copied,
as they are, to where they do. Groups are left alone: what lies together there was put in order.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Final

from msgspec.structs import replace

from fsmodel.errors import FrameCorrupt
from fsmodel.ids import ObjectId
from fsmodel.optimizer.file_order import chunks_of, files_in_order
from fsmodel.optimizer.jobs import (
    Candidate,
    Job,
    LoadObject,
    Offer,
    Sources,
    Strategy,
    candidate_of,
    filled_jobs,
    is_movable,
)
from fsmodel.steps import Steps, Work
from fsmodel.store.group_writer import EncodedRun
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import Location, encode_frame
from fsmodel.store.pack_reader import PackReader
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT

JOB_BYTES: Final = 4 << 20  # plain
GAP_BYTES_MAX: Final = 64 << 10  # between two frames that count as neighbours: a host reads ahead
JUMPS_PERCENT_MIN: Final = 25  # of the chunks of a job; with fewer it is left alone
PARTS: Final = 256  # a part takes directories by the lowest byte of their numbers


class Repacking(Strategy):
    """Puts frames in order."""

    def __init__(self, reader: PackReader, objects: ObjectStore) -> None:
        self._reader = reader
        self._objects = objects

    def plan(self, view: IndexView, load: LoadObject, part: range) -> Iterator[Job]:
        """Chunks in the order of names, each where it is first needed."""
        yield from filled_jobs(self._in_order(view, load, part), JOB_BYTES)

    def attempt(self, sources: Sources) -> Steps[list[Offer]]:
        """Copies of all frames of a job, if they are not in order."""
        locations = [each.location for each in sources.located]
        if jumps(locations) * 100 < len(locations) * JUMPS_PERCENT_MIN:
            return []
        rows = [self._objects.get(each.id) for each in sources.located]
        size = sum(location.stored for location in locations)
        offers: list[Offer] = yield Work(partial(self._copies, sources.located, rows), size)
        return offers

    def _in_order(self, view: IndexView, load: LoadObject, part: range) -> Iterator[Candidate]:
        seen: set[ObjectId] = set()
        for file in files_in_order(view):
            if file.directory % PARTS not in part:
                continue
            for chunk in chunks_of(file.content, load):
                row = view.get(OBJECT, chunk)
                if chunk not in seen and row is not None and is_movable(view, chunk, row):
                    seen.add(chunk)
                    yield candidate_of(chunk, row)

    def _copies(self, located: Sequence[Located], rows: Sequence[ObjectRecord]) -> list[Offer]:
        copied, frames, records = [], [], []
        for each, row in zip(located, rows, strict=True):
            try:
                frame = self._reader.read_frame(each.location, each.id)
            except FrameCorrupt:
                continue  # a scrub tells
            facts = frame.kind, frame.codec, frame.plain_size, frame.id
            copied.append(each)
            frames.append(encode_frame(*facts, frame.payload, base=frame.base))
            records.append(replace(row, stored=frames[-1].size))
        run = EncodedRun(frames, records)
        if not copied:
            return []
        return [Offer([each.id for each in copied], [each.base for each in copied], run)]


def jumps(locations: Sequence[Location]) -> int:
    """How often the next frame is not where a host that reads ahead would have it already. Pure."""
    return sum(
        first != second
        and not (
            first.pack == second.pack
            and 0 <= second.offset - first.offset - first.stored <= GAP_BYTES_MAX
        )
        for first, second in pairwise(locations)
    )
