"""What a strategy that stores objects anew is made of.

A strategy *plans* jobs from a view of the index: objects to be looked at together. It *attempts* a
job: encodes objects of it in another way, and offers what is worth having. An estimate attempts a
sample of the jobs and keeps nothing; a run attempts all, and stores what they offer
(reencoding.py). So both do the same work by the same code.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fsmodel.errors import DataError
from fsmodel.ids import ObjectId
from fsmodel.steps import Steps
from fsmodel.store.drafts import NewObject
from fsmodel.store.group_writer import EncodedRun
from fsmodel.store.object_reader import Located
from fsmodel.store.pack_format import ObjectKind
from fsmodel.store.placement import is_in_group
from fsmodel.upkeep.index_view import IndexView
from lmdb_index.records import ObjectRecord
from lmdb_index.schema import DAMAGED

LoadObject = Callable[[ObjectId], bytes]


class Candidate(NamedTuple):
    """An object that a strategy wants to look at, and what it takes now."""

    id: ObjectId
    kind: ObjectKind
    stored: int  # bytes of packs
    plain: int
    depth: int  # bases it needs, one below the other

    @property
    def is_delta(self) -> bool:
        """Whether it needs a base."""
        return self.depth > 0


def candidate_of(wanted: ObjectId, row: ObjectRecord) -> Candidate:
    """An object by its row."""
    depth = max(row.depth, 1) if row.base else 0
    return Candidate(wanted, ObjectKind(row.kind), row.stored, row.plain, depth)


@dataclass(frozen=True, slots=True)
class Job:
    """Objects that are looked at together."""

    candidates: tuple[Candidate, ...]

    @property
    def stored_bytes(self) -> int:
        """What all of them take now."""
        return sum(each.stored for each in self.candidates)

    @property
    def plain_bytes(self) -> int:
        """About how much work the job is."""
        return sum(each.plain for each in self.candidates)


class Sources(NamedTuple):
    """The objects of a job as they are at the beginning of the attempt."""

    candidates: tuple[Candidate, ...]  # those that are still there
    located: tuple[Located, ...]


class Offer(NamedTuple):
    """Objects stored in another way, which take less or are quicker to read."""

    ids: Sequence[ObjectId]
    bases: Sequence[Located | None]  # what each needs to be decoded
    run: EncodedRun


class Strategy(ABC):
    """One way of storing objects anew."""

    @abstractmethod
    def plan(self, view: IndexView, load: LoadObject, part: range) -> Iterator[Job]:
        """The jobs of one part of the store, by a view that does not change.

        A part is all objects, or clusters of them, whose ids begin with certain bytes: it bounds
        what has to be in memory. Any thread may run it.
        """

    @abstractmethod
    def attempt(self, sources: Sources) -> Steps[list[Offer]]:
        """Encode objects of a job in another way; offers nothing when that is not worth it."""

    def learn(self, sources: Sources) -> Steps[None]:
        """Look at a job before any is attempted."""
        yield from ()

    def may_deepen(self, wanted: ObjectId) -> bool:
        """Whether an object may need more bases than before: only if it is nobody's base.

        Depths fall along every chain, and a chain must not come back to where it began.
        """
        return False


Read = Callable[[Located], bytes]


def read_all(read: Read, sources: Sources) -> list[tuple[Candidate, NewObject]]:
    """The objects of a job that can be read, in order. Any thread may call it."""
    found: list[tuple[Candidate, NewObject]] = []
    for candidate, located in zip(sources.candidates, sources.located, strict=True):
        try:
            data = read(located)
        except DataError:
            continue  # a scrub tells
        found.append((candidate, NewObject(candidate.kind, candidate.id, data)))
    return found


def offer_alone(new: Sequence[NewObject], run: EncodedRun) -> Offer:
    """An offer of objects that need no bases."""
    return Offer([each.id for each in new], [None] * len(new), run)


def is_movable(view: IndexView, wanted: ObjectId, row: ObjectRecord) -> bool:
    """Whether a row is of a chunk that is needed, whole, and in no group."""
    return (
        row.kind == ObjectKind.CHUNK
        and row.references > 0
        and not is_in_group(row)
        and view.get(DAMAGED, wanted) is None
    )


def filled_jobs(candidates: Iterable[Candidate], plain_bytes: int) -> Iterator[Job]:
    """Neighbours become jobs, so many plain bytes each."""
    filled: list[Candidate] = []
    size = 0
    for each in candidates:
        if filled and size + each.plain > plain_bytes:
            yield Job(tuple(filled))
            filled, size = [], 0
        filled.append(each)
        size += each.plain
    if filled:
        yield Job(tuple(filled))
