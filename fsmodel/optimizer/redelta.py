"""Delta: chunks that stand alone become deltas, if something they resemble has come since.

A chunk that is a base stays as it is: its deltas would need one chunk more, and a chain must not
come back to where it began. So those are left out that are bases as the jobs are planned, and
those that have become bases when the row is about to change. Chunks that are read often and need
several bases are made deltas of the last of these, which shortens their chains.

What chunks resemble is noted as they are written, but not while deltas are turned off. Then all
jobs are looked at once before; in an estimate only its sample, so more may come than was expected.
"""

from collections.abc import Container, Iterator, Sequence
from collections.abc import Set as AbstractSet
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
    is_movable,
    read_all,
)
from fsmodel.steps import Steps, Work
from fsmodel.store.drafts import Base, Draft, Encoded
from fsmodel.store.encoder import SKETCHED_BYTES_MIN
from fsmodel.store.group_writer import EncodedRun
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import ObjectStore
from fsmodel.store.similarity import BLOCK_SKETCHES, BLOCKS_MAX
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT, SKETCH

JOB_BYTES: Final = 1 << 20  # plain
LONG_CHAIN: Final = 2  # bases, from which on a chunk that is read often gets a shorter chain


class Redelta(Strategy):
    """Finds bases again."""

    def __init__(
        self,
        read: Read,
        objects: ObjectStore,
        hot: Container[ObjectId],
        new_bases: AbstractSet[ObjectId],
    ) -> None:
        """`new_bases` are those that have become bases since before the jobs were planned."""
        self._read = read
        self._objects = objects
        self._hot = hot
        self._new_bases = new_bases
        self._bases: set[ObjectId] = set()
        self._lacks_sketches = False

    def plan(self, view: IndexView, load: LoadObject, part: range) -> Iterator[Job]:
        """Chunks that are nobody's base, and hot ones with long chains."""
        rows = view.scan(OBJECT)
        self._bases = {ObjectId(row.base) for _, row in rows if row.base and row.base[0] in part}
        chunks = min(view.count(OBJECT), BLOCKS_MAX * BLOCK_SKETCHES)
        self._lacks_sketches = view.count(SKETCH) * BLOCK_SKETCHES < chunks
        found = ((ObjectId(key), row) for key, row in view.scan(OBJECT))
        yield from filled_jobs(
            (
                candidate_of(key, row)
                for key, row in found
                if key[0] in part and is_movable(view, key, row) and self._is_wanted(key, row)
            ),
            JOB_BYTES,
        )

    def learn(self, sources: Sources) -> Steps[None]:
        """Have sketches of all chunks, if they were written without."""
        if self._lacks_sketches:
            size = sum(each.plain for each in sources.candidates)
            found = yield Work(partial(self._features, sources), size)
            for chunk, features in found:
                self._objects.learn(chunk, features)

    def attempt(self, sources: Sources) -> Steps[list[Offer]]:
        """Those that become deltas, or have shorter chains."""
        size = sum(each.plain for each in sources.candidates)
        located = {each.id: each for each in sources.located}
        found = yield Work(partial(self._encoded, sources), size)
        candidates = [candidate for candidate, _ in found]
        drafts = self._drafts(candidates, [encoded for _, encoded in found], located)
        work = sum(draft.work_bytes for draft in drafts)
        offers: list[Offer] = yield Work(partial(self._offers, candidates, drafts), work)
        return offers

    def may_deepen(self, wanted: ObjectId) -> bool:
        """Nobody's base, and not about to become one."""
        relied_on = wanted in set(self._objects.reliance)
        return not relied_on and wanted not in self._bases and wanted not in self._new_bases

    def _is_wanted(self, wanted: ObjectId, row: ObjectRecord) -> bool:
        if wanted in self._hot:
            return row.depth >= LONG_CHAIN
        return not row.base and wanted not in self._bases

    def _features(self, sources: Sources) -> list[tuple[ObjectId, tuple[int, ...]]]:
        take = self._objects.encoding.features
        found = (new for _, new in read_all(self._read, sources))
        return [(new.id, take(new.data)) for new in found if len(new.data) >= SKETCHED_BYTES_MIN]

    def _encoded(self, sources: Sources) -> list[tuple[Candidate, Encoded]]:
        found = read_all(self._read, sources)
        encoded = self._objects.encoder.encode([new for _, new in found])
        return [(each, made) for (each, _), made in zip(found, encoded, strict=True)]

    def _drafts(
        self,
        candidates: Sequence[Candidate],
        encoded: Sequence[Encoded],
        located: dict[ObjectId, Located],
    ) -> list[Draft]:
        alone = [made for each, made in zip(candidates, encoded, strict=True) if not each.depth]
        found = {draft.encoded.new.id: draft for draft in self._objects.redraft(alone)}
        return [
            found.get(made.new.id) or Draft(made, [_last_base(located[made.new.id])])
            for made in encoded
        ]

    def _offers(self, candidates: Sequence[Candidate], drafts: Sequence[Draft]) -> list[Offer]:
        offers: list[Offer] = []
        made = self._objects.encoder.make_frames(drafts)
        for candidate, draft, (frame, record) in zip(candidates, drafts, made, strict=True):
            base = next((each for each in draft.bases if each.id == record.base), None)
            if base is not None and _is_better(candidate, record):
                run = EncodedRun([frame], [record])
                offers.append(Offer([candidate.id], [base.located], run))
        return offers


def _is_better(candidate: Candidate, record: ObjectRecord) -> bool:
    if candidate.is_delta:
        return record.depth < candidate.depth
    return record.stored < candidate.stored


def _last_base(located: Located) -> Base:
    """The end of a chain of bases."""
    at = located
    while at.base is not None:
        at = at.base
    return Base(at.id, at, 0)
