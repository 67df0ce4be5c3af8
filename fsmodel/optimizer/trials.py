"""What was stored in haste is compressed, and made deltas of, as it would have been at once.

Chunks of a stream that comes quickly are appended as they are (fsmodel/store/untried.py). Here
they are read again, in the order they were written in, and whatever is smaller takes their place.
So each finds its bases among those that were written before it. A chunk that others were made
deltas of meanwhile gets no base: chains must not come back to where they began.

Some packs at a time: when all their chunks have been tried they count as tried, and what has been
done for others by then, when it is interrupted, is not done again.

Memory: the ids of the chunks of so many packs.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Final

from fsmodel.encoding.codecs import Codec
from fsmodel.ids import ObjectId, PackId
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
from fsmodel.optimizer.reencoding import EVERYTHING, SYNC_COST_BYTES, Done, Reencoder, Report
from fsmodel.steps import Steps, Work
from fsmodel.store.drafts import Draft, Encoded, NewObject
from fsmodel.store.group_writer import EncodedRun
from fsmodel.store.object_reader import Located
from fsmodel.store.pack_walk import WALK_START, walk_pack
from fsmodel.store.placement import lies_at
from fsmodel.upkeep.index_view import IndexView
from fsmodel.upkeep.store_parts import StoreParts
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT

JOB_BYTES: Final = 8 << 20  # plain; about what is written at once
PACKS_AT_ONCE: Final = 16  # each time, all objects are asked what they are deltas of
WALKED_OBJECTS: Final = 4096


class Trials:
    """Tries what was stored in haste. Owner: the thread that owns the index."""

    def __init__(self, parts: StoreParts, read: Read, reencoder: Reencoder) -> None:
        self._parts = parts
        self._read = read
        self._reencoder = reencoder

    def run(self, report: Report) -> Steps[Done]:
        """Try all of it. Raises NoSpace, BackendError; what was done by then stays done."""
        done = Done()
        untried = self._parts.objects.untried
        if untried.marked():
            yield Work(self._parts.writer.end_pack, SYNC_COST_BYTES)
        below = self._parts.objects.growing_from
        packs = [pack for pack in untried.marked() if pack < below]
        for start in range(0, len(packs), PACKS_AT_ONCE):
            some = packs[start : start + PACKS_AT_ONCE]
            with self._parts.objects.new_bases() as new_bases:
                trial = Trial(self._parts, self._read, some, new_bases)
                yield from self._reencoder.run_part(trial, EVERYTHING, report, done)
            self._forget(some)
        return done

    def _forget(self, packs: Sequence[PackId]) -> None:
        """These were tried, but for what nothing names yet."""
        objects = self._parts.objects
        kept = {row.pack for row in objects.unrecorded.values()}
        with self._parts.changes.begin() as change:
            for pack in packs:
                if pack not in kept:
                    objects.untried.forget(change, pack)


class Trial(Strategy):
    """Encodes the chunks of some packs that are stored as they came."""

    def __init__(
        self,
        parts: StoreParts,
        read: Read,
        packs: Sequence[PackId],
        new_bases: AbstractSet[ObjectId],
    ) -> None:
        """`new_bases` are those that have become bases since before the jobs were planned."""
        self._parts = parts
        self._objects = parts.objects
        self._read = read
        self._packs = packs
        self._new_bases = new_bases
        self._bases: set[ObjectId] = set()

    def plan(self, view: IndexView, load: LoadObject, part: range) -> Iterator[Job]:
        """Chunks in the order they were written in; they need not be in one part."""
        found = [each for pack in self._packs for each in self._untried(view, pack)]
        ids = {each.id for each in found}
        rows = view.scan(OBJECT)
        self._bases = {ObjectId(row.base) for _, row in rows if row.base and row.base in ids}
        yield from filled_jobs(found, JOB_BYTES)

    def attempt(self, sources: Sources) -> Steps[list[Offer]]:
        """All that become smaller."""
        size = sum(each.plain for each in sources.candidates)
        found: list[NewObject] = yield Work(partial(self._read_all, sources), size)
        found = self._objects.untried.with_hints(found)
        work = Work(partial(self._objects.encode_stored, found), size)
        encoded: list[Encoded] = yield work
        drafts = self._objects.draft_stored(encoded, self.may_deepen)
        make = partial(self._objects.encoder.make_frames, drafts)
        made = yield Work(make, sum(draft.work_bytes for draft in drafts))
        self._objects.note_drafts(drafts, [record for _, record in made])
        places = {each.id: each for each in sources.located}
        runs = (EncodedRun([frame], [record]) for frame, record in made)
        offers = map(partial(_offer, places), drafts, runs)
        return [offer for offer in offers if offer.run.records[0].codec != Codec.RAW]

    def may_deepen(self, wanted: ObjectId) -> bool:
        """Nobody's base, and not about to become one."""
        relied_on = wanted in set(self._objects.reliance)
        return not relied_on and wanted not in self._bases and wanted not in self._new_bases

    def _untried(self, view: IndexView, pack: PackId) -> Iterator[Candidate]:
        """Chunks that stand in a pack by themselves and as they are, in order."""
        parts, at = self._parts, WALK_START
        if parts.layout.pack_size(pack) is None:
            return
        while True:
            walked = walk_pack(parts.layout, parts.uuid, pack, at, WALKED_OBJECTS)
            for wanted, place in walked.objects:
                row = view.get(OBJECT, wanted)
                if row is not None and lies_at(row, place) and _is_as_it_came(view, wanted, row):
                    yield candidate_of(wanted, row)
            at = walked.end
            if walked.ended:
                return

    def _read_all(self, sources: Sources) -> list[NewObject]:
        return [new for _, new in read_all(self._read, sources)]


def _is_as_it_came(view: IndexView, wanted: ObjectId, row: ObjectRecord) -> bool:
    return row.codec == Codec.RAW and is_movable(view, wanted, row)


def _offer(places: dict[ObjectId, Located], draft: Draft, run: EncodedRun) -> Offer:
    """One chunk in its new frame; its base may be of the same job, and is where it was."""
    (record,) = run.records
    located = {base.id: base.located or places[base.id] for base in draft.bases}
    base = located[ObjectId(record.base)] if record.base else None
    return Offer([draft.encoded.new.id], [base], run)
