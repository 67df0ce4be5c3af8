"""Compaction: live frames are copied out of wasteful packs, which can then be deleted.

The phases are types: what must not happen yet cannot be called. A kill in any of them loses
nothing: a copy that no row points at is dead space, and an original stays until its pack is
retired (retirement.py). Payloads are copied as they are; only the checksums, which depend on the
pack, are made anew, and the frame is verified on the way.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

from fsmodel.change import Change, Changes
from fsmodel.errors import FrameCorrupt
from fsmodel.ids import ObjectId, PackId
from fsmodel.steps import PAUSE, Steps, Work
from fsmodel.store.dead_bytes import count_dead
from fsmodel.store.objects import ObjectStore
from fsmodel.store.pack_format import Location, encode_frame
from fsmodel.store.pack_reader import PackReader
from fsmodel.store.pack_walk import WALK_START, PlacedFrame
from fsmodel.store.pack_writer import PackWriter
from fsmodel.upkeep.damage import Unreadable
from fsmodel.upkeep.object_rows import ensure_pack_row, lies_at, move_object
from fsmodel.upkeep.pack_usage import PackSurvey, PackUsage

COPY_BYTES: Final = 4 << 20  # in memory at once
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


class Copy(NamedTuple):
    """A frame and its copy."""

    id: ObjectId
    former: Location
    place: Location


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
            moved += yield from self._move(self._survey.live(walked.frames))
            at = walked.end
            if walked.ended:
                break
        if not walked.whole:
            moved += yield from self._move((yield from self._survey.rows_in(pack)))
        return moved

    def _move(self, frames: Sequence[PlacedFrame]) -> Steps[int]:
        copies: list[Copy] = []
        for group in _groups(frames):
            copies += yield from self._copy(group)
        if copies:
            durable = yield from CopiedFrames(tuple(copies), self._writer).make_durable()
            yield from durable.repoint(self._changes, self._objects)
        return sum(copy.place.stored for copy in copies)

    def _copy(self, group: Sequence[PlacedFrame]) -> Steps[list[Copy]]:
        size = sum(frame.location.stored for frame in group)
        copied: Copied = yield Work(partial(copy_frames, self._reader, self._writer, group), size)
        yield from self._on_damage(copied.damaged)
        return copied.copies


class Copied(NamedTuple):
    """What became of some frames."""

    copies: list[Copy]
    damaged: list[Unreadable]


def copy_frames(reader: PackReader, writer: PackWriter, frames: Sequence[PlacedFrame]) -> Copied:
    """Append copies of frames. Any thread may call it. Raises NoSpace, BackendError."""
    damaged, sources, new = [], [], []
    for placed in frames:
        try:
            frame = reader.read_frame(placed.location, placed.id)
        except FrameCorrupt as error:
            damaged.append(Unreadable(placed.id, placed.location, error))
            continue
        sources.append(placed)
        facts = frame.kind, frame.codec, frame.plain_size, frame.id
        new.append(encode_frame(*facts, frame.payload, base=frame.base))
    places = writer.append(new)
    copies = [
        Copy(source.id, source.location, place)
        for source, place in zip(sources, places, strict=True)
    ]
    return Copied(copies, damaged)


def _repoint_some(change: Change, objects: ObjectStore, copies: Sequence[Copy]) -> None:
    dead: Counter[int] = Counter()
    for copy in copies:
        if move_object(change, copy.id, copy.former, copy.place):
            dead[copy.former.pack] += copy.former.stored
            continue
        unrecorded = objects.unrecorded.get(copy.id)
        if unrecorded is not None and lies_at(unrecorded, copy.former):
            change.when_applied(partial(objects.move_unrecorded, copy.id, copy.place))
    for pack, size_bytes in dead.items():
        count_dead(change, pack, size_bytes)
    for pack in {copy.place.pack for copy in copies}:
        ensure_pack_row(change, pack)


def _groups(frames: Iterable[PlacedFrame]) -> Iterator[list[PlacedFrame]]:
    """The frames in groups that fit into memory."""
    group: list[PlacedFrame] = []
    size = 0
    for frame in frames:
        if group and size + frame.location.stored > COPY_BYTES:
            yield group
            group, size = [], 0
        group.append(frame)
        size += frame.location.stored
    if group:
        yield group
