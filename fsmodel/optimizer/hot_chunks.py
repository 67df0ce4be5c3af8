"""Caching: chunks that are read often are stored so that they are quick to read.

A frame of its own at the lowest level, without bases: to read it takes one frame and no other
chunk. It takes more room, so only a bounded number of bytes is kept so. What is read often is
counted in memory while a store is served (fsmodel/store/heat.py).
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from fsmodel.ids import ObjectId
from fsmodel.optimizer.jobs import (
    Candidate,
    Job,
    LoadObject,
    Offer,
    Read,
    Sources,
    Strategy,
    candidate_of,
    filled_jobs,
    offer_alone,
    read_all,
)
from fsmodel.steps import Steps, Work
from fsmodel.store.group_writer import encode_each
from fsmodel.store.pack_format import ObjectKind
from fsmodel.store.placement import is_in_group
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.schema import OBJECT

LEVEL: Final = 1
KEPT_BYTES_MAX: Final = 64 << 20  # plain
JOB_BYTES: Final = 1 << 20


class HotChunks(Strategy):
    """Keeps hot chunks plain."""

    def __init__(self, read: Read, hot: Sequence[ObjectId]) -> None:
        """`hot` begins with what is read most."""
        self._read = read
        self._hot = hot

    def plan(self, view: IndexView, load: LoadObject, part: range) -> Iterator[Job]:
        """The hottest chunks that need bases or lie in groups."""
        yield from filled_jobs(self._wanted(view, part), JOB_BYTES)

    def attempt(self, sources: Sources) -> Steps[list[Offer]]:
        """All of them, by themselves."""
        size = sum(each.plain for each in sources.candidates)
        offers: list[Offer] = yield Work(partial(self._encoded, sources), size)
        return offers

    def _wanted(self, view: IndexView, part: range) -> Iterator[Candidate]:
        kept = 0
        for wanted in self._hot:
            row = view.get(OBJECT, wanted)
            if row is None or row.kind != ObjectKind.CHUNK:
                continue
            kept += row.plain
            if kept > KEPT_BYTES_MAX:
                return
            if wanted[0] in part and (row.base or is_in_group(row)):
                yield candidate_of(wanted, row)

    def _encoded(self, sources: Sources) -> list[Offer]:
        new = [each for _, each in read_all(self._read, sources)]
        return [offer_alone(new, encode_each(new, LEVEL))] if new else []
