"""Storing objects anew: what a strategy offers is appended, read back, and only then pointed at.

A kill at any moment loses nothing: a frame no row points at is dead space, and the former frame
stays where it is until a collection. Every row is looked at again in the change that moves it; what
was removed, moved or found damaged meanwhile is left alone.

Owner of everything here: the thread that owns the index. Between two jobs others have their turn.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

from fsmodel.change import Change
from fsmodel.encoding.codecs import Codec
from fsmodel.errors import DataError
from fsmodel.ids import ObjectId
from fsmodel.optimizer.jobs import Candidate, Job, LoadObject, Offer, Sources, Strategy
from fsmodel.optimizer.sampling import SAMPLED_MAX, Prediction, Tried, predict, sample
from fsmodel.optimizer.snapshots import on_snapshot
from fsmodel.steps import PAUSE, Steps, Work
from fsmodel.store.epochs import Epoch
from fsmodel.store.object_reader import Located, ObjectReader
from fsmodel.store.placement import Placement, lies_at, placement_of
from fsmodel.store.read_back import require_stored
from fsmodel.upkeep.index_view import IndexView
from fsmodel.upkeep.store_parts import StoreParts
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import OBJECT

SYNC_COST_BYTES: Final = 1 << 20  # waits for the disk, so a worker does it
PART_OBJECTS_MAX: Final = 200_000  # about 60 MB of ids and what belongs to them
FIRST_BYTES: Final = 256
EVERYTHING: Final = range(FIRST_BYTES)  # as one part
OPERATION_ROWS: Final = 128  # each with its base and its packs

Report = Callable[[int, int, str], None]  # done, total, of what


@dataclass(slots=True)
class Done:
    """What a run has done so far."""

    objects: int = 0  # stored anew
    saved_bytes: int = 0  # less in use; negative when more
    damaged: int = 0  # copies that could not be read back, and were not used

    def plus(self, other: "Done") -> "Done":
        """Both together."""
        return Done(
            self.objects + other.objects,
            self.saved_bytes + other.saved_bytes,
            self.damaged + other.damaged,
        )


class Reencoder:
    """Estimates and runs strategies."""

    def __init__(self, parts: StoreParts, reader: ObjectReader) -> None:
        self._parts = parts
        self._reader = reader
        self._depth_max = parts.objects.encoding.depth_max

    def estimate(self, strategy: Strategy, report: Report) -> Steps[Prediction]:
        """What running a strategy would save, by a sample of its jobs."""
        tried: list[Tried] = []
        jobs = stored = 0
        parts = self._parts_of_store()
        for number, part in enumerate(parts):
            planned = yield from self._plan(strategy, part)
            jobs += len(planned)
            stored += sum(job.stored_bytes for job in planned)
            chosen = sample(planned, max(SAMPLED_MAX // len(parts), 2))
            for job in chosen:
                yield from strategy.learn(self._sources(job))
            for job in chosen:
                offers = yield from strategy.attempt(self._sources(job))
                saved = sum(map(self._worth, offers))
                tried.append(Tried(job.stored_bytes, saved, bool(offers)))
                yield PAUSE
            report(number + 1, len(parts), "parts sampled")
        return predict(tried, jobs, stored)

    def run(self, strategy: Strategy, report: Report) -> Steps[Done]:
        """Do all jobs. Raises NoSpace, BackendError; what was done by then stays done."""
        done = Done()
        for part in self._parts_of_store():
            yield from self.run_part(strategy, part, report, done)
        return done

    def run_part(self, strategy: Strategy, part: range, report: Report, done: Done) -> Steps[None]:
        """Do the jobs of one part, and add to what was done. Raises as `run` does."""
        jobs = yield from self._plan(strategy, part)
        for job in jobs:
            yield from strategy.learn(self._sources(job))
        for number, job in enumerate(jobs):
            offers = yield from strategy.attempt(self._sources(job))
            if offers:
                yield from self._accept(strategy, offers, done)
            report(number + 1, len(jobs), "jobs done")
            if self._parts.index.needs_checkpoint:
                yield from self._parts.durability.checkpoint()
            yield PAUSE

    def _parts_of_store(self) -> list[range]:
        """Parts with so many objects that their ids fit into memory."""
        count = min(1 + self._parts.index.count(OBJECT) // PART_OBJECTS_MAX, FIRST_BYTES)
        borders = [number * FIRST_BYTES // count for number in range(count + 1)]
        return [range(first, after) for first, after in pairwise(borders)]

    def _plan(self, strategy: Strategy, part: range) -> Steps[list[Job]]:
        """The jobs of one part, as of now."""

        def look(view: IndexView, load: LoadObject) -> list[Job]:
            return list(strategy.plan(view, load, part))

        return (yield from on_snapshot(self._parts, self._reader.read, look))

    def _sources(self, job: Job) -> Sources:
        """The objects of a job that are where they can be read from."""
        candidates: list[Candidate] = []
        located: list[Located] = []
        for each in job.candidates:
            with suppress(DataError):
                found = self._parts.objects.locate(each.id)
                if not self._parts.objects.is_damaged(each.id):
                    candidates.append(each)
                    located.append(found)
        return Sources(tuple(candidates), tuple(located))

    def _worth(self, offer: Offer) -> int:
        """Bytes that accepting an offer would save."""
        rows = (self._parts.objects.find(each) for each in offer.ids)
        return sum(row.stored for row in rows if row is not None) - offer.run.size_bytes

    def _accept(self, strategy: Strategy, offers: Sequence[Offer], done: Done) -> Steps[None]:
        objects = self._parts.objects
        wanted = [(each, placement_of(objects.get(each))) for offer in offers for each in offer.ids]
        self._parts.space.require(sum(offer.run.size_bytes for offer in offers))
        records = yield from objects.append([offer.run for offer in offers])
        epoch = objects.epochs.current
        size = sum(record.plain for record in records)
        try:
            yield Work(partial(self._read_back, offers, epoch), size)
        except DataError:
            done.damaged += len(records)
            return
        yield Work(self._parts.writer.sync, SYNC_COST_BYTES)
        moves = list(zip(wanted, records, strict=True))
        for start in range(0, len(moves), OPERATION_ROWS):
            with self._parts.changes.begin() as change:
                for (each, former), record in moves[start : start + OPERATION_ROWS]:
                    if self._may_move(change, strategy, each, former, record):
                        objects.replace(change, each, record)
                        done.objects += 1
                        done.saved_bytes += former.stored - record.stored
            yield PAUSE

    def _read_back(self, offers: Sequence[Offer], epoch: Epoch) -> None:
        for offer in offers:
            alone = [at for at, base in enumerate(offer.bases) if base is None]
            require_stored(
                self._parts.reader,
                [offer.ids[at] for at in alone],
                [offer.run.records[at] for at in alone],
            )
            for wanted, base, record in zip(offer.ids, offer.bases, offer.run.records, strict=True):
                if base is not None:
                    place = placement_of(record)
                    codec = Codec(record.codec)
                    self._reader.verify(Located(wanted, codec, place, record.plain, base, epoch))

    def _may_move(
        self,
        change: Change,
        strategy: Strategy,
        wanted: ObjectId,
        former: Placement,
        record: ObjectRecord,
    ) -> bool:
        """Whether an object still is where it was, and could be read with what it will need."""
        row = change.operation.get(OBJECT, wanted)
        if row is None or not lies_at(row, former) or self._parts.objects.is_damaged(wanted):
            return False
        if not record.base:
            return True
        base = change.operation.get(OBJECT, record.base)
        if base is None or base.depth >= self._depth_max:
            return False
        record.depth = base.depth + 1
        return record.depth <= row.depth or strategy.may_deepen(wanted)
