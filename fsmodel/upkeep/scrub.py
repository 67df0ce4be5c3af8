"""Scrub: every object is read from its pack, verified and decoded.

It goes through the objects by id and remembers how far it has come, so that it can be interrupted
and goes on where it was. A stretch of them is read in the order it lies in the packs. What cannot
be read is noted (damage.py), and at the end traced to the files it is needed for (hurt_files.py).

Reading is bounded in speed, so that others have the disk too. Memory: the rows of one stretch, and
one object for each thread.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice
from typing import Final, NamedTuple

from fsmodel.change import Changes
from fsmodel.errors import (
    BaseUnreadable,
    ChunkNotFound,
    DataError,
    FrameCorrupt,
    HashMismatch,
)
from fsmodel.ids import ObjectId
from fsmodel.steps import PAUSE, Steps, Work
from fsmodel.store.object_reader import Located
from fsmodel.store.objects import ObjectStore
from fsmodel.store.placement import placement_of
from fsmodel.upkeep.damage import KnownDamage, Notes, Unreadable
from fsmodel.upkeep.verified_groups import VerifiedGroups
from lmdb_index.index import Index
from lmdb_index.keys import after_prefix
from lmdb_index.records import ScrubRecord
from lmdb_index.schema import OBJECT, SCRUB

STRETCH_OBJECTS: Final = 1024
BATCH_BYTES: Final = 4 << 20  # of frames, read by a worker at a time
PROGRESS_KEY: Final = b"progress"

Report = Callable[[int, int, str], None]  # done, total, of what


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast frames may be read."""

    bytes_per_second: int  # 0: as fast as it goes
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @property
    def batch_bytes(self) -> int:
        """How much one hop to a worker may read: it takes about a quarter second at most."""
        return min(BATCH_BYTES, self.bytes_per_second // 4) or BATCH_BYTES

    def keep(self, size_bytes: int, started: float) -> None:
        """Wait until so many bytes may have been read since a moment."""
        if self.bytes_per_second:
            due = started + size_bytes / self.bytes_per_second
            self.sleep(max(due - self.monotonic(), 0))


class Verified(NamedTuple):
    """What a worker has found about a batch of objects."""

    readable: list[ObjectId]
    unreadable: list[Unreadable]


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A scrub that has come to its end."""

    checked_objects: int
    checked_bytes: int  # of frames
    damage: tuple[KnownDamage, ...]


class Scrubber:
    """Reads everything. Owner: the thread that owns the index."""

    def __init__(
        self,
        index: Index,
        changes: Changes,
        objects: ObjectStore,
        notes: Notes,
        *,
        is_kept: bool = True,
    ) -> None:
        """Unless `is_kept`, it is not remembered how far a scrub has come."""
        self._index = index
        self._changes = changes
        self._objects = objects
        self._notes = notes
        self._is_kept = is_kept

    def run(self, report: Report, pace: Pace, *, restart: bool) -> Steps[Scrubbed]:
        """Go on with the scrub that was interrupted, or begin one.

        Raises NoSpace, BackendError.
        """
        progress = self._progress(restart=restart)
        groups = VerifiedGroups()
        start: bytes | None = progress.next
        while start is not None:
            stretch, start = yield from self._stretch(start)
            for batch in _batches(stretch, pace.batch_bytes):
                verified: Verified = yield Work(
                    partial(verify_batch, self._objects, batch, pace, groups), BATCH_BYTES
                )
                yield from self._notes.note(verified.unreadable)
                self._notes.withdraw(verified.readable)
            progress = self._remember(progress, stretch, start)
            report(progress.objects, self._index.count(OBJECT), "objects")
            yield PAUSE
        damage = tuple(self._notes.known())
        return Scrubbed(progress.objects, progress.size_bytes, damage)

    def _progress(self, *, restart: bool) -> ScrubRecord:
        row = self._index.get(SCRUB, PROGRESS_KEY)
        if row is None or row.ended_ns or restart or not self._is_kept:
            return ScrubRecord(b"", 0, 0, self._changes.now_ns())
        return row

    def _stretch(self, start: bytes) -> Steps[tuple[list[Located], bytes | None]]:
        """Some objects, in the order they lie in the packs, and where the next ones begin.

        Those whose chain of bases has no end, or none that is stored, are noted here.
        """
        rows = list(islice(self._index.scan(OBJECT, start), STRETCH_OBJECTS))
        located, unreadable = [], []
        for key, row in rows:
            try:
                located.append(self._objects.locate(ObjectId(key)))
            except (ChunkNotFound, FrameCorrupt) as error:
                problem = BaseUnreadable(key, row.base, str(error))
                location = placement_of(row).location
                unreadable.append(Unreadable(ObjectId(key), location, problem))
        yield from self._notes.note(unreadable)
        located.sort(key=lambda each: each.location)
        return located, after_prefix(rows[-1][0]) if rows else None

    def _remember(
        self, progress: ScrubRecord, stretch: Sequence[Located], start: bytes | None
    ) -> ScrubRecord:
        """Keep how far it has come; nothing is left to do when there is no next start."""
        row = ScrubRecord(
            next=start or b"",
            objects=progress.objects + len(stretch),
            size_bytes=progress.size_bytes + sum(each.place.stored for each in stretch),
            started_ns=progress.started_ns,
            ended_ns=0 if start is not None else self._changes.now_ns(),
        )
        if self._is_kept:
            with self._changes.begin() as change:
                change.operation.put(SCRUB, PROGRESS_KEY, row)
        return row


def verify_batch(
    objects: ObjectStore, batch: Iterable[Located], pace: Pace, groups: VerifiedGroups
) -> Verified:
    """Read objects, at a bounded speed. Any thread may call it."""
    verified = Verified([], [])
    for located in batch:
        if located.in_group and groups.has(located):
            verified.readable.append(located.id)
            continue
        started = pace.monotonic()
        try:
            if located.in_group:
                groups.add(located.location, objects.members_at(located.location))
                _require_member(located, groups)
            else:
                objects.verify(located)
        except DataError as error:
            verified.unreadable.append(Unreadable(located.id, located.location, error))
        else:
            verified.readable.append(located.id)
        pace.keep(located.location.stored, started)
    return verified


def _require_member(located: Located, groups: VerifiedGroups) -> None:
    if not groups.has(located):
        raise HashMismatch(located.id, str(located.location))


def _batches(stretch: Iterable[Located], batch_bytes: int) -> Iterator[list[Located]]:
    """The objects of a stretch, so many bytes of frames at a time."""
    batch: list[Located] = []
    size = 0
    for location, together in groupby(stretch, key=lambda each: each.location):
        if batch and size + location.stored > batch_bytes:
            yield batch
            batch, size = [], 0
        batch += together
        size += location.stored
    if batch:
        yield batch
