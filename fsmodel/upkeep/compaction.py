"""Compaction: what is live is copied out of wasteful packs, which can then be deleted.

The phases are types: what must not happen yet cannot be called. A kill in any of them loses
nothing: a copy that no row points at is dead space, and an original stays until its pack is
retired (retirement.py). How frames are copied says frame_copies.py.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from fsmodel.change import Change, Changes
from fsmodel.ids import PackId
from fsmodel.steps import PAUSE, Steps, Work
from fsmodel.store.dead_bytes import count_dead
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_walk import WALK_START, PlacedObject
from fsmodel.store.pack_writer import PackWriter
from fsmodel.store.placement import lies_at
from fsmodel.upkeep.damage import Unreadable
from fsmodel.upkeep.frame_copies import Copied, Copy, Lot, copy_lot, lots_of
from fsmodel.upkeep.object_rows import ensure_pack_row, move_object, moved_record
from fsmodel.upkeep.pack_usage import PackSurvey, PackUsage

OPERATION_ROWS: Final = 256
WASTE_RATIO_FLOOR: Final = 0.005  # 64 MiB are not copied for less than a third of a MiB
SYNC_COST_BYTES: Final = 1 << 20  # waits for the disk, so a worker does it


@dataclass(frozen=True, slots=True)
class CompactionLimits:
    """Which packs are worth copying."""

    waste_ratio_min: float = 0.2  # dead share of a pack from which on it is compacted in any case
    garbage_share_kept: float = 1.0  # go on below that ratio until this share of garbage is left


@dataclass(frozen=True, slots=True)
class CompactionPlan:
    """What to do with packs."""

    drop: tuple[PackUsage, ...]  # nothing in them is needed
    rewrite: tuple[PackUsage, ...]


def plan_compaction(usages: Iterable[PackUsage], limits: CompactionLimits) -> CompactionPlan:
    """Choose packs, the most wasteful first."""
    drop: list[PackUsage] = []
    rewrite: list[PackUsage] = []
    ordered = sorted(usages, key=lambda usage: usage.waste_ratio, reverse=True)
    left = sum(usage.dead_bytes for usage in ordered)
    kept_max = left * limits.garbage_share_kept
    for usage in ordered:
        if usage.live_bytes == 0:
            drop.append(usage)
        elif _can_gain(usage) and (usage.waste_ratio >= limits.waste_ratio_min or left > kept_max):
            rewrite.append(usage)
        else:
            continue
        left -= usage.dead_bytes
    return CompactionPlan(tuple(drop), tuple(rewrite))


def _can_gain(usage: PackUsage) -> bool:
    """Whether there is waste worth the copying, and anything to copy."""
    return usage.waste_ratio >= WASTE_RATIO_FLOOR and usage.live_bytes > usage.stuck_bytes


@dataclass(frozen=True, slots=True)
class CopiedFrames:
    """Copies that are not durable yet; every row still points at the original."""

    copies: tuple[Copy, ...]
    writer: PackWriter

    def make_durable(self) -> Steps["DurableFrames"]:
        """Sync the copies, and only then hand out the next phase. Raises BackendError."""
        yield Work(self.writer.sync, SYNC_COST_BYTES)
        return DurableFrames(self.copies)


@dataclass(frozen=True, slots=True)
class DurableFrames:
    """Copies that survive a loss of power; the only phase that may move rows."""

    copies: tuple[Copy, ...]

    def repoint(self, changes: Changes, objects: ObjectStore) -> Steps[None]:
        """Point every copied object at its new place, so many in one operation. Raises NoSpace."""
        for start in range(0, len(self.copies), OPERATION_ROWS):
            with changes.begin() as change:
                _repoint_some(change, objects, self.copies[start : start + OPERATION_ROWS])
            yield PAUSE


class Compactor:
    """Empties packs. Owner: the thread that owns the index."""

    def __init__(
        self,
        changes: Changes,
        objects: ObjectStore,
        survey: PackSurvey,
        reader: PackReader,
        writer: PackWriter,
        on_damage: Callable[[Sequence[Unreadable]], Steps[None]],
    ) -> None:
        self._changes = changes
        self._objects = objects
        self._survey = survey
        self._reader = reader
        self._writer = writer
        self._on_damage = on_damage

    def empty(self, pack: PackId) -> Steps[int]:
        """Move every object out of a pack that grows no more; return the bytes copied.

        What is damaged stays where it is, and is reported. Raises NoSpace, BackendError.
        """
        moved, at = 0, WALK_START
        while True:
            walked = yield from self._survey.walk(pack, at)
            moved += yield from self._move(self._survey.live(walked.objects))
            at = walked.end
            if walked.ended:
                break
        if not walked.whole:
            moved += yield from self._move((yield from self._survey.rows_in(pack)))
        return moved

    def _move(self, live: Sequence[PlacedObject]) -> Steps[int]:
        copies: list[Copy] = []
        for lot in lots_of(live):
            copies += yield from self._copy(lot)
        if copies:
            durable = yield from CopiedFrames(tuple(copies), self._writer).make_durable()
            yield from durable.repoint(self._changes, self._objects)
        return sum(copy.place.stored for copy in copies)

    def _copy(self, lot: Lot) -> Steps[list[Copy]]:
        work = partial(copy_lot, self._reader, self._writer, lot)
        copied: Copied = yield Work(work, lot.work_bytes)
        yield from self._on_damage(copied.damaged)
        return copied.copies


def _repoint_some(change: Change, objects: ObjectStore, copies: Sequence[Copy]) -> None:
    dead: Counter[int] = Counter()
    for copy in copies:
        if move_object(change, copy.id, copy.former, copy.place, copy.codec):
            dead[copy.former.pack] += copy.former.stored
            continue
        unrecorded = objects.unrecorded.get(copy.id)
        if unrecorded is not None and lies_at(unrecorded, copy.former):
            moved = moved_record(unrecorded, copy.place, copy.codec)
            change.when_applied(partial(objects.move_unrecorded, copy.id, moved))
    for pack, size_bytes in dead.items():
        count_dead(change, pack, size_bytes)
    for pack in {copy.place.pack for copy in copies}:
        ensure_pack_row(change, pack)
        former = {copy.former.pack for copy in copies if copy.place.pack == pack}
        objects.untried.carry(change, former, pack)
